"""The process that runs a group.

calls, isolation none   it runs one execution after the other, in itself
an actor's module       it loads the module once, and forks for each execution (isolation process)
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import sys
import time

from abaco_runtime import agent, calls, failure
from abaco_runtime.resident import job as jobs
from abaco_runtime.resident import memory
from abaco_runtime.resident.execution import Executions
from abaco_runtime.resident.journal import Journal
from abaco_runtime.resident.share import HALTED, TIMED_OUT, WITHDRAWN, Share
from abaco_runtime.spool import Written

DONE = b"d"
MAX_DATAGRAM = 131_072
MAX_LOG = 4_200_000
"""Bytes of one execution's log that stay on the disk: 1 000 000 characters of any kind are kept
in the end."""
_KIB, _NANO = 1024, 1_000_000_000


class Worker:
    def __init__(
        self,
        share: Share,
        journal: Journal,
        shared: str,
        datagrams: socket.socket,
        *,
        is_calls: bool,
        forks: bool,
        alone: bool,
    ) -> None:
        """`forks` for each execution; `alone`: no process of this PID namespace is anybody
        else's."""
        self.is_calls = is_calls
        self.forks = forks
        self._share = share
        self._journal = journal
        self._shared = shared
        self._datagrams = datagrams
        self._alone = alone
        self._inside = False
        self._namespace: dict | None = None
        self._pid = 0

    def serve(self, connection: socket.socket, *, once: bool) -> None:
        """Never returns. `once`: for one group."""
        self._settle()
        while True:
            job = jobs.take_over(connection)
            if job is None:
                os._exit(0)
            self._run(job)
            connection.send(DONE)
            if once:
                os._exit(0)

    def _settle(self) -> None:
        os.setsid()
        self._pid = os.getpid()
        for stream in (1, 2):
            os.dup2(self._journal.log, stream)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, self._on_term)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        agent.write_lines_at_once()
        agent.let_others_come_first()
        if self.forks:
            self._wake, wakeup = os.pipe()
            os.set_blocking(self._wake, False)
            os.set_blocking(wakeup, False)
            signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
            signal.signal(signal.SIGCHLD, _nothing)

    def _run(self, job: jobs.Job) -> None:
        executions = Executions(job, self._journal, self._shared, is_call=self.is_calls)
        for index in range(job.start, len(job.members)):
            self._share.claimed = index
            log = self._journal.log_size()
            flags = self._share.flags(index)
            if flags & WITHDRAWN:
                # Should the supervisor have taken it for begun, this says that it never did.
                self._journal.withdrawn(job.number, 0, [index])
            elif flags & HALTED:
                now = time.time()
                code = agent.TERMINATED
                self._journal.end(job.number, index, code, (now, now), (0, 0), (log, log))
            elif self.forks:
                self._run_apart(executions, index)
            else:
                self._run_here(executions, index)
            self._share.begin = 0.0
            self._share.done = index + 1

    def _begin(self, index: int) -> tuple[float, int]:
        log = self._share.log = self._journal.log_size()
        begin = self._share.begin = time.time()
        return begin, log

    # ---- in this process ---------------------------------------------------------------------

    def _run_here(self, executions: Executions, index: int) -> None:
        begin, log = self._begin(index)
        cpu = time.process_time_ns() + _of_children()
        self._share.target = self._pid
        executions.enter(index)
        code, answer = self._user_code(executions)
        _flush()
        if os.getpid() != self._pid:
            os._exit(code)  # user code forked, and the child came back from it
        if not self.is_calls:
            executions.collect()
            self._drain(executions.job.number, index)
        self._cut_log(log)
        cpu = time.process_time_ns() + _of_children() - cpu
        highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB
        self._journal.end(
            executions.job.number,
            index,
            code,
            (begin, time.time()),
            (cpu, highest),
            (log, self._journal.log_size()),
            answer=answer,
        )

    def _user_code(self, executions: Executions) -> tuple[int, Written | None]:
        """Exit code, and the answer of a call."""
        try:
            return self._guarded(executions)
        except SystemExit as left:
            # TERM, just as user code had ended by itself.
            return _exit_code(left), None

    def _guarded(self, executions: Executions) -> tuple[int, Written | None]:
        answer = None
        try:
            self._inside = True
            if self._share.flags(executions.index):
                return agent.TERMINATED, None  # told to end before it could hear of it
            if self.is_calls:
                answer = calls.answered(executions.call(), self._shared, self._journal.out)
            else:
                self._answer()
            self._inside = False
        except SystemExit as left:
            self._inside = False
            return _exit_code(left), None
        except BaseException as error:  # noqa: BLE001 - the border of the actor's own code
            self._inside = False
            failure.report(error)
            return 1, None
        return 0, answer

    def _answer(self) -> None:
        entry = os.environ.get("_abaco_entry")
        if not entry:
            agent.load(agent.source())
            return
        if self._namespace is None:
            self._namespace = agent.load(agent.source())
        agent.answer(self._namespace, entry)

    def _on_term(self, signum: int, frame: object) -> None:
        """Sent for the current execution. What comes too late for it must not end the next."""
        ended = self._share.flags(self._share.done) & (HALTED | TIMED_OUT)
        if self._inside and ended and os.getpid() == self._pid:
            raise SystemExit(agent.TERMINATED)
        if os.getpid() != self._pid:
            os._exit(agent.TERMINATED)

    # ---- in a process of its own -------------------------------------------------------------

    def _run_apart(self, executions: Executions, index: int) -> None:
        begin, log = self._begin(index)
        self._share.target = self._pid
        executions.enter(index)
        code = self._load()
        usage, oom = (0, 0), False
        if code is None:
            code, usage, oom = self._forked(executions)
        executions.collect()
        self._drain(executions.job.number, index)
        self._cut_log(log)
        span = (begin, time.time())
        places = (log, self._journal.log_size())
        self._journal.end(executions.job.number, index, code, span, usage, places, oom=oom)

    def _load(self) -> int | None:
        """The exit code of a module that cannot be loaded; None: it is there."""
        if self._namespace is not None or not os.environ.get("_abaco_entry"):
            return None
        code: int | None = None
        try:
            self._inside = True
            self._namespace = agent.load(agent.source())
            self._inside = False
        except SystemExit as left:
            self._inside = False
            code = _exit_code(left)
        except BaseException as error:  # noqa: BLE001 - the border of the actor's own code
            self._inside = False
            failure.report(error)
            code = 1
        _flush()
        return code

    def _forked(self, executions: Executions) -> tuple[int, tuple[int, int], bool]:
        """Exit code, usage, and whether it was killed because the memory was used up."""
        killed_before = memory.killed_processes()
        child = os.fork()
        if child == 0:
            self._play(executions)
        self._share.target = child
        status, used = self._await(child, executions)
        kill_group(child)
        if self._alone:
            kill_strays({1, self._pid})
        cpu = int((used.ru_utime + used.ru_stime) * _NANO)
        oom = was_killed(status) and memory.killed_processes() > killed_before
        return exit_code(status), (cpu, used.ru_maxrss * _KIB), oom

    def _play(self, executions: Executions) -> None:
        """The execution itself, to its end. Never returns."""
        code = 1
        try:
            self._pid = os.getpid()
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, agent.terminate)
            executions.own()
            _shuffle()
            code, _ = self._user_code(executions)
            code = _leave(code)
        except SystemExit as left:
            code = _exit_code(left)
        finally:
            os._exit(code)

    def _await(self, child: int, executions: Executions) -> tuple[int, resource.struct_rusage]:
        """Its status and usage; what it sends meanwhile is put on record."""
        waiting = select.poll()
        waiting.register(self._wake, select.POLLIN)
        waiting.register(self._datagrams, select.POLLIN)
        while True:
            pid, status, used = os.wait4(child, os.WNOHANG)
            if pid:
                return status, used
            # A second, should user code have taken the signal's handler away while it was loaded.
            for ready, _ in waiting.poll(1000):
                if ready == self._wake:
                    os.read(self._wake, 512)
                else:
                    self._drain(executions.job.number, executions.index)

    # ---- of both -----------------------------------------------------------------------------

    def _drain(self, group: int, index: int) -> None:
        while self._share.draining:
            time.sleep(0.0005)
        drain(self._datagrams, self._journal, group, index)

    def _cut_log(self, begin: int) -> None:
        cut_log(self._journal.log, begin)


def drain(datagrams: socket.socket, journal: Journal, group: int, index: int) -> None:
    """Results of code that writes them to `/_abaco_results.sock`."""
    while True:
        try:
            body = datagrams.recv(MAX_DATAGRAM)
        except (BlockingIOError, InterruptedError):
            return
        journal.part("r", group, index, body)


def cut_log(log: int, begin: int) -> None:
    """What is over the limit is not kept in the end, so it need not stay on the disk."""
    if os.fstat(log).st_size - begin > MAX_LOG:
        os.ftruncate(log, begin + MAX_LOG)


def exit_code(status: int) -> int:
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def was_killed(status: int) -> bool:
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def kill_strays(ours: set) -> None:
    """What executions have left running, in a container that holds nothing else."""
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in ours and not _is_visitor(name):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(name), signal.SIGKILL)


def _is_visitor(pid: str) -> bool:
    """Of a `docker exec`: its parent is not in the container."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[1] == b"0"
    except (OSError, IndexError):
        return True  # gone


def kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _exit_code(left: SystemExit) -> int:
    """As Python itself does it."""
    if left.code is None:
        return 0
    if isinstance(left.code, int):
        return left.code & 0xFF
    print(left.code, file=sys.stderr)
    return 1


def _leave(code: int) -> int:
    """What an interpreter does at its end: threads end, exit handlers run."""
    import atexit
    import threading

    try:
        threading._shutdown()
        atexit._run_exitfuncs()
    except SystemExit as left:
        code = _exit_code(left)
    except BaseException as error:  # noqa: BLE001 - the actor's own code
        failure.report(error)
    _flush()
    return code


def _shuffle() -> None:
    """Python's own generator is seeded anew in a fork; numpy's is not."""
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        # User code may have closed it.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


def _of_children() -> int:
    times = os.times()
    return int((times.children_user + times.children_system) * _NANO)


def _nothing(signum: int, frame: object) -> None:
    """A handler of Python's has to be there for the signal to be told."""
