"""Memory that the supervisor shares with its workers: no message is needed to ask how far one is.

Each field has one writer at a time; what is aligned to its size is read whole.
"""

from __future__ import annotations

import mmap
import struct

SLOTS = 4096
"""Executions that a group has at most."""

HALTED, TIMED_OUT, WITHDRAWN = 1, 2, 4
_I4, _I8, _F8 = struct.Struct("=i"), struct.Struct("=q"), struct.Struct("=d")
_FLAGS = 64


class Share:
    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _FLAGS + SLOTS)

    def reset(self, done: int) -> None:
        self.done = done
        self.claimed = done - 1
        self.begin = 0.0

    def clear_flags(self) -> None:
        self._memory[_FLAGS : _FLAGS + SLOTS] = bytes(SLOTS)

    def flags(self, index: int) -> int:
        return self._memory[_FLAGS + index]

    def flag(self, index: int, bit: int) -> None:
        self._memory[_FLAGS + index] |= bit

    @property
    def done(self) -> int:
        """Executions of the group whose end is on record: the index of the current one."""
        return _I4.unpack_from(self._memory, 0)[0]

    @done.setter
    def done(self, value: int) -> None:
        _I4.pack_into(self._memory, 0, value)

    @property
    def claimed(self) -> int:
        """The index of the last execution that a worker has made its own. It looks at the flags
        after that, as the supervisor looks here after it has set one; each makes a system call
        in between, so that at least one of them sees what the other did."""
        return _I4.unpack_from(self._memory, 28)[0]

    @claimed.setter
    def claimed(self, value: int) -> None:
        _I4.pack_into(self._memory, 28, value)

    @property
    def target(self) -> int:
        """The leader of the process group that the current execution runs in."""
        return _I4.unpack_from(self._memory, 4)[0]

    @target.setter
    def target(self, value: int) -> None:
        _I4.pack_into(self._memory, 4, value)

    @property
    def begin(self) -> float:
        """When the current execution began; 0: none runs just now."""
        return _F8.unpack_from(self._memory, 8)[0]

    @begin.setter
    def begin(self, value: float) -> None:
        _F8.pack_into(self._memory, 8, value)

    @property
    def log(self) -> int:
        """Where its log begins."""
        return _I8.unpack_from(self._memory, 16)[0]

    @log.setter
    def log(self, value: int) -> None:
        _I8.pack_into(self._memory, 16, value)

    @property
    def rung(self) -> bool:
        """The bell was rung, and nobody has looked since."""
        return self._memory[24] != 0

    @rung.setter
    def rung(self, value: bool) -> None:
        self._memory[24] = value

    @property
    def draining(self) -> bool:
        """The supervisor is about to put a datagram on record."""
        return self._memory[25] != 0

    @draining.setter
    def draining(self, value: bool) -> None:
        self._memory[25] = value
