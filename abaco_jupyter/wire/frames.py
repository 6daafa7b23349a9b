"""The frames of the channel of calls, `/abaco/v1/actors/<id>/calls` (docs/calls.md).

One WebSocket, binary messages; each is one frame: a msgpack array whose first element names it.

    from the client                         from the server
    0 Hello    who I am, what I held        0 Welcome   the channel is open
    1 Calls    a group of calls             1 Credit    ids for so many more calls
    2 Await    tell me the ends of these    2 Accepted  this group is durable
    3 Cancel   of these no more             3 Refused   this group is not taken, and why
    4 AskLog   what did it print            4 Began     these run
                                            5 Ended     how these ended, with their results
                                            6 Cancelled the answer to Cancel
                                            7 Log       the answer to AskLog
                                            8 Unknown   of these nothing is on record

A call is sent only for credit, and credit is a block of execution ids: a call's id is known
before it is sent, so that the same group sent again, after a connection or a server was lost, is
the same executions. Elements that are added later stand at the end and have a default.
"""

from typing import Annotated, Any

import msgspec

from abaco_jupyter.wire.codes import ContentType, ExecutionStatus
from abaco_jupyter.wire.limits import KIB, MIB

VERSION = 1

MAX_FRAME = 16 * MIB
MAX_CALL = 64 * KIB
"""Bytes of a call that stand in its frame, and of results that are pushed; larger ones go by
reference."""

MAX_GROUP = 1024
"""Calls of one frame, and ids of one block."""

MAX_IDS = 10_000
"""Execution ids in one frame."""

WINDOW = 8192
"""Calls of one channel that have been granted and have not ended."""

# Why the server ends a connection, as its close code; the reason says more.
STOPPING = 1012
"""It stops or starts again: connect again."""
BAD_FRAME = 4400
NOT_AUTHORIZED = 4403
"""Whoever opened it may not, or not any more."""
NOT_FOUND = 4404
"""The actor is gone."""
NO_CREDIT = 4429
"""A call whose id was not granted."""
FAILED = 4500
"""A fault of the server: connect again."""


Place = Annotated[int, msgspec.Meta(ge=0, lt=MAX_GROUP)]
"""Of an id in its block."""


class Reference(msgspec.Struct, array_like=True, frozen=True):
    """A payload that was uploaded, as the upload's answer named it."""

    digest: str
    """SHA-256 as 64 hexadecimal digits."""
    seal: str
    """What shows that this principal uploaded it."""


class Block(msgspec.Struct, array_like=True, frozen=True):
    """Execution ids that follow one another, granted to one principal for one actor."""

    first: str
    count: Annotated[int, msgspec.Meta(ge=1, le=MAX_GROUP)]
    seal: str
    """It is good on each connection, of a server that was started again as well."""


Ids = Annotated[list[str], msgspec.Meta(max_length=MAX_IDS)]


class Hello(msgspec.Struct, array_like=True, tag=0):
    version: int
    name: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """A random name of this client's, the same each time that it connects."""
    blocks: Annotated[list[Block], msgspec.Meta(max_length=WINDOW)] = []
    """Granted on earlier connections, with ids that were not used or not accepted."""
    cancel_after: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """Seconds: when the client is lost for longer, what it waits for is cancelled and halted."""


Body = bytes | list[bytes | Reference]
"""Of a call: the bytes. Of a large one the message, bytes or a reference, and then references to
files that the container finds beside it, named by their digests."""


class Calls(msgspec.Struct, array_like=True, tag=1):
    block: str
    """Its first id."""
    offset: Place
    """The first call's place in the block; the others follow it."""
    calls: Annotated[list[Body], msgspec.Meta(min_length=1, max_length=MAX_GROUP)]
    kind: ContentType = ContentType.BINARY
    timeout: float | None = None
    """Seconds; this and the next two are of `wire.options`."""
    label: str | None = None
    retry_of: str | None = None


class Await(msgspec.Struct, array_like=True, tag=2):
    ids: Ids


class Cancel(msgspec.Struct, array_like=True, tag=3):
    number: int
    """Of the client's choice, for the answer."""
    ids: Ids
    force: bool = False
    """Stop those that run as well."""


class AskLog(msgspec.Struct, array_like=True, tag=4):
    number: int
    id: str


class Welcome(msgspec.Struct, array_like=True, tag=0):
    version: int
    actor_id: str


class Credit(msgspec.Struct, array_like=True, tag=1):
    block: Block


class Accepted(msgspec.Struct, array_like=True, tag=2):
    block: str
    offset: Place


class Refused(msgspec.Struct, array_like=True, tag=3):
    """Nothing of the group is on record; its ids may be used again."""

    block: str
    offset: Place
    code: str
    """Of `wire.errors`."""
    message: str


class Began(msgspec.Struct, array_like=True, tag=4):
    ids: list[str]


class EndedCall(msgspec.Struct, array_like=True):
    id: str
    status: ExecutionStatus
    exit_code: int | str | None = None
    results: list[bytes] | None = None
    """None: fetch them, they are large."""
    record: dict[str, Any] | None = None
    """The whole record, unless it ended well."""


class Ended(msgspec.Struct, array_like=True, tag=5):
    calls: list[EndedCall]


class Cancelled(msgspec.Struct, array_like=True, tag=6):
    number: int
    ids: list[str]
    """Those that waited and will not be run."""


class Log(msgspec.Struct, array_like=True, tag=7):
    number: int
    text: str | None
    """None: there is no such execution."""


class Unknown(msgspec.Struct, array_like=True, tag=8):
    ids: list[str]


FromClient = Hello | Calls | Await | Cancel | AskLog
FromServer = Welcome | Credit | Accepted | Refused | Began | Ended | Cancelled | Log | Unknown

_encode = msgspec.msgpack.Encoder().encode
_of_client = msgspec.msgpack.Decoder(FromClient)
_of_server = msgspec.msgpack.Decoder(FromServer)


class BadFrame(ValueError):
    """It is no frame of ours; the text says why."""


def encode(frame: FromClient | FromServer) -> bytes:
    return _encode(frame)


def from_client(data: bytes) -> FromClient:
    """Raises BadFrame."""
    found: FromClient = _decoded(_of_client, data)
    return found


def from_server(data: bytes) -> FromServer:
    """Raises BadFrame."""
    found: FromServer = _decoded(_of_server, data)
    return found


def _decoded(decoder: Any, data: bytes) -> Any:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFrame(str(error)) from None
