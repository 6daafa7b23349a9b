"""One execution in a worker: its environment, its message, and what it sends."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys

from abaco_runtime import message, spool, state
from abaco_runtime.resident.job import Job
from abaco_runtime.resident.journal import Journal

MAX_VARIABLE = 131_071
"""Linux's limit on one `NAME=value`, less its closing zero."""
_MESSAGE, _TEXT, _OUT, _STATE = "message", "message.txt", "out", "state.json"
_LAST = "state"
_PROBLEM = "abaco_runtime: a file with a result, a state or an exception cannot be taken: {}"


class Executions:
    """Those of one group, for the process that runs them or makes processes for them."""

    def __init__(self, job: Job, journal: Journal, shared: str, *, is_call: bool) -> None:
        self.job = job
        self.bodies = job.bodies()
        self.index = 0
        self._journal = journal
        self._shared = shared
        self._home = os.path.join(shared, "out", "e")
        self._is_call = is_call
        self._base = {**plain(), **job.head["env"], "_abaco_dir": self._home}
        if job.head["state"]:
            self._base["_abaco_state_file"] = os.path.join(self._home, _OUT, _STATE)
        # Thousands of calls share these.
        self._encoded = _encoded(self._base)
        self._owner = 0

    def enter(self, index: int) -> None:
        """Its environment and its message stand ready."""
        self.index = index
        member = self.job.members[index]
        values = dict(member["env"])
        message.held = None
        state.forget()
        if self.job.head["state"]:
            self._recall(values)
        if not self._is_call:
            self._lay_out(values, member, self.bodies[index])
        _set_environment({**self._encoded, **_encoded(values)})
        self.own()

    def own(self) -> None:
        """What this process sends is this execution's. A process that user code forks writes
        files instead."""
        self._owner = os.getpid()
        spool.sink = self._take

    def _take(self, kind: str, body: bytes) -> bool:
        if os.getpid() != self._owner:
            return False
        self._journal.part(kind, self.job.number, self.index, body)
        if kind == spool.STATE:
            self._remember(body)
        return True

    def _remember(self, body: bytes) -> None:
        """The next execution of this group is told of it, as if it had been leased later; in a
        file, as that one may run in another process."""
        _write(os.path.join(self._home, f"{_LAST}-{self.job.number}"), body)

    def _recall(self, values: dict) -> None:
        try:
            with open(os.path.join(self._home, f"{_LAST}-{self.job.number}"), "rb") as file:
                values["_abaco_actor_state"] = str(json.loads(file.read()))
        except FileNotFoundError:
            pass

    def _lay_out(self, values: dict, member: dict, body: bytes) -> None:
        if not os.path.isdir(os.path.join(self._home, _OUT)):
            make_home(self._shared)  # the last one has removed it
        path = os.path.join(self._home, _MESSAGE)
        for name in (_MESSAGE, _TEXT):
            _remove(os.path.join(self._home, name))
        if member["kind"] == "text":
            text = body.decode("utf-8", "replace")
            if len(body) + len("MSG=") <= MAX_VARIABLE and "\0" not in text:
                values["MSG"] = text
            else:
                values["_abaco_message_file"] = os.path.join(self._home, _TEXT)
                _write(values["_abaco_message_file"], body)
        elif member["kind"] == "file":
            os.symlink(os.path.join(self._shared, member["name"]), path)
        elif member["kind"] == "bytes":
            message.held = body
            _write(path, body)

    def call(self) -> bytes:
        """The message of a call."""
        member = self.job.members[self.index]
        if member["kind"] != "file":
            return self.bodies[self.index]
        with open(os.path.join(self._shared, member["name"]), "rb") as file:
            return file.read()

    def collect(self) -> None:
        """What other processes of the execution handed over as files."""
        out = os.path.join(self._home, _OUT)
        names = sorted(os.listdir(out)) if os.path.isdir(out) else ()
        for name in names:
            path = os.path.join(out, name)
            if name.endswith(".result"):
                self._collect(spool.RESULT, path)
            elif name == _STATE:
                self._collect(spool.STATE, path)
            elif name == "exception.json":
                self._collect(spool.EXCEPTION, path)

    def _collect(self, kind: str, path: str) -> None:
        try:
            if kind == spool.RESULT:
                self._journal.move_in(kind, self.job.number, self.index, path)
                return
            with open(path, "rb") as file:
                body = file.read()
            os.unlink(path)
            if kind == spool.STATE:
                self._remember(body)
        except (OSError, ValueError) as error:
            print(_PROBLEM.format(error), file=sys.stderr)
            return
        self._journal.part(kind, self.job.number, self.index, body)


def left_by(index: int, job: Job, journal: Journal, shared: str) -> None:
    """Put on record what an execution had handed over as files when its worker died."""
    left = Executions(job, journal, shared, is_call=False)
    left.index = index
    left.collect()


_first: dict | None = None


def plain() -> dict:
    """The container's own variables: those that the supervisor began with."""
    global _first
    if _first is None:
        _first = dict(os.environ)
    return _first


def _encoded(values: dict) -> dict:
    """Without those that no process can have: under their names nothing is left of others."""
    return {
        os.fsencode(name): os.fsencode(value) for name, value in values.items() if "\0" not in value
    }


def _set_environment(encoded: dict) -> None:
    """Only what differs: each variable that is looked at through `os.environ` costs a microsecond,
    and most are the same as before."""
    there = os.environ._data  # what the mapping itself looks into
    for name in there.keys() - encoded.keys():
        del os.environ[os.fsdecode(name)]
    for name, value in encoded.items() - there.items():
        os.environ[os.fsdecode(name)] = os.fsdecode(value)


def make_home(shared: str) -> None:
    out = os.path.join(shared, "out", "e", _OUT)
    os.makedirs(out, exist_ok=True)
    for path in (os.path.dirname(out), out):
        os.chmod(path, 0o777)
    # What other processes of an execution leave is looked at when it ends, poked or not.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as poke:
        path = os.path.join(shared, "out", "e", spool.POKE)
        _remove(path)
        bind(poke, path)


def listen(path: str) -> socket.socket:
    """For datagrams. What was there before is replaced."""
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    _remove(path)
    bind(bound, path)
    bound.setblocking(False)
    return bound


def bind(unbound: socket.socket, path: str) -> None:
    """A socket's path is limited to 108 bytes; through a descriptor it is always short."""
    directory, name = os.path.split(path)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        unbound.bind(f"/proc/self/fd/{descriptor}/{name}")
    finally:
        os.close(descriptor)
    os.chmod(path, 0o777)


def _write(path: str, body: bytes) -> None:
    _remove(path)
    with open(path, "wb") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(body)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
