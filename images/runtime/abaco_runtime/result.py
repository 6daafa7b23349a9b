"""Results: what goes back to whoever sent the message. One message may have several.

Our own server takes them as files (`spool`), any other Abaco as datagrams. Where there is
neither, as under a plain `docker run`, a result that is text is printed.
"""

from __future__ import annotations

import os
import sys

from abaco_runtime import spool
from abaco_runtime.spool import ResultTooLong

MAX_DATAGRAM_RESULT = 131_072
PICKLE_START = b"\x80"
SOCKET = "/_abaco_results.sock"


def send_bytes_result(body: bytes) -> None:
    """Send one result as it is."""
    if not isinstance(body, (bytes, bytearray, memoryview)):
        raise TypeError(f"send_bytes_result takes bytes, not {type(body).__name__}")
    _deliver(bytes(body))


def send_python_result(value: object) -> None:
    """Send one result as a pickle, whatever it is."""
    import cloudpickle

    _deliver(cloudpickle.dumps(value))


def send_result(value: object) -> None:
    """Send one result as a returned value is sent: JSON when it can be, else a pickle."""
    try:
        body = encode(value)
    except Exception as error:
        kind = type(value).__name__
        raise TypeError(f"a result of type {kind!r} cannot be sent: {error}") from error
    _deliver(body)


def encode(value: object) -> bytes:
    """The same rule as `abaco_jupyter.wire.call.encode_result`."""
    import json

    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        if json.loads(text) == value and not _has_tuple(value):
            return text.encode()
    except (TypeError, ValueError, RecursionError):
        pass
    import cloudpickle

    return cloudpickle.dumps(value)


def _has_tuple(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_tuple(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_has_tuple(inner) for inner in value)
    return isinstance(value, tuple)


def _deliver(body: bytes) -> None:
    if spool.directory():
        _check(body, spool.MAX_PAYLOAD, "result")
        if not spool.taken(spool.RESULT, body):
            spool.put_next(".result", body)
    elif os.path.exists(SOCKET):
        _check(body, MAX_DATAGRAM_RESULT, "datagram, which is how this Abaco takes a result,")
        _send(body)
    else:
        _show(body)


def _check(body: bytes, limit: int, what: str) -> None:
    if len(body) > limit:
        raise ResultTooLong(
            f"the result has {len(body)} bytes, and a {what} has at most {limit}: "
            "store it elsewhere and return where it is"
        )


def send_written(written: spool.Written) -> None:
    """Send what was written into `out/`, as one result."""
    if written.path is not None:
        spool.put_written(".result", written)
    else:
        _deliver(written.body)


def _send(body: bytes) -> None:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as results:
        results.connect(SOCKET)
        results.send(body)


def _show(body: bytes) -> None:
    try:
        text = None if body.startswith(PICKLE_START) else body.decode()
    except UnicodeDecodeError:
        text = None
    where = f"there is no {SOCKET} to send it to"
    if text is None:
        print(f"abaco_runtime: a result of {len(body)} bytes is lost: {where}", file=sys.stderr)
        return
    print(f"abaco_runtime: the result is printed: {where}", file=sys.stderr)
    print(text)
