"""Ours: bodies that are too large for a frame are uploaded first, and named by calls.

Who uploaded one gets a seal, and only with it a call may name it: a digest alone, which may be
known to others, opens nobody's payload. What no message names is removed an hour after it was
last uploaded or named.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hmac import compare_digest
from typing import TypeVar

from abaco_jupyter.wire.errors import InvalidRequest, NotAuthorized, NotFound
from abaco_jupyter.wire.frames import Reference
from abaco_jupyter.wire.limits import MAX_PAYLOAD
from abaco_server.model.principal import Principal
from abaco_server.service.desk import Desk
from abaco_server.store import Incoming, StoredBody

__all__ = ["Incoming", "Payloads", "check_digest", "check_size", "missing"]

_DIGEST = re.compile("[0-9a-f]{64}")

T = TypeVar("T")

Pieces = list[bytes | Reference]


class Payloads:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def receive(self, digest: str) -> Incoming:
        """Take in what is said to have this digest."""
        check_digest(digest)
        return Incoming(self._desk.store.payloads)

    async def keep(self, principal: Principal, digest: str, incoming: Incoming) -> Reference:
        """What came, as calls may name it. Raises InvalidRequest if it is something else."""
        if incoming.digest != digest:
            raise InvalidRequest(
                f"What was uploaded, {incoming.size} bytes, has the SHA-256 {incoming.digest}, and "
                f"the path says {digest}: it was changed on its way, or the path is wrong."
            )
        await self._desk.store.aside(partial(incoming.keep, digest))
        return self.reference(principal, digest)

    async def aside(self, work: Callable[[], T]) -> T:
        """Read or write a piece of a file without holding anybody up."""
        return await self._desk.store.aside(work)

    async def size(self, body: StoredBody) -> int:
        if isinstance(body, bytes):
            return len(body)
        try:
            return (await self.aside(body.stat)).st_size
        except FileNotFoundError:
            raise NotFound("Somebody has taken this result at this moment.") from None

    def reference(self, principal: Principal, digest: str) -> Reference:
        return Reference(digest, self._seal(principal, digest))

    def check(self, principal: Principal, given: Reference) -> None:
        """Raises NotAuthorized for a payload that somebody else uploaded."""
        if not compare_digest(self._seal(principal, given.digest).encode(), given.seal.encode()):
            raise NotAuthorized(
                f"The payload {given.digest} is not yours to name: upload it with PUT "
                f"/abaco/v1/payloads/{given.digest} and name it with the seal of the answer."
            )

    @contextmanager
    def held(self, principal: Principal, calls: Sequence[Pieces]) -> Iterator[None]:
        """While the block runs nothing that these calls name goes away."""
        references = [one for pieces in calls for one in pieces if isinstance(one, Reference)]
        for one in references:
            self.check(principal, one)
        with self._desk.store.payloads.holding([one.digest for one in references]):
            yield

    def call(self, pieces: Pieces) -> tuple[StoredBody, tuple[str, ...]]:
        """The message, and the digests of the files beside it. It blocks. Raises NotFound for what
        is not here (any more)."""
        payloads = self._desk.store.payloads
        for one in pieces:
            if isinstance(one, Reference) and not payloads.touch(one.digest):
                raise NotFound(missing(one.digest))
        message, *beside = pieces
        body = message if isinstance(message, bytes) else payloads.path(message.digest)
        return body, tuple(one.digest for one in beside if isinstance(one, Reference))

    def _seal(self, principal: Principal, digest: str) -> str:
        return self._desk.vault.mark(f"payload\0{principal.tenant}\0{principal.username}\0{digest}")


def check_size(size: int) -> None:
    if size > MAX_PAYLOAD:
        raise InvalidRequest(
            f"A payload has at most {MAX_PAYLOAD} bytes, and this one has {size}: let calls read "
            "such data from a place that containers reach, such as a mount."
        )


def missing(digest: str) -> str:
    return f"The payload {digest} is not here (any more): upload it again."


def check_digest(digest: str) -> None:
    if not _DIGEST.fullmatch(digest):
        raise InvalidRequest(
            f"{digest!r} is no SHA-256: a payload is named by 64 hexadecimal digits, in small "
            "letters."
        )
