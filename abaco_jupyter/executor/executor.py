"""The executor: its actor, and calls on their way to it."""

import hashlib
import itertools
import pickle
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

from abaco_jupyter.build.environment import Environment
from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.registration import settle
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.executor.future import AbacoFuture
from abaco_jupyter.executor.line import Call, Line
from abaco_jupyter.wire.call import own_version, pickle_by_value
from abaco_jupyter.wire.errors import InvalidRequest
from abaco_jupyter.wire.limits import MAX_WORKERS

SOURCE = "from abaco_runtime.calls import answer\n"
_MARK = "ABACO_EXECUTOR_PYTHON"
"""Variable of an executor's actor: the Python version whose calls it runs."""


class AbacoExecutor(Executor):
    """`concurrent.futures.Executor` whose calls run in containers, each one an execution.

    All calls go to one stateless actor, which is made (and its image built) when the executor is:
    the next executor with the same arguments finds both. The actor and what it ran stay; calls
    that have reached the server survive its restart. Functions of notebook cells and of modules
    that are not installed travel by value, with what they use.

    Parameters
    ----------
    max_workers : int, optional
        Calls that run at once; without it, as many as the server gives an actor (6).
    pip : sequence of str
        Packages that the functions need.
    image : str, optional
        A base image, with this kernel's Python version, in place of ours.
    actor : str, optional
        The id or name of an actor that another executor made. Nothing is built.
    memory : str, optional
        What a container may use, such as `"512m"`.
    abaco : Abaco, optional
        The server; without it, it is found as `Abaco()` finds it.

    Attributes
    ----------
    actor : Actor

    Raises
    ------
    ServerNotFound, BuildFailed
        As `Abaco` and `Abaco.build` raise them.
    InvalidRequest
        `actor` was made by no executor, or by one in another version of Python.

    Examples
    --------
    >>> with AbacoExecutor(pip=["numpy"]) as executor:
    ...     print(list(executor.map(simulate, range(20))))
    """

    def __init__(
        self,
        max_workers: int | None = None,
        *,
        pip: Sequence[str] = (),
        image: str | None = None,
        actor: str | None = None,
        memory: str | None = None,
        abaco: Abaco | None = None,
    ) -> None:
        if max_workers is not None and max_workers < 1:
            raise ValueError("max_workers must be greater than 0")
        if actor is not None and (pip or image or memory or max_workers is not None):
            raise ValueError("an actor brings its own image and settings: give only actor=")
        server = Abaco() if abaco is None else abaco
        if actor is not None:
            self.actor = _made_before(server, actor)
        else:
            self.actor = _made(server, Environment(base=image, pip=tuple(pip)), max_workers, memory)
        self._max_workers = self.actor.known.get("maxWorkers") or MAX_WORKERS
        self._last_function = b""
        self._line = Line(self.actor)
        self._finalizer = weakref.finalize(self, self._line.close)
        self._finalizer.atexit = False  # what is on the server goes on without us

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> AbacoFuture:
        """Call `fn(*args, **kwargs)` in a container.

        What cannot be pickled is the future's exception.

        Raises
        ------
        RuntimeError
            After `shutdown`.
        concurrent.futures.BrokenExecutor
            The server was lost for good.
        """
        future = AbacoFuture(self._line)
        call = self._call(future, fn, self._function(fn), (args, kwargs), many=False)
        self._line.add([] if call is None else [(future, call)])
        return future

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[Any]:
        """As `Executor.map`: results in order. All calls are submitted at once.

        With a `chunksize` so many calls are one execution, which saves starting containers. A
        kernel interrupt, as leaving the iteration, drops what has not begun; an interrupt also
        stops what runs.
        """
        return self.starmap(fn, zip(*iterables, strict=False), timeout=timeout, chunksize=chunksize)

    def starmap(
        self,
        fn: Callable[..., Any],
        arguments: Iterable[Sequence[Any]],
        *,
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[Any]:
        """As `map`, for tuples of arguments: `fn(*one)` for each."""
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        deadline = None if timeout is None else time.monotonic() + timeout
        many = chunksize > 1
        function = self._function(fn)
        futures, calls = [], []
        for chunk in _batched(arguments, chunksize):
            future = AbacoFuture(self._line)
            given = list(chunk) if many else (tuple(chunk[0]), {})
            call = self._call(future, fn, function, given, many=many)
            futures.append(future)
            if call is not None:
                calls.append((future, call))
        self._line.add(calls)
        return _results(self._line, futures, deadline, many=many)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; wait for those there are, unless `wait` is False.

        `cancel_futures` drops those that have not begun, on the server too.
        """
        self._line.close(cancel=cancel_futures)
        if wait:
            self._line.join()

    def __call__(self, graph: Any, keys: Any, **options: Any) -> Any:
        """What dask calls of its `scheduler=executor`: the values of `keys` of a graph."""
        from abaco_jupyter.executor.dask import run_graph

        return run_graph(self, graph, keys, **options)

    def __repr__(self) -> str:
        return f"AbacoExecutor(actor={self.actor.title!r}, max_workers={self._max_workers})"

    def _function(self, fn: Any) -> bytes | Exception:
        """Its pickle, or why there is none. Thousands of calls of one function keep one copy."""
        try:
            function = pickle_by_value(fn)
        except Exception as error:  # noqa: BLE001  pickling runs code of the user's own classes
            return error
        if function != self._last_function:
            self._last_function = function
        return self._last_function

    def _call(
        self, future: AbacoFuture, fn: Any, function: bytes | Exception, given: Any, *, many: bool
    ) -> Call | None:
        """None: it cannot be pickled, and the future says so."""
        if isinstance(function, Exception):
            _unsent(future, fn, function)
            return None
        try:
            arguments = pickle_by_value(given)
        except Exception as error:  # noqa: BLE001  as above
            _unsent(future, fn, error)
            return None
        return Call(function=function, arguments=arguments, many=many)


def _unsent(future: AbacoFuture, fn: Any, error: Exception) -> None:
    name = getattr(fn, "__name__", repr(fn))
    failed = pickle.PicklingError(f"The call of {name} cannot be sent to a container: {error}")
    failed.__cause__ = error
    future.set_exception(failed)


def _made(server: Abaco, around: Environment, max_workers: int | None, memory: str | None) -> Actor:
    spec = around.spec(SOURCE, "answer")
    build = server.build(spec)
    facts = f"{spec.digest()} {max_workers} {memory}"
    name = f"executor-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"
    wanted = {
        "description": f"Runs the calls of AbacoExecutor in Python {own_version()}.",
        "stateless": True,
        "maxWorkers": max_workers,
        "memLimit": memory,
        "defaultEnvironment": {_MARK: own_version()},
    }
    actor, _ = settle(server, name, build.image, wanted)
    return actor


def _made_before(server: Abaco, name: str) -> Actor:
    actor = server.actor(name)
    python = (actor.known.get("defaultEnvironment") or {}).get(_MARK)
    if python is None:
        raise InvalidRequest(
            f"{actor.title} was not made by an AbacoExecutor, so it cannot run its calls. Leave "
            "actor= out, or call it as an actor: Abaco().actor(...)(...)."
        )
    if python != own_version():
        raise InvalidRequest(
            f"{actor.title} runs the calls of Python {python}, and this kernel has Python "
            f"{own_version()}: pickled functions run in the version that pickled them only. "
            "Leave actor= out to have one made."
        )
    return actor


def _batched(values: Iterable[Any], size: int) -> Iterator[tuple[Any, ...]]:
    iterator = iter(values)
    while chunk := tuple(itertools.islice(iterator, size)):
        yield chunk


def _results(
    line: Line, futures: list[AbacoFuture], deadline: float | None, *, many: bool
) -> Iterator[Any]:
    futures.reverse()
    try:
        while futures:
            left = None if deadline is None else deadline - time.monotonic()
            value = futures[-1].result(left)
            futures.pop()
            if many:
                yield from value
            else:
                yield value
    except KeyboardInterrupt:
        line.cancel(futures, force=True)
        raise
    finally:
        if futures:
            line.cancel(futures)
