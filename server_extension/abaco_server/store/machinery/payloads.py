"""Files for bodies that are too large for a row, named by what is in them.

A row that owns a file names its digest. When the row goes, `drop` notes the digest in the
transaction, and once that is committed the writer removes the file unless another row names it.
`hold` keeps a file while the row that will own it is on its way. A crash between the two leaves
a file that nobody names; `sweep` removes those when they are over an hour old. With PostgreSQL
other services may use the same directory: there only `sweep` removes files.
"""

import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from threading import Lock

from sqlalchemy import Connection

from abaco_server.model.clock import Clock

MAX_INLINE = 64 * 1024
"""Bytes up to which a body stands in its row."""

GRACE = timedelta(hours=1)

StoredBody = bytes | Path
"""A body as it is kept: the bytes themselves, or the payload file that holds them."""


class Payloads:
    """Content-addressed files: the same bytes are kept once, however many rows name them."""

    def __init__(self, directory: Path, clock: Clock, *, shared: bool = False) -> None:
        self._directory = directory
        self.incoming = directory / "incoming"
        self._clock = clock
        self._shared = shared
        self._held: Counter[str] = Counter()
        self._lock = Lock()
        self.incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        directory.chmod(0o700)

    def put(self, body: bytes) -> str:
        """Write `body` durably (fsync, then rename); its digest."""
        digest = sha256(body).hexdigest()
        self._put(digest, body)
        return digest

    def path(self, digest: str) -> Path:
        return self._directory / digest[:2] / digest

    def get(self, digest: str) -> bytes:
        return self.path(digest).read_bytes()

    def hold(self, body: bytes) -> str:
        """As `put`; the file stays until `release`, whoever drops it meanwhile."""
        return self.hold_written(sha256(body).hexdigest(), lambda name: self._write(name, body))

    def hold_written(self, digest: str, write: Callable[[str], object]) -> str:
        """As `hold` of what `write` makes the payload of the name that it is given."""
        with self._lock:
            self._held[digest] += 1
        try:
            if not self.touch(digest):
                write(digest)
        except BaseException:
            self.release(digest)
            raise
        return digest

    @contextmanager
    def holding(self, names: Iterable[str]) -> Iterator[None]:
        """These stay while the block runs, whoever drops them meanwhile, be they there or not."""
        held = list(names)
        with self._lock:
            self._held.update(held)
        try:
            yield
        finally:
            for name in held:
                self.release(name)

    def touch(self, digest: str) -> bool:
        """Begin its hour anew; False when it is not here."""
        return self._touch(self.path(digest))

    def take_in(self, written: Path, digest: str) -> Path:
        """Make a file that was written, and flushed to the disk, the payload of this name."""
        path = self.path(digest)
        # The directory is private; a container that is given this one file must read it.
        written.chmod(0o644)
        self._touch(written)
        path.parent.mkdir(exist_ok=True)
        written.rename(path)
        for directory in (path.parent, self._directory):
            _sync_directory(directory)
        return path

    def release(self, digest: str) -> None:
        with self._lock:
            self._held[digest] -= 1
            if self._held[digest] <= 0:
                del self._held[digest]

    def remove(self, digest: str) -> None:
        """Called when no row names the digest any more."""
        with self._lock:
            if not self._shared and digest not in self._held:
                self.path(digest).unlink(missing_ok=True)

    def sweep(self, named: frozenset[str]) -> int:
        """Remove files that are not `named` and have not been put for an hour; how many."""
        oldest = (self._clock.now() - GRACE).timestamp()
        removed = 0
        for path in [*self._directory.glob("??/*"), *self.incoming.iterdir()]:
            with self._lock:
                if path.name in named or path.name in self._held:
                    continue
                # Looked at under the lock: a put of the same bytes has touched it by now.
                if _is_older(path, oldest):
                    path.unlink(missing_ok=True)
                    removed += 1
        return removed

    def _put(self, digest: str, body: bytes) -> None:
        if not self.touch(digest):
            self._write(digest, body)

    def _touch(self, path: Path) -> bool:
        now = self._clock.now().timestamp()
        try:
            os.utime(path, (now, now))
        except FileNotFoundError:
            return False
        return True

    def _write(self, digest: str, body: bytes) -> None:
        written = self.incoming / secrets.token_hex(16)
        try:
            with written.open("xb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            self.take_in(written, digest)
        finally:
            written.unlink(missing_ok=True)


def to_columns(conn: Connection, body: StoredBody) -> tuple[bytes | None, str | None]:
    """`body` and `digest` of a row. Large bytes become a file here, on the writer thread."""
    if isinstance(body, Path):
        return None, body.name
    if len(body) <= MAX_INLINE:
        return body, None
    return None, payloads_of(conn).put(body)


def from_columns(conn: Connection, body: bytes | None, digest: str | None) -> StoredBody:
    if digest is not None:
        return payloads_of(conn).path(digest)
    return body or b""


def payloads_of(conn: Connection) -> Payloads:
    found: Payloads = conn.info["payloads"]
    return found


def drop(conn: Connection, digests: Iterable[str | None]) -> None:
    """Rows that named these digests are going, in this transaction."""
    dropped(conn).update(digest for digest in digests if digest is not None)


def dropped(conn: Connection) -> set[str]:
    found: set[str] = conn.info.setdefault("dropped", set())
    return found


def _is_older(path: Path, than: float) -> bool:
    """No, if it has gone: what comes in becomes a payload while others are looked at."""
    try:
        return path.stat().st_mtime < than
    except FileNotFoundError:
        return False


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
