"""Dask's graphs in containers: what `dask.compute(..., scheduler=AbacoExecutor())` calls.

Dask would also take the executor as a plain one, by its `submit`. It then never says that a graph
was given up, so an interrupt would leave its calls running: hence a scheduler of our own, around
dask's.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

from abaco_jupyter.executor.open_calls import OpenCalls

if TYPE_CHECKING:
    from abaco_jupyter.executor.executor import AbacoExecutor

_FILES = "partd"
"""The package whose objects are files on the disk of whoever made them."""


def run_graph(executor: "AbacoExecutor", graph: Any, keys: Any, **options: Any) -> Any:
    """What dask wants of a scheduler: the values of `keys`, nested as they are.

    A task that raises, and an interrupt, end the graph: its calls that wait are dropped, those
    that run are stopped.

    Parameters
    ----------
    graph : mapping, or what has `__dask_graph__`
    keys : key or (nested) list of keys
    options
        Of `dask.local.get_async`: `num_workers` calls at once (the executor's own number),
        `chunksize` tasks a call (1), `cache`, `callbacks`.
    """
    from dask.local import SynchronousExecutor, get_async

    calls = OpenCalls()

    def submit(run: Any, batch: Sequence[tuple[Any, ...]]) -> Future[Any]:
        if any(_is_of_files(*sent) for _, sent, *_ in batch):
            here: Future[Any] = SynchronousExecutor().submit(run, batch)  # type: ignore[no-untyped-call]
            return here
        return calls.submit(executor, run, batch)

    workers = options.pop("num_workers", None) or executor._max_workers
    try:
        return get_async(submit, workers, graph, keys, **options)  # type: ignore[no-untyped-call]
    except BaseException as error:
        if hindered := calls.give_up():
            error.add_note(f"A call of the graph could not be cancelled: {hindered}")
        raise


def _is_of_files(task: Any, data: dict[Any, Any]) -> bool:
    """Part of a shuffle by files (`dataframe.shuffle.method` "disk"): they lie on this machine,
    and no container sees them or those of another."""
    makes = getattr(task, "func", None)
    if isinstance(makes, partial):
        makes = makes.func
    kind = makes if isinstance(makes, type) else type(makes)
    return _FILES in kind.__name__ or any(map(_is_file, (kind, *map(type, data.values()))))


def _is_file(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == _FILES
