"""Shim processes, seen from the server: started, watched until they end, signalled."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from abaco_server.runners.process import shim as source
from abaco_server.runners.process.place import SHIM_ERRORS

_SCRIPT = str(Path(source.__file__))


class Shim:
    """One shim, ours or an earlier life's; `wake` is called on the loop when it ends.

    It is named by a descriptor, not by its id: ids are used again.
    """

    def __init__(self, pid: int, descriptor: int, wake: Callable[[], None]) -> None:
        self._pid = pid
        self._descriptor = descriptor
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self.ended = False
        self._loop.add_reader(descriptor, self._end)

    @classmethod
    def start(cls, directory: Path, wake: Callable[[], None]) -> "Shim":
        errors = str(directory / SHIM_ERRORS)
        nothing = os.O_RDONLY, 0
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-S", "-E", _SCRIPT, str(directory)],
            # None of the server's variables.
            {"LANG": "C.UTF-8"},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, *nothing),
                (os.POSIX_SPAWN_OPEN, 1, errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            # A session of its own: what ends the server, a terminal's signal say, leaves it.
            setsid=True,
            # It unblocks these when it is ready to answer them.
            setsigmask=[signal.SIGTERM, signal.SIGUSR1],
        )
        return cls(pid, os.pidfd_open(pid), wake)

    @classmethod
    def find(cls, pid: int, started: int, wake: Callable[[], None]) -> "Shim | None":
        """One that an earlier life started; None when it has ended."""
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return None
        try:
            alive = source.start_ticks(pid) == started
        except (FileNotFoundError, ProcessLookupError):
            alive = False
        if not alive:
            os.close(descriptor)
            return None
        return cls(pid, descriptor, wake)

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """All that it supervises; it ends itself and says how it went."""
        self._send(signal.SIGUSR1)

    def close(self) -> None:
        """The process is left alone."""
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, number)

    def _end(self) -> None:
        self._loop.remove_reader(self._descriptor)
        # Another process's child is not ours to reap: that one, or init, does it.
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        self.ended = True
        self._wake()
