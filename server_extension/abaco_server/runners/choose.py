"""Which runner this service uses."""

from datetime import timedelta
from pathlib import Path

from abaco_jupyter.wire.errors import RunnerUnavailable
from abaco_server.model.clock import Clock
from abaco_server.runners.docker import DockerRunner, Engine, connect
from abaco_server.runners.docker.resident.policy import ReusePolicy
from abaco_server.runners.docker.warm.demand import WarmPolicy
from abaco_server.runners.process import ProcessRunner
from abaco_server.runners.process.place import ProcessLimits
from abaco_server.runners.threads import Threads

AUTO = "auto"
CHOICES = (AUTO, DockerRunner.name, ProcessRunner.name)


async def choose(
    name: str,
    *,
    service_id: str,
    run_dir: Path,
    environments: Path,
    docker_url: str | None = None,
    clock: Clock | None = None,
    grace: timedelta = timedelta(seconds=10),
    pids_limit: int = 512,
    max_running: int = 64,
    warm: WarmPolicy | None = None,
    reuse: ReusePolicy | None = None,
) -> DockerRunner | ProcessRunner:
    """`auto` is Docker when an engine answers, else process. Raises RunnerUnavailable.

    The caller closes what it gets.
    """
    if name not in CHOICES:
        known = ", ".join(repr(choice) for choice in CHOICES)
        raise RunnerUnavailable(f"there is no runner {name!r}: use one of {known}")
    if name != ProcessRunner.name:
        try:
            engine = await _connect(docker_url)
        except RunnerUnavailable:
            if name != AUTO:
                raise
        else:
            return DockerRunner(
                engine,
                service_id=service_id,
                run_dir=run_dir,
                clock=clock,
                max_running=max_running,
                pids_limit=pids_limit,
                grace=grace,
                warm=warm,
                reuse=reuse,
            )
    return ProcessRunner(
        environments=environments,
        service_id=service_id,
        run_dir=run_dir,
        clock=clock,
        limits=ProcessLimits(processes=pids_limit),
        grace=grace,
    )


async def _connect(url: str | None) -> Engine:
    threads = Threads(1)
    try:
        return await threads.call(connect, url)
    finally:
        threads.close()
