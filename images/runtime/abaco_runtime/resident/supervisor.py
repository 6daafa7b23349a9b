"""The first process of the container: takes groups from the server and has workers run them.

It runs no code of the actor's, so that none can end it. Whatever ends a worker, an execution that
was its turn is put on record, and another worker goes on with the rest of the group.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import time

from abaco_runtime import agent, spool
from abaco_runtime.resident import execution, memory
from abaco_runtime.resident import job as jobs
from abaco_runtime.resident.journal import Journal
from abaco_runtime.resident.share import HALTED, TIMED_OUT, WITHDRAWN, Share
from abaco_runtime.resident.worker import (
    Worker,
    cut_log,
    drain,
    exit_code,
    kill_group,
    kill_strays,
    was_killed,
)

CALLS = b"from abaco_runtime.calls import answer\n"
"""The module of an AbacoExecutor's actor: its messages are calls, which need no module."""
NONE = "none"
_SOCKET = "agent.sock"
_LOOK = 0.25
"""Seconds between two looks at a log that grows."""
_RECONNECT = 0.5
_FRUITLESS = 3
"""Workers that may die in a row before an execution has begun."""


def main(isolation: str, magic: str, shared: str = "/_abaco") -> None:
    execution.plain()
    _load_early()
    Supervisor(isolation, bytes.fromhex(magic), shared).serve()


def _load_early() -> None:
    """What workers need anyway is loaded once."""
    import json
    import pickle
    import traceback  # noqa: F401

    with contextlib.suppress(ImportError):
        import cloudpickle  # noqa: F401
    json.loads(pickle.loads(pickle.dumps("{}")))
    gc.collect()
    gc.freeze()


class Supervisor:
    def __init__(self, isolation: str, magic: bytes, shared: str) -> None:
        self._shared = shared
        out = os.path.join(shared, "out")
        self._log = os.open(os.path.join(out, "log"), os.O_WRONLY | os.O_APPEND)
        journal = os.open(os.path.join(out, "journal"), os.O_WRONLY | os.O_APPEND)
        execution.make_home(shared)
        self._share = Share()
        self._journal = Journal(journal, self._log, magic, out, self._share)
        self._datagrams = execution.listen(os.path.join(out, "results.sock"))
        self._alone = os.getpid() == 1
        self._once = isolation != NONE and _is_calls()
        self._worker = Worker(
            self._share,
            self._journal,
            shared,
            self._datagrams,
            is_calls=_is_calls(),
            forks=isolation != NONE and not _is_calls(),
            alone=self._alone,
        )
        self._pid = 0
        self._line: socket.socket | None = None
        """To the worker."""
        self._control: socket.socket | None = None
        self._next: jobs.Job | None = None
        """A group that came while the last one was ending."""
        self._ending: tuple[int, float] | None = None
        """The execution that was told to end, and when it is killed."""
        self._wake, wakeup = os.pipe()
        for end in (self._wake, wakeup):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda signum, frame: None)
        signal.signal(signal.SIGTERM, lambda signum, frame: os._exit(agent.TERMINATED))
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def serve(self) -> None:
        """Until the server is gone and there is nothing to run."""
        self._connect()
        while self._control is not None or self._next is not None:
            self._ready()
            job = self._next or self._receive()
            self._next = None
            if job is None:
                break
            if job.head["do"] == "run":
                self._run(job)
        self._end_worker()

    def _receive(self) -> jobs.Job | None:
        assert self._control is not None
        self._wait([self._control.fileno()], None)
        frame = jobs.receive(self._control)
        return None if frame is None else jobs.Job(frame)

    # ---- the server --------------------------------------------------------------------------

    def _connect(self) -> None:
        """Raises OSError when nobody listens."""
        lines = []
        directory = os.open(self._shared, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in (b"c", b"b"):
                line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                lines.append(line)
                # A socket's path is limited to 108 bytes; through the descriptor it is short.
                line.connect(f"/proc/self/fd/{directory}/{_SOCKET}")
                line.sendall(name)
        except OSError:
            for line in lines:
                line.close()
            raise
        finally:
            os.close(directory)
        self._control, bell = lines
        bell.setblocking(False)
        self._journal.bell = bell
        self._share.rung = False

    def _reconnect(self) -> None:
        """To the server's heir, if there is one by now."""
        try:
            self._connect()
        except OSError:
            return
        self._journal.ring()

    def _hear(self, job: jobs.Job) -> None:
        """While a group runs."""
        frame = None if self._control is None else jobs.receive(self._control)
        if frame is None:
            self._control = None
            self._journal.bell = None
            return
        heard = jobs.Job(frame)
        order = heard.head
        if order["do"] == "run":
            self._next = heard  # the server knows the last end a moment before we do
        if order["g"] != job.number:
            return
        if order["do"] == "withdraw":
            self._withdraw(job, order)
            return
        if order["do"] != "halt":
            return
        self._share.flag(order["i"], HALTED)
        if self._share.done == order["i"] and self._share.begin:
            self._end_current(order["i"], order["grace"])

    def _withdraw(self, job: jobs.Job, order: dict) -> None:
        """What no worker has claimed is never run."""
        wanted = [index for index in order["ix"] if index > self._share.claimed]
        for index in wanted:
            self._share.flag(index, WITHDRAWN)
        self._journal.log_size()
        found = [index for index in wanted if index > self._share.claimed]
        self._journal.withdrawn(job.number, order["n"], found)

    # ---- a group -----------------------------------------------------------------------------

    def _run(self, job: jobs.Job) -> None:
        self._share.clear_flags()
        self._share.reset(0)
        self._ending = None
        self._journal.group(job.number, time.time(), memory.used(self._pid))
        fruitless = 0
        while self._share.done < len(job.members):
            at = self._share.done
            status = self._attend(job, at)
            if status is None:
                break
            begun = self._share.begin != 0 or fruitless == _FRUITLESS
            fruitless = 0 if begun else fruitless + 1
            if begun:
                self._record_death(job, self._share.done, status)
        if self._once:
            self._end_worker()

    def _attend(self, job: jobs.Job, start: int) -> int | None:
        """A worker runs the group from `start`. Its status when it died, else None."""
        if self._has_died():
            self._bury()
        self._ready()
        assert self._line is not None
        try:
            jobs.hand_over(self._line, job, start)
        except OSError:
            return self._bury()
        while True:
            ready = self._wait(self._open(), self._patience(job))
            if self._line.fileno() in ready or self._has_died():
                said = _receive(self._line)
                return None if said else self._bury()
            if self._control is not None and self._control.fileno() in ready:
                self._hear(job)
            elif self._control is None:
                self._reconnect()
            if self._datagrams.fileno() in ready:
                self._take_datagrams(job)
            self._look_at_times(job)
            if self._share.begin:
                cut_log(self._log, self._share.log)

    def _open(self) -> list:
        """What may have something to tell while a worker runs."""
        assert self._line is not None
        found = [self._line.fileno()]
        if self._control is not None:
            found.append(self._control.fileno())
        if not self._worker.forks:
            found.append(self._datagrams.fileno())
        return found

    def _take_datagrams(self, job: jobs.Job) -> None:
        self._share.draining = True
        drain(self._datagrams, self._journal, job.number, self._share.done)
        self._share.draining = False

    def _record_death(self, job: jobs.Job, index: int, status: int) -> None:
        share, now = self._share, time.time()
        # What it handed over is its own, and not the next one's.
        drain(self._datagrams, self._journal, job.number, index)
        if not self._worker.is_calls:
            execution.left_by(index, job, self._journal, self._shared)
        self._journal.end(
            job.number,
            index,
            exit_code(status),
            (share.begin or now, now),
            (self._used[0], self._used[1]),
            (share.log if share.begin else self._journal.log_size(), self._journal.log_size()),
            oom=was_killed(status) and memory.killed_processes() > self._oom,
        )
        share.reset(index + 1)

    # ---- time --------------------------------------------------------------------------------

    def _patience(self, job: jobs.Job) -> float:
        """Seconds until somebody has to look."""
        now, waits = time.time(), [_LOOK if self._control else _RECONNECT]
        begin, timeout = self._share.begin, _limit(job, self._share.done)
        if timeout and begin:
            waits.append(begin + timeout - now)
        if self._ending is not None:
            waits.append(self._ending[1] - now)
        return max(min(waits), 0.001)

    def _look_at_times(self, job: jobs.Job) -> None:
        index, begin, now = self._share.done, self._share.begin, time.time()
        if self._ending is not None and self._ending[0] != index:
            self._ending = None
        if not begin:
            return
        if self._ending is not None:
            if now >= self._ending[1]:
                self._send(signal.SIGKILL)
                self._ending = (index, now + 1.0)
            return
        timeout = _limit(job, index)
        if timeout and now - begin >= timeout:
            self._share.flag(index, TIMED_OUT)
            self._end_current(index, job.head["grace"])

    def _end_current(self, index: int, grace: float) -> None:
        self._ending = (index, time.time() + grace)
        self._send(signal.SIGTERM)

    def _send(self, number: int) -> None:
        target = self._share.target
        if target > 1:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(target, number)

    # ---- workers -----------------------------------------------------------------------------

    def _ready(self) -> None:
        """A worker waits for a group: forked before there is one, so that none waits for it."""
        if self._line is not None:
            return
        self._used = (0, 0)
        self._oom = memory.killed_processes()
        ours, theirs = socket.socketpair()
        child = os.fork()
        if child == 0:
            try:
                ours.close()
                if self._control is not None:
                    self._control.close()
                memory.be_the_first_to_go()
                self._worker.serve(theirs, once=self._once)
            finally:
                os._exit(1)
        theirs.close()
        self._pid, self._line = child, ours

    def _has_died(self) -> bool:
        """Its line alone does not tell: what user code forked may hold the other end open."""
        if not self._pid:
            return False
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _end_worker(self) -> None:
        """It has nothing to run; what its executions left running ends with it."""
        if self._line is not None:
            self._line.close()
            self._line = None
            self._bury()

    def _bury(self) -> int:
        """Its status. Also of one that closed its line and goes on."""
        if self._line is not None:
            self._line.close()
            self._line = None
        kill_group(self._pid)
        _, status, used = os.wait4(self._pid, 0)
        self._used = (int((used.ru_utime + used.ru_stime) * 1e9), used.ru_maxrss * 1024)
        spool.remove_unfinished(self._journal.out, self._pid)
        self._pid = 0
        if self._alone:
            kill_strays({1})
        return status

    # ---- waiting -----------------------------------------------------------------------------

    def _wait(self, files: list, seconds: float | None) -> list:
        """Which of the files can be read; orphans are laid to rest meanwhile."""
        waiting = select.poll()
        for file in (*files, self._wake):
            waiting.register(file, select.POLLIN)
        while True:
            ready = [file for file, _ in waiting.poll(None if seconds is None else seconds * 1000)]
            if self._wake in ready:
                ready.remove(self._wake)
                os.read(self._wake, 512)
                self._reap()
            if ready or seconds is not None:
                return ready

    def _reap(self) -> None:
        """Orphans of user code become children of the container's first process. A worker is
        left for `_bury`: its line tells of its end."""
        while self._alone:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if found is None or found.si_pid == self._pid:
                    return
                os.waitpid(found.si_pid, 0)
            except ChildProcessError:
                return


def _is_calls() -> bool:
    if os.environ.get("_abaco_entry") != "answer":
        return False
    try:
        with open(agent.source(), "rb") as file:
            return file.read(len(CALLS) + 1) == CALLS
    except OSError:
        return False


def _limit(job: jobs.Job, index: int) -> float | None:
    """Seconds that the execution may run."""
    return job.members[index]["timeout"] if index < len(job.members) else None


def _receive(line: socket.socket) -> bytes:
    """What a worker said that has said something or is gone."""
    try:
        return line.recv(1, socket.MSG_DONTWAIT)
    except OSError:
        return b""
