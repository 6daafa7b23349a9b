"""What the process runner keeps on the disk: environments that were built, and for each
execution the order for its shim. No processes here."""

import json
import os
import resource
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from abaco_jupyter.wire.envelope import stored_time
from abaco_jupyter.wire.limits import MAX_LOG_CHARACTERS
from abaco_jupyter.wire.spec import IMAGE_REPOSITORY
from abaco_server.model.task import FailureKind, Handle, RunFailed, Task
from abaco_server.runners import directory

FACTS = "task.json"
ORDER = "order"
UNFINISHED = "order.part"
CLAIMED = "claimed"
VOID = "void"
PID = "pid"
LOG = "log"
EXIT = "exit.json"
SHIM_ERRORS = "shim.err"
WORK = "work"
TEMPORARY = "tmp"

LOG_LIMIT = 4 * MAX_LOG_CHARACTERS + 4
"""A character of UTF-8 has at most four bytes, so this is all that can ever be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One actor's build: what takes the place of its image."""

    tag: str
    app: Path
    python: str
    entry: str | None
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLimits:
    """The same for every execution. Memory and processors come with the task."""

    processes: int = 512
    open_files: int = 4096


def find_environment(environments: Path, image: str) -> Environment:
    """Raises RunFailed(IMAGE)."""
    repository, _, tag = image.partition(":")
    root = environments / tag
    if repository != IMAGE_REPOSITORY or not tag or "/" in tag or tag in (".", ".."):
        raise _no_image(image)
    try:
        manifest = json.loads((root / "manifest.json").read_bytes())
    except FileNotFoundError:
        raise _no_image(image) from None
    return Environment(
        tag=tag,
        app=root / "app",
        # Without pip packages there is no environment of its own: the server's Python runs it.
        python=manifest.get("python") or sys.executable,
        entry=manifest.get("entry"),
        variables=manifest.get("env") or {},
    )


def prepare(
    task: Task,
    environment: Environment,
    path: Path,
    *,
    service_id: str,
    limits: ProcessLimits,
    grace: timedelta,
) -> None:
    """Fill the directory. Raises FileExistsError: this execution was begun before."""
    directory.make(path)
    # A copy, as a container has its own: what one execution writes beside its code is not there
    # for the next, and links would let it write into the build.
    shutil.copytree(environment.app, path / WORK, symlinks=True)
    (path / TEMPORARY).mkdir()
    variables = directory.deliver(task, path, seen_as=str(path), has_runtime=True, private=True)
    order = {
        "command": [environment.python, "-m", "abaco_runtime"],
        "cwd": str(path / WORK),
        "environment": _variables(variables, environment, path),
        "limits": _limits(task, limits),
        "cpus": None if task.nano_cpus is None else max(1, -(-task.nano_cpus // 10**9)),
        "timeout": None if task.timeout is None else task.timeout.total_seconds(),
        "grace": grace.total_seconds(),
        "log_limit": LOG_LIMIT,
    }
    facts = {
        "service": service_id,
        "actor": task.actor_id,
        "worker": task.worker_id,
        "image": task.image,
    }
    (path / FACTS).write_text(json.dumps(facts))
    # It holds the execution's token: for nobody else to read.
    descriptor = os.open(path / UNFINISHED, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(repr(order))
    os.rename(path / UNFINISHED, path / ORDER)


def _variables(task: Mapping[str, str], environment: Environment, path: Path) -> dict[str, str]:
    """Nothing of the server's own but PATH: it holds tokens."""
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **environment.variables,
        **task,
        "HOME": str(path / WORK),
        "TMPDIR": str(path / TEMPORARY),
        "_abaco_source": str(path / WORK / "actor.py"),
    }
    variables["PATH"] = os.pathsep.join([os.path.dirname(environment.python), variables["PATH"]])
    if environment.entry is not None:
        variables["_abaco_entry"] = environment.entry
    return variables


def _limits(task: Task, limits: ProcessLimits) -> dict[str, int]:
    """By the names of `resource.RLIMIT_*`."""
    found = {"CORE": 0, "NOFILE": limits.open_files}
    if task.memory is not None:
        # Writable private memory of each process. Address space (AS) would be no better a
        # measure of memory and makes numerical libraries fail, which reserve much of it.
        found["DATA"] = task.memory
    if task.timeout is not None:
        # For code that outlives its shim: all processors, all the time.
        found["CPU"] = int(task.timeout.total_seconds() * (os.cpu_count() or 1)) + 60
    if os.geteuid() != 0:
        # The kernel counts all tasks of the user, the notebook's too; of root it counts none.
        found["NPROC"] = _tasks_of(os.geteuid()) + limits.processes
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found["NOFILE"] = min(found["NOFILE"], hard) if hard != resource.RLIM_INFINITY else 4096
    return found


def _tasks_of(uid: int) -> int:
    count = 0
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and process.stat().st_uid == uid:
                count += len(os.listdir(process / "task"))
        except OSError:
            # It ended meanwhile.
            continue
    return count


# ---- what was left ---------------------------------------------------------------------------


def handle(path: Path, service_id: str) -> Handle | None:
    """What an earlier life began in this directory; None when it is not ours.

    A shim that has not begun yet never will: this takes its order away. A directory without any
    order was never finished, and is removed.
    """
    with suppress(FileNotFoundError):
        os.rename(path / ORDER, path / VOID)
    facts = _load(path / FACTS)
    if facts is None or not (claimed(path) or (path / VOID).exists()):
        directory.remove(path)
        return None
    if facts["service"] != service_id:
        return None
    return Handle(
        execution_id=path.name,
        actor_id=facts["actor"],
        worker_id=facts["worker"],
        image=facts["image"],
        facts={"directory": str(path)},
        started=claimed(path),
    )


def shim(path: Path) -> tuple[int, int] | None:
    """Process id and start of the shim that claimed this directory."""
    facts = _load(path / PID)
    return None if facts is None else (facts["pid"], facts["started"])


def started(path: Path) -> datetime:
    """When its shim claimed it: user code began a moment later."""
    return at((path / PID).stat().st_mtime)


def ended(path: Path) -> dict[str, Any] | None:
    return _load(path / EXIT)


def claimed(path: Path) -> bool:
    return (path / CLAIMED).exists()


def may_have_run(path: Path) -> bool:
    """A directory that somebody threw away says nothing: then user code may have run."""
    return claimed(path) or not path.exists()


def last_words(path: Path) -> str:
    """Why a shim left without saying how user code ended."""
    try:
        said = (path / SHIM_ERRORS).read_text("utf-8", "replace").strip()
    except FileNotFoundError:
        said = ""
    why = said[-1000:] or "it was killed, or the machine was restarted"
    return f"The process was lost: {why}"


def final_state(facts: Mapping[str, Any]) -> dict[str, Any]:
    """In the shape of Docker's State object (section 8)."""
    return {
        "Status": "exited",
        "Running": False,
        "Paused": False,
        "Restarting": False,
        "OOMKilled": False,
        "Dead": False,
        "Pid": 0,
        "ExitCode": facts["exit_code"],
        "Error": "",
        "StartedAt": stored_time(at(facts["started"])),
        "FinishedAt": stored_time(at(facts["finished"])),
    }


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _load(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        # Absent, or cut off: whoever wrote it died.
        return None
    return found


def _no_image(image: str) -> RunFailed:
    return RunFailed(
        FailureKind.IMAGE,
        f"The process runner has no image {image}: it runs only what %%abaco_actor built. "
        "Start a Docker engine to run registry images",
    )
