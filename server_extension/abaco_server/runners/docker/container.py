"""A Task as arguments for the engine, the engine's State as an Outcome. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from docker.types import LogConfig, Mount

from abaco_jupyter.wire.envelope import stored_time
from abaco_server.model.task import Handle, Outcome, Place, Task

SERVICE = "abaco.service"
ACTOR = "abaco.actor"
WORKER = "abaco.worker"
EXECUTION = "abaco.execution"
WAITS = "abaco.waits"
"""On a container that was made before its message; `warm.claim` says which one it got."""
STAYS = "abaco.stays"
"""On a container whose resident interpreter runs many executions; its directory says which."""
IMAGE = "abaco.image"
TIMEOUT = "abaco.timeout"
"""Seconds that the run may last: an heir of this service has to know them too."""

INSIDE = "/_abaco"

RESIDENT_ENVIRONMENT = {"_abaco_api_server": "/"}
"""Python looks at it when it starts, for agavepy's sake (`abaco_runtime/startup`); each execution
has its own then."""
ENGINE_SOCKET = "/var/run/docker.sock"

CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID", "KILL")
"""What images that start as root need to install, to own files and to step down to another user.
Dropped of Docker's own default: raw sockets, device nodes, chroot, file capabilities, audit."""

LOG_FILES = {"max-size": "20m", "max-file": "2"}
"""Bounds what a chatty container leaves on the disk. 1 000 000 characters of log in lines of
three characters and more are still there for an heir; the living service reads as it happens."""

_STATE_KEYS = (
    "Status",
    "Running",
    "Paused",
    "Restarting",
    "OOMKilled",
    "Dead",
    "Pid",
    "ExitCode",
    "Error",
    "StartedAt",
    "FinishedAt",
)
_NEVER = "0001-"
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
KILLED = 137
"""Exit status of what KILL ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is the same for every container."""

    pids: int = 512
    engine_socket: str | None = None
    """Host path that privileged actors see as `/var/run/docker.sock`."""


def name(execution_id: str) -> str:
    return f"abaco-{execution_id}"


def labels(task: Task, service_id: str) -> dict[str, str]:
    facts = {
        SERVICE: service_id,
        ACTOR: task.actor_id,
        WORKER: task.worker_id,
        EXECUTION: task.execution_id,
        IMAGE: task.image,
    }
    if task.timeout is not None:
        facts[TIMEOUT] = repr(task.timeout.total_seconds())
    return facts


def waiting_labels(place: Place, service_id: str) -> dict[str, str]:
    return {SERVICE: service_id, ACTOR: place.actor_id, IMAGE: place.image, WAITS: "yes"}


def staying_labels(place: Place, service_id: str) -> dict[str, str]:
    return {SERVICE: service_id, ACTOR: place.actor_id, IMAGE: place.image, STAYS: "yes"}


def handle(container_id: str, found: Mapping[str, str], *, started: bool) -> Handle:
    return Handle(
        execution_id=found[EXECUTION],
        actor_id=found.get(ACTOR, ""),
        worker_id=found.get(WORKER, ""),
        image=found.get(IMAGE, ""),
        facts={"container": container_id},
        started=started,
    )


def host_config(place: Place, directory: str, limits: Limits) -> dict[str, Any]:
    """Arguments of docker-py's `create_host_config`."""
    arguments: dict[str, Any] = {
        "mounts": _mounts(place, directory, limits),
        "mem_limit": place.memory,
        "nano_cpus": place.nano_cpus,
        "pids_limit": limits.pids,
        "log_config": LogConfig(type=LogConfig.types.JSON, config=LOG_FILES),
        # No init process: a PID 1 that ignores TERM is meant to be killed after the grace.
        "restart_policy": {"Name": "no"},
    }
    if place.privileged:
        arguments["privileged"] = True
    else:
        arguments["cap_drop"] = ["ALL"]
        arguments["cap_add"] = list(CAPABILITIES)
        arguments["security_opt"] = ["no-new-privileges"]
    return {key: value for key, value in arguments.items() if value is not None}


def _mounts(place: Place, directory: str, limits: Limits) -> list[Mount]:
    mounts = [
        _bind(directory, INSIDE, read_only=True),
        _bind(f"{directory}/out", f"{INSIDE}/out", read_only=False),
    ]
    for asked in place.mounts:
        read_only = "rw" not in asked.mode.split(",")
        mounts.append(_bind(asked.host_path, asked.container_path, read_only=read_only))
    taken = {mount["Target"] for mount in mounts}
    if place.privileged and limits.engine_socket and ENGINE_SOCKET not in taken:
        mounts.append(_bind(limits.engine_socket, ENGINE_SOCKET, read_only=False))
    return mounts


def _bind(source: str, target: str, *, read_only: bool) -> Mount:
    return Mount(target=target, source=source, type="bind", read_only=read_only)


# ---- what came of it -------------------------------------------------------------------------


def began(state: Mapping[str, Any]) -> bool:
    """Whether its command was ever started: a start that failed leaves it as it was created."""
    return bool(state.get("Running")) or not _is_never(state.get("StartedAt"))


def running(state: Mapping[str, Any]) -> bool:
    return bool(state.get("Running") or state.get("Restarting"))


def started_at(state: Mapping[str, Any]) -> datetime | None:
    return parse_time(state.get("StartedAt"))


def timeout(found: Mapping[str, str]) -> timedelta | None:
    return timedelta(seconds=float(found[TIMEOUT])) if TIMEOUT in found else None


def outcome(
    state: Mapping[str, Any],
    *,
    now: datetime,
    cpu: int = 0,
    io: int = 0,
    peak_memory: int = 0,
    timed_out: bool = False,
    exception: dict[str, Any] | None = None,
) -> Outcome:
    finish = parse_time(state.get("FinishedAt")) or now
    # Docker notes the start after the fact: a command that fails at once ends before it begins.
    start = min(parse_time(state.get("StartedAt")) or finish, finish)
    return Outcome(
        exit_code=int(state.get("ExitCode", 0)),
        start_time=start,
        finish_time=finish,
        final_state=final_state(state),
        cpu=cpu,
        io=io,
        peak_memory=peak_memory,
        timed_out=timed_out,
        exception=exception,
    )


def exited(exit_code: int, since: datetime, until: datetime) -> dict[str, Any]:
    """The engine's State of a container whose command has just ended by itself."""
    return {
        "Status": "exited",
        "Running": False,
        "Paused": False,
        "Restarting": False,
        "OOMKilled": False,
        "Dead": False,
        "Pid": 0,
        "ExitCode": exit_code,
        "Error": "",
        "StartedAt": since.strftime(_TIME),
        "FinishedAt": until.strftime(_TIME),
    }


def begun(state: Mapping[str, Any], since: datetime) -> dict[str, Any]:
    """The State of a container that waited: its command began later than the container."""
    return {**state, "StartedAt": since.strftime(_TIME)}


def final_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """Docker's State object with the fields and the times that Abaco shows (sections 3 and 8)."""
    shown = {key: state[key] for key in _STATE_KEYS if key in state}
    for key in ("StartedAt", "FinishedAt"):
        at = parse_time(shown.get(key))
        if at is not None:
            shown[key] = stored_time(at)
    return shown


def parse_time(text: str | None) -> datetime | None:
    """Docker's `2026-11-21T20:09:03.812573823Z`; None for its year 1, which means never."""
    if text is None or _is_never(text):
        return None
    # Nine digits of a second are more than Python keeps.
    head, _, fraction = text.removesuffix("Z").partition(".")
    if "+" in fraction or "-" in fraction:
        return datetime.fromisoformat(text).astimezone(UTC)
    return datetime.fromisoformat(f"{head}.{fraction[:6]:0<6}+00:00")


def _is_never(text: str | None) -> bool:
    return not text or text.startswith(_NEVER)
