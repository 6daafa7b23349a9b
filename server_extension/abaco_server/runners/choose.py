"""Which runner this service uses."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from abaco_jupyter.wire.errors import RunnerUnavailable
from abaco_server.model.clock import Clock, SystemClock
from abaco_server.runners.docker import DockerRunner, connect
from abaco_server.runners.process import ProcessRunner
from abaco_server.runners.threads import Threads

AUTO = "auto"
CHOICES = (AUTO, DockerRunner.name, ProcessRunner.name)


async def choose(
    name: str,
    *,
    service_id: str,
    run_dir: Path,
    environments: Path,
    runtime: Sequence[Path],
    docker_url: str | None = None,
    clock: Clock | None = None,
    grace: timedelta = timedelta(seconds=10),
) -> DockerRunner | ProcessRunner:
    """`auto` is Docker when an engine answers, else process. Raises RunnerUnavailable.

    The caller closes what it gets.
    """
    if name not in CHOICES:
        known = ", ".join(repr(choice) for choice in CHOICES)
        raise RunnerUnavailable(f"there is no runner {name!r}: use one of {known}")
    if name != ProcessRunner.name:
        try:
            return await _docker(docker_url, service_id, run_dir, clock or SystemClock(), grace)
        except RunnerUnavailable:
            if name != AUTO:
                raise
    return ProcessRunner(
        environments=environments,
        runtime=runtime,
        service_id=service_id,
        run_dir=run_dir,
        clock=clock,
        grace=grace,
    )


async def _docker(
    url: str | None, service_id: str, run_dir: Path, clock: Clock, grace: timedelta
) -> DockerRunner:
    threads = Threads(1)
    try:
        engine = await threads.call(connect, url)
    finally:
        threads.close()
    return DockerRunner(engine, service_id=service_id, run_dir=run_dir, clock=clock, grace=grace)
