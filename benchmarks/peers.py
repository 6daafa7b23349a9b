"""Us and the schedulers that we are measured against, each set up as its documentation does.

A peer is one process's business: `one_peer.py` opens it in a process of its own, so that no peer
sees threads, imports or workers of another.
"""

import ast
import inspect
import logging
import os
import socket
import subprocess
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from typing import Any

import psutil

from benchmarks import tidy, work

CHUNK = 64
SERVICE = "ABACO_BENCH_SERVICE"
"""Environment variable: the id by which the engine knows the containers of the server."""
IMAGE = "abaco-jupyter/python:3.11"
"""Of the calls by `docker run`."""
Function = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What is open: some workers that run functions of one argument."""

    call: Callable[[Function, Any], Any]
    map: Callable[[Function, Sequence[Any]], list[Any]]
    """As its users write it first."""
    chunked: Callable[[Function, Sequence[Any]], list[Any]] | None = None
    """The same with 64 calls to a task."""
    processes: Callable[[], list[psutil.Process]] | None = None
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
def _ours(workers: int, isolation: Any = "process") -> Iterator[Pool]:
    from abaco_jupyter import AbacoExecutor

    with AbacoExecutor(workers, isolation=isolation) as executor:
        yield Pool(
            call=lambda function, value: executor.submit(function, value).result(),
            map=lambda function, values: list(executor.map(function, values)),
            chunked=lambda function, values: list(executor.map(function, values, chunksize=CHUNK)),
            processes=lambda: of_containers(os.environ[SERVICE]),
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

    home = tidy.ray_home(os.environ[tidy.MARK])
    remote = ray.remote(_apply)

    def run(function: Function, values: Sequence[Any]) -> list[Any]:
        there = ray.put(function)
        return ray.get([remote.remote(there, value) for value in values])

    try:
        # Its node gives its own agents 15 s to start, which nothing changes: on a machine that is
        # busy with something else it fails, and is tried again in the next round.
        ray.init(
            num_cpus=workers,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=500_000_000,
            _temp_dir=str(home),
        )
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


@contextmanager
def _thespian(_: int) -> Iterator[Pool]:
    """Its TCP base, and one actor that is asked."""
    from thespian.actors import ActorSystem

    from benchmarks.thespian_actor import Answering

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {"version": 1, "disable_existing_loggers": False}
    system = ActorSystem("multiprocTCPBase", {"Admin Port": port}, logDefs=quiet)
    try:
        actor = system.createActor(Answering)

        def call(function: Function, value: Any) -> Any:
            return system.ask(actor, (function, value), 60)

        yield Pool(call=call, map=lambda function, values: [call(function, one) for one in values])
    finally:
        system.shutdown()


@contextmanager
def _docker_run(workers: int) -> Iterator[Pool]:
    """As Abaco runs a message: a new container for each call."""
    with ThreadPoolExecutor(workers) as threads:
        yield Pool(
            call=_in_container,
            map=lambda function, values: list(
                threads.map(partial(_in_container, function), values)
            ),
        )


def _in_container(function: Function, value: Any) -> Any:
    program = f"{inspect.getsource(work)}\nprint(repr({function.__name__}({value!r})))"
    command = ["docker", "run", "--rm", IMAGE, "python3", "-c", program]
    return ast.literal_eval(
        subprocess.run(command, check=True, capture_output=True).stdout.decode()
    )


OURS = "abaco"
OURS_INSIDE = "abaco, isolation none"
"""One interpreter that stays runs the calls, without a process for each."""
PEERS = {
    OURS: Peer(package="abaco-jupyter", open=_ours),
    "dask": Peer(package="distributed", open=_distributed),
    "ray": Peer(package="ray", open=_ray),
    "ipyparallel": Peer(package="ipyparallel", open=_ipyparallel),
    "process pool": Peer(package="abaco-jupyter", open=_process_pool),
    "loky": Peer(package="loky", open=_loky),
    "joblib": Peer(package="joblib", open=_joblib),
    "docker run": Peer(package="abaco-jupyter", open=_docker_run),
}
ASKED = {
    OURS_INSIDE: Peer(package="abaco-jupyter", open=partial(_ours, isolation="none")),
    "thespian": Peer(package="thespian", open=_thespian),
}
"""P13: one worker, one call after the other."""


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


def of_containers(service: str) -> list[psutil.Process]:
    """What runs in the containers of a service of ours, and the engine's process beside each."""
    import docker

    client = docker.from_env()
    try:
        found = client.api.containers(filters={"label": f"abaco.service={service}"})
        first = [client.api.inspect_container(one["Id"])["State"]["Pid"] for one in found]
    finally:
        client.close()
    processes = []
    for pid in filter(None, first):
        with suppress(psutil.NoSuchProcess):  # its container has just ended
            shim = psutil.Process(pid).parent()
            processes += [] if shim is None else [shim, *shim.children(recursive=True)]
    return processes
