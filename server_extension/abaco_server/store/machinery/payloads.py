"""Files for bodies that are too large for a row, named by what is in them."""

from pathlib import Path

MAX_INLINE = 64 * 1024
"""Bytes up to which a body stands in its row."""

StoredBody = bytes | Path
"""A body as it is kept: the bytes themselves, or the payload file that holds them."""


class Payloads:
    """Content-addressed files: the same bytes are kept once, however many rows name them."""

    def put(self, body: bytes) -> str:
        """Write `body` durably (fsync, then rename); its digest."""
        raise NotImplementedError

    def path(self, digest: str) -> Path:
        raise NotImplementedError

    def get(self, digest: str) -> bytes:
        raise NotImplementedError
