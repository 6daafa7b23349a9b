"""Supervises one subprocess, so that a server that dies and comes back finds it again.

Run as `python -S -E shim.py <directory>`; standard library only, nothing of ours is imported.
In the directory:

    order         what to run, as a Python literal. Renaming it to `claimed` is the claim:
                  whoever loses the race (this shim, or an heir of the server) leaves the
                  execution alone
    pid           of this process: `{"pid", "started"}`, written before the claim
    log           stdout and stderr of user code, in order, up to a limit
    exit.json     how it ended, written under another name and renamed
    poke.sock     the server's: an empty datagram after each write to the log

TERM is passed on to user code's first process, as an engine passes it to process 1; USR1 kills
all of it. When the first process ends, the others are killed, as in a container.
"""

# ruff: noqa: SIM105 - see below for what an import costs
from __future__ import annotations

# `signal`, `socket`, `json` and `contextlib` would each bring in `enum`, `re` or `functools`, and
# together triple the 15 ms in which this starts. Their C halves are all that is needed.
import _socket
import ctypes
import os
import resource
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import Any
else:
    import _signal

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
CHUNK = 1 << 16
LOOK_ROUND = 60.0
"""Seconds between two looks whether the directory is still there."""
FORWARDED = (_signal.SIGTERM, _signal.SIGUSR1, _signal.SIGCHLD)

libc = ctypes.CDLL(None, use_errno=True)


def main(directory: str) -> None:
    os.chdir(directory)
    write("pid", {"pid": os.getpid(), "started": start_ticks(os.getpid())})
    try:
        os.rename("order", "claimed")
    except FileNotFoundError:
        return
    with open("claimed", encoding="utf-8", errors="surrogatepass") as file:
        # The server's own text, which nobody else can write. `ast` would take 10 ms to load.
        spec = eval(file.read(), {"__builtins__": {}})
    # Orphans of user code become our children: none outlives its execution unseen.
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    write("exit.json", Supervisor(spec).run())
    poke()


class Supervisor:
    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.first = 0
        self.status: int | None = None
        self.timed_out = False
        self.written = 0
        self.deadline: float | None = None
        """When to stop it, monotonic seconds; after that, when to kill it."""

    def run(self) -> dict[str, Any]:
        wake, ring = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        _signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
        for number in FORWARDED:
            _signal.signal(number, lambda *_: None)
        output, theirs = os.pipe2(os.O_CLOEXEC)
        started = time.time()
        self.first, error = spawn(self.spec, theirs)
        os.close(theirs)
        if self.first == 0:
            return {"error": error}
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, FORWARDED)
        if self.spec["timeout"] is not None:
            self.deadline = time.monotonic() + self.spec["timeout"]
        with open("log", "ab", buffering=0) as self.log:
            self.watch(wake, output)
            finished = time.time()
            self.kill_the_rest()
            os.set_blocking(output, False)
            while self.copy(output):
                pass
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "exit_code": exit_code(self.status or 0),
            "started": started,
            "finished": finished,
            "cpu": int((used.ru_utime + used.ru_stime) * 1e9),
            "peak_memory": used.ru_maxrss * 1024,
            "timed_out": self.timed_out,
        }

    def watch(self, wake: int, output: int) -> None:
        """Until the first process has ended."""
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        poll.register(output, select.POLLIN)
        while self.status is None:
            for descriptor, _ in poll.poll(self.milliseconds_left()):
                if descriptor == wake:
                    self.obey(os.read(wake, CHUNK))
                elif not self.copy(output):
                    poll.unregister(output)
            if self.deadline is not None and time.monotonic() >= self.deadline:
                self.over_time()
            if abandoned():
                self.signal_first(_signal.SIGKILL)

    def milliseconds_left(self) -> int:
        left = LOOK_ROUND
        if self.deadline is not None:
            left = min(left, self.deadline - time.monotonic())
        return max(0, int(left * 1000) + 1)

    def over_time(self) -> None:
        if not self.timed_out:
            self.timed_out = True
            self.deadline = time.monotonic() + self.spec["grace"]
            self.signal_first(_signal.SIGTERM)
        else:
            self.deadline = None
            self.signal_first(_signal.SIGKILL)

    def obey(self, numbers: bytes) -> None:
        if _signal.SIGTERM in numbers:
            self.signal_first(_signal.SIGTERM)
        if _signal.SIGUSR1 in numbers:
            self.signal_first(_signal.SIGKILL)
        self.reap(os.WNOHANG)

    def signal_first(self, number: int) -> None:
        if self.status is None:
            os.kill(self.first, number)

    def reap(self, flags: int) -> bool:
        """False when there is nobody left, or (WNOHANG) nobody who has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, flags)
            except ChildProcessError:
                return False
            if pid == self.first:
                self.status = status
            if pid == 0:
                return True
            if not flags:
                return True

    def kill_the_rest(self) -> None:
        """Each that dies hands us its own children, so until there are none."""
        try:
            os.killpg(self.first, _signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        while self.reap(os.WNOHANG):
            for pid in children(os.getpid()):
                os.kill(pid, _signal.SIGKILL)
            if not self.reap(0):
                return

    def copy(self, output: int) -> bool:
        """One piece of output to the log. False at its end, or when there is none now."""
        try:
            chunk = os.read(output, CHUNK)
        except BlockingIOError:
            return False
        room = self.spec["log_limit"] - self.written
        if chunk and room > 0:
            self.log.write(chunk[:room])
            self.written += len(chunk)
            poke()
        return bool(chunk)


def spawn(spec: dict[str, Any], output: int) -> tuple[int, str | None]:
    """(process id, None), or (0, why not)."""
    report, told = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        become(spec, output, told)
    os.close(told)
    with open(report, "rb") as file:
        error = file.read().decode("utf-8", "replace")
    if not error:
        return pid, None
    os.waitpid(pid, 0)
    return 0, error


def become(spec: dict[str, Any], output: int, told: int) -> None:
    """In the child: never returns."""
    try:
        os.setsid()
        # If the shim is killed, nobody supervises: user code must not go on.
        libc.prctl(PR_SET_PDEATHSIG, _signal.SIGKILL, 0, 0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(spec["cwd"])
        restrict(spec)
        # Python ignores these two, and what is ignored stays ignored in the new program.
        for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
            _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        os.execve(spec["command"][0], spec["command"], spec["environment"])
    except BaseException as error:  # noqa: BLE001 - a forked child must not go on as the shim
        os.write(told, f"{spec['command'][0]}: {error}".encode())
    finally:
        os._exit(127)


def restrict(spec: dict[str, Any]) -> None:
    for name, limit in spec["limits"].items():
        which = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(which)[1]
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(which, (limit, limit))
    if spec["cpus"] is not None:
        allowed = sorted(os.sched_getaffinity(0))
        # Start at different places, so that executions do not all share the first processor.
        first = os.getpid() % len(allowed)
        chosen = (allowed + allowed)[first : first + spec["cpus"]]
        os.sched_setaffinity(0, chosen)


def abandoned() -> bool:
    """Whether somebody threw the directory away: then no heir can find this run, halt it or hear
    of its end, and user code would go on for ever."""
    return os.stat(".").st_nlink == 0


def exit_code(status: int) -> int:
    """As an engine counts: 128 and the signal's number."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def children(parent: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    # The name in brackets may hold anything, so count from its end.
                    if int(file.read().rpartition(b")")[2].split()[1]) == parent:
                        found.append(int(name))
            except (OSError, ValueError):
                continue
    return found


def start_ticks(pid: int) -> int:
    """With the id, this names a process for good: ids are used again."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[19])


def write(name: str, facts: dict[str, Any]) -> None:
    with open(f"{name}.part", "w", encoding="utf-8") as file:
        pairs = (f'"{key}": {as_json(value)}' for key, value in facts.items())
        file.write("{" + ", ".join(pairs) + "}")
    os.rename(f"{name}.part", name)


def as_json(value: str | float | bool) -> str:
    if isinstance(value, str):
        return '"' + "".join(c if c.isprintable() and c not in '"\\' else "?" for c in value) + '"'
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)


def poke() -> None:
    """Nobody listens, or has not listened yet: both are fine, the log is read in any case."""
    sender = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    sender.setblocking(False)
    try:
        sender.sendto(b"", "poke.sock")
    except OSError:
        pass
    finally:
        sender.close()


if __name__ == "__main__":
    main(sys.argv[1])
