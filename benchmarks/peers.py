"""Us and the schedulers that we are measured against, each set up as its documentation does.

A peer is one process's business: `one_peer.py` opens it in a process of its own, so that no peer
sees threads, imports or workers of another.
"""

import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from typing import Any

import psutil

CHUNK = 64
Function = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What is open: some workers that run functions of one argument."""

    call: Callable[[Function, Any], Any]
    map: Callable[[Function, Sequence[Any]], list[Any]]
    """As its users write it first."""
    chunked: Callable[[Function, Sequence[Any]], list[Any]]
    """The same with 64 calls to a task."""
    processes: Callable[[], list[psutil.Process]]
    """Of its workers, and what was started to run them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    package: str
    open: Callable[[int], AbstractContextManager[Pool]]

    @property
    def release(self) -> str | None:
        """None: it is not installed."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return None


@contextmanager
def _ours(workers: int) -> Iterator[Pool]:
    from abaco_jupyter import AbacoExecutor

    with AbacoExecutor(workers) as executor:
        yield Pool(
            call=lambda function, value: executor.submit(function, value).result(),
            map=lambda function, values: list(executor.map(function, values)),
            chunked=lambda function, values: list(executor.map(function, values, chunksize=CHUNK)),
            processes=_of_containers,
        )


@contextmanager
def _distributed(workers: int) -> Iterator[Pool]:
    from distributed import Client, LocalCluster

    warnings.filterwarnings("ignore", "Sending large graph")
    cluster = LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        dashboard_address=None,
        silence_logs=logging.ERROR,
    )
    with cluster, Client(cluster) as client:
        # Equal calls would be run once.
        submit = partial(client.map, pure=False)
        yield Pool(
            call=lambda function, value: client.submit(function, value, pure=False).result(),
            map=lambda function, values: client.gather(submit(function, values)),
            chunked=lambda function, values: _flat(
                client.gather(submit(partial(_run_chunk, function), _chunks(values)))
            ),
            processes=_children,
        )


@contextmanager
def _ray(workers: int) -> Iterator[Pool]:
    import ray

    home = tempfile.mkdtemp(prefix="ray.")
    ray.init(
        num_cpus=workers,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=500_000_000,
        _temp_dir=home,
    )
    remote = ray.remote(_apply)

    def run(function: Function, values: Sequence[Any]) -> list[Any]:
        there = ray.put(function)
        return ray.get([remote.remote(there, value) for value in values])

    try:
        yield Pool(
            call=lambda function, value: ray.get(remote.remote(function, value)),
            map=run,
            chunked=lambda function, values: _flat(
                run(partial(_run_chunk, function), _chunks(values))
            ),
            processes=_children,
        )
    finally:
        ray.shutdown()
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _ipyparallel(workers: int) -> Iterator[Pool]:
    import ipyparallel

    cluster = ipyparallel.Cluster(n=workers, log_level=logging.ERROR)
    with cluster as client:
        view = client.load_balanced_view()
        yield Pool(
            call=lambda function, value: view.apply_sync(function, value),
            map=lambda function, values: list(view.map_sync(function, values)),
            chunked=lambda function, values: list(
                view.map(function, values, block=True, chunksize=CHUNK)
            ),
            processes=_children,
        )


@contextmanager
def _process_pool(workers: int) -> Iterator[Pool]:
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(workers) as executor:
        yield _of_futures(executor)


@contextmanager
def _loky(workers: int) -> Iterator[Pool]:
    from loky import get_reusable_executor

    executor = get_reusable_executor(workers)
    try:
        yield _of_futures(executor)
    finally:
        executor.shutdown()


@contextmanager
def _joblib(workers: int) -> Iterator[Pool]:
    from joblib import Parallel, delayed, parallel_config

    def run(function: Function, values: Sequence[Any], size: Any = "auto") -> list[Any]:
        with parallel_config(backend="loky", n_jobs=workers):
            loop = Parallel(batch_size=size)
            return loop(delayed(function)(value) for value in values)

    yield Pool(
        call=lambda function, value: run(function, [value])[0],
        map=run,
        chunked=lambda function, values: run(function, values, CHUNK),
        processes=_children,
    )


OURS = "abaco"
PEERS = {
    OURS: Peer(package="abaco-jupyter", open=_ours),
    "dask": Peer(package="distributed", open=_distributed),
    "ray": Peer(package="ray", open=_ray),
    "ipyparallel": Peer(package="ipyparallel", open=_ipyparallel),
    "process pool": Peer(package="abaco-jupyter", open=_process_pool),
    "loky": Peer(package="loky", open=_loky),
    "joblib": Peer(package="joblib", open=_joblib),
}


def _of_futures(executor: Any) -> Pool:
    return Pool(
        call=lambda function, value: executor.submit(function, value).result(),
        map=lambda function, values: list(executor.map(function, values, chunksize=1)),
        chunked=lambda function, values: list(executor.map(function, values, chunksize=CHUNK)),
        processes=_children,
    )


def _apply(function: Function, value: Any) -> Any:
    return function(value)


def _run_chunk(function: Function, values: Sequence[Any]) -> list[Any]:
    return [function(value) for value in values]


def _chunks(values: Sequence[Any]) -> list[Sequence[Any]]:
    return [values[begin : begin + CHUNK] for begin in range(0, len(values), CHUNK)]


def _flat(chunks: list[list[Any]]) -> list[Any]:
    return list(chain.from_iterable(chunks))


def _children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _of_containers() -> list[psutil.Process]:
    """What runs in containers of executors, and the engine's process beside each."""
    import docker

    client = docker.from_env()
    try:
        found = client.api.containers(filters={"label": "abaco.service"})
        first = [client.api.inspect_container(one["Id"])["State"]["Pid"] for one in found]
    finally:
        client.close()
    shims = [psutil.Process(pid).parent() for pid in first if pid]
    return [one for shim in shims if shim for one in (shim, *shim.children(recursive=True))]
