"""Payload files that are made piece by piece, as they come from a sender or out of a file.

Nothing is ever in memory whole. What is received becomes a payload only if it is what its name
says.
"""

import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from abaco_server.store.machinery.payloads import Payloads

_CHUNK = 2**20


class Incoming:
    """One payload on its way in. `keep` or `close` ends it; call both from any thread."""

    def __init__(self, payloads: Payloads) -> None:
        self._payloads = payloads
        self._path = payloads.incoming / secrets.token_hex(16)
        self._file: BinaryIO = self._path.open("xb")
        self._hash = sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._hash.update(chunk)
        self.size += len(chunk)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def keep(self, name: str) -> Path:
        """Make it the payload of this name, durably."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._payloads.take_in(self._path, name)

    def close(self) -> None:
        """Whatever is not kept is gone."""
        try:
            self._file.close()
        finally:
            # Also when the disk is full, and what was written last finds no room.
            self._path.unlink(missing_ok=True)


def hold_file(payloads: Payloads, file: BinaryIO) -> str:
    """As `Payloads.hold` of what an open file has from its beginning; others may still write to
    it: what was read has the digest, and what is added meanwhile is not read."""
    left = file.seek(0, os.SEEK_END)
    file.seek(0)
    incoming = Incoming(payloads)
    try:
        while chunk := file.read(min(_CHUNK, left)):
            incoming.write(chunk)
            left -= len(chunk)
        return payloads.hold_written(incoming.digest, incoming.keep)
    finally:
        incoming.close()
