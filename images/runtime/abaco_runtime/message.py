"""The message of this execution: where it lies and what kind it is.

Abaco gives text in the variable `MSG` and bytes in the file `/_abaco_binary_data`. Text that is
too long for a variable lies in the file that `_abaco_message_file` names (our own server only).
"""

from __future__ import annotations

import os
import stat

TEXT = "str"
JSON = "application/json"
BINARY = "application/octet-stream"

BINARY_FILE = "/_abaco_binary_data"
_CHUNK = 1 << 20
_drained: bytes | None = None

held: bytes | None = None
"""A binary message that a resident interpreter was given in memory."""


class Message:
    """`kind` is TEXT, JSON, BINARY, or None when there is no message at all."""

    __slots__ = ("body", "kind")

    def __init__(self, kind: str | None, body: str | bytes | None) -> None:
        self.kind = kind
        self.body = body

    @property
    def text(self) -> str:
        """The message as text; bytes must be UTF-8."""
        return self.body.decode() if isinstance(self.body, bytes) else self.body or ""


def receive() -> Message:
    text = raw_text()
    if text is not None:
        return Message(JSON if content_type() == JSON else TEXT, text)
    data = raw_bytes()
    return Message(None, None) if data is None else Message(BINARY, data)


def content_type() -> str | None:
    """The guide spells it with a hyphen; servers since 1.0 with an underscore."""
    return os.environ.get("_abaco_Content_Type") or os.environ.get("_abaco_Content-Type")


def raw_text() -> str | None:
    text = os.environ.get("MSG")
    path = os.environ.get("_abaco_message_file")
    if text is None and path:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            text = file.read()
    return text


def raw_bytes() -> bytes | None:
    """The bytes of a binary message; None when this message is text, or when there is none."""
    if "MSG" in os.environ or os.environ.get("_abaco_message_file"):
        return None
    if held is not None:
        return held
    for path in _binary_files():
        if os.path.exists(path):
            return _read(path)
    return None


def parse(text: str) -> object:
    """The value that `text` writes down, as JSON or as Python. Raises ValueError for neither.

    Abaco hands JSON objects over as Python text (`{'a': None}`). JSON is tried first because a
    Python reading of JSON text is wrong for some escapes, while JSON text that is also Python
    text means the same.
    """
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _parse_python(text)


def parse_object(text: str) -> dict | None:
    """A JSON object (or Python dict) with text keys, or None."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = parse(text)
    except ValueError:
        return None
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return value
    return None


def _parse_python(text: str) -> object:
    import ast
    import warnings

    with warnings.catch_warnings():
        # Text such as "{\d}" makes the compiler warn; that has no business in the actor's log.
        warnings.simplefilter("ignore")
        try:
            return ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
            raise ValueError(f"neither JSON nor Python text: {error}") from None


def _binary_files() -> list[str]:
    shared = os.environ.get("_abaco_dir")
    return [*([os.path.join(shared, "message")] if shared else []), BINARY_FILE]


def _read(path: str) -> bytes:
    """All of a plain file, or what a pipe holds now: Abaco's pipe has no end."""
    global _drained
    if not stat.S_ISFIFO(os.stat(path).st_mode):
        with open(path, "rb") as file:
            return file.read()
    if _drained is None:
        _drained = _drain(path)
    return _drained


def _drain(path: str) -> bytes:
    parts = []
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while True:
            part = os.read(pipe, _CHUNK)
            if not part:
                break
            parts.append(part)
    except BlockingIOError:
        pass
    finally:
        os.close(pipe)
    return b"".join(parts)
