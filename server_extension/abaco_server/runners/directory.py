"""The host directory of one execution, which the container sees read-only as `/_abaco`.

results.sock   datagrams: one is one result         message   see `deliver`
poke.sock      "look into out/"                      out/      the one place it may write
"""

import errno
import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from abaco_jupyter.wire.limits import MAX_ENVIRONMENT_VALUE
from abaco_server.model.task import Task

OUT = "out"
MESSAGE = "message"
STATE = "state.json"


def make(path: Path) -> None:
    """Raises FileExistsError: a run of this execution was begun before."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.mkdir()
    out = path / OUT
    out.mkdir()
    # Any user id in the container may write results; mkdir's own mode is cut by the umask.
    out.chmod(0o777)
    # And open this directory, for a way to its sockets that is short enough. Other users of the
    # host are kept away by its parent.
    path.chmod(0o755)


def make_anew(path: Path) -> None:
    """For an heir: whatever became of it, there is a place for its sockets."""
    with suppress(FileExistsError):
        make(path)


def empty(path: Path, *, keep: Collection[str]) -> None:
    """For another execution. Raises OSError when something cannot be removed."""
    out, kept = path / OUT, {OUT, *keep}
    found = [entry for entry in os.scandir(path) if entry.name not in kept]
    found.extend(os.scandir(out))
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
    out.chmod(0o777)


def listed(run_dir: Path) -> list[Path]:
    return [path for path in run_dir.iterdir() if path.is_dir()] if run_dir.exists() else []


def deliver(
    task: Task, path: Path, *, seen_as: str, has_runtime: bool, private: bool = False
) -> dict[str, str]:
    """The whole environment; what does not fit into it is written to the message file.

    `seen_as` is the directory's path for user code. `private`: user code could write to the
    message file, so it must not share it with the store.
    """
    environment = {**task.environment, "_abaco_dir": seen_as}
    if task.keeps_state:
        environment["_abaco_state_file"] = f"{seen_as}/{OUT}/{STATE}"
    if task.text is None:
        _write_binary(task.binary if task.binary is not None else b"", path / MESSAGE, private)
    elif fits(task.text) or not has_runtime:
        # Without our runtime a text that is too long ends as the engine's own "argument list
        # too long", as it does with the reference.
        environment["MSG"] = task.text
    else:
        _write(path / MESSAGE, task.text.encode("utf-8", "replace"))
        environment["_abaco_message_file"] = f"{seen_as}/{MESSAGE}"
    for file in task.files:
        _write_binary(file, path / file.name, private)
    return environment


def fits(text: str) -> bool:
    """Whether `MSG=text` can be one variable of an environment."""
    size = len("MSG=") + len(text.encode("utf-8", "replace"))
    return size <= MAX_ENVIRONMENT_VALUE and "\0" not in text


def remove(path: Path) -> bool:
    """False when something of another user's could not be removed."""
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return not path.exists()
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.ENOTEMPTY):
            return False
        raise
    return True


def _write_binary(binary: bytes | Path, target: Path, private: bool) -> None:
    if isinstance(binary, bytes):
        _write(target, binary)
    elif private:
        shutil.copyfile(binary, target)
    else:
        share(binary, target)


def share(source: Path, target: Path) -> None:
    """A second name instead of a copy of up to 500 MB; a copy on another file system."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)
    # The file's mode is shared too. It is read-only for everybody from here on, which is what
    # the store wants of it; only its own directory keeps other users of the host away.
    os.chmod(target, 0o444)


def _write(target: Path, body: bytes) -> None:
    target.write_bytes(body)
    target.chmod(0o444)
