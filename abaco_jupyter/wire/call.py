"""What a function returned, as bytes: JSON when it can be, cloudpickle otherwise.

A pickle of protocol 2 and later starts with the byte 0x80, which no UTF-8 text starts with, so
the two are told apart without an envelope and a plain HTTP client reads the JSON as it is.
Only the notebook side unpickles: the server and its store carry bytes.

A call of `AbacoExecutor` and its result are framed as `abaco_runtime.calls` says.
"""

import json
import pickle
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import IO, Any

_HEAD = b"ABACO-CALL %d.%d\n\x80\x04" % sys.version_info[:2]
_TAIL = pickle.TUPLE3 + pickle.STOP

PICKLE_START = b"\x80"
CALL = b"ABACO-CALL "
CALL_RESULT = b"ABACO-RESULT\n"


def encode_result(value: object) -> bytes:
    """The same rule as `abaco_runtime.result.encode`; a contract test compares the two."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        if json.loads(text) == value and not _has_tuple(value):
            return text.encode()
    except (TypeError, ValueError, RecursionError):
        pass
    import cloudpickle

    pickled: bytes = cloudpickle.dumps(value)
    return pickled


def decode_result(body: bytes) -> Any:
    """JSON value, unpickled object, or the bytes themselves when they are neither. The answer of
    a call as `encode_call` makes it is the value that was returned.

    Unpickling runs code that the container chose: call this only for your own actors.
    """
    if body.startswith(CALL_RESULT + PICKLE_START):
        body = body.removeprefix(CALL_RESULT)
    if body.startswith(PICKLE_START):
        import cloudpickle

        return cloudpickle.loads(body)
    try:
        return json.loads(body)
    except ValueError:
        return body


def read_result(file: IO[bytes]) -> Any:
    """As `decode_result`, of a file, which need not be in memory as well as the object."""
    start = file.read(1)
    file.seek(-len(start), 1)
    if start == PICKLE_START:
        return pickle.load(file)
    return decode_result(file.read())


def own_version() -> str:
    """This Python, such as `3.11`: pickled functions run in the same one only."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


Part = bytes | str
"""Of a call: a pickle that the container can read, or the name of the file that it stands in."""


def encode_call(
    function: Part,
    arguments: Part,
    *,
    many: bool,
    constants: Mapping[int | str, Part] = MappingProxyType({}),
) -> bytes:
    """`constants` are arguments too, of each of the calls: by their places among all, or by their
    keywords."""
    if constants or isinstance(function, str) or isinstance(arguments, str):
        head = _HEAD.partition(b"\n")[0]
        return head + b"\n" + pickle.dumps((many, function, arguments, dict(constants)), 4)
    # `pickle.dumps((many, function, arguments))` by hand, as a test compares.
    start = _HEAD + (pickle.NEWTRUE if many else pickle.NEWFALSE)
    return b"".join((start, _bytes(function), function, _bytes(arguments), arguments, _TAIL))


def _bytes(value: bytes) -> bytes:
    return pickle.BINBYTES8 + len(value).to_bytes(8, "little")


def _has_tuple(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_tuple(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_has_tuple(inner) for inner in value)
    return isinstance(value, tuple)
