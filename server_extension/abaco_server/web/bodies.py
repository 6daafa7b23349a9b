"""Bodies of all kinds, read by ourselves (abaco-api.md, sections 3 and 7).

Jupyter would take a form field named `token` for the caller's credential, so nothing here ends
up where `get_argument` looks.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from tornado.httputil import HTTPInputError, HTTPServerRequest, parse_body_arguments

from abaco_jupyter.wire.codes import ContentType
from abaco_jupyter.wire.errors import InvalidRequest
from abaco_server.service.fields import Repeated, is_variable
from abaco_server.service.messages import Post

BINARY = "application/octet-stream"

UNSERIALIZABLE = (
    "message POST body could not be serialized. Pass JSON data or use the message attribute."
)
NO_LENGTH = "Content Length required for application/octet-stream."

MAX_DEPTH = 200
"""Levels of lists and objects in a JSON body."""

MISSING = object()
"""No JSON body at all, as opposed to `null`."""


class NotJson(ValueError):
    """The body is not JSON, or not JSON that can be handed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A message as it was posted, and how the answer shows it."""

    post: Post
    shown: Any


def is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def load(body: bytes) -> Any:
    """Raises NotJson. NaN and Infinity, which Python clients write, are read."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = _load_leniently(body)
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _check_depth(value)
    return value


def _load_leniently(body: bytes) -> Any:
    try:
        value = json.loads(body)
        # A lone half of a surrogate pair could not be answered or stored.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from None
    return value


def _check_depth(value: Any) -> None:
    """What is made of the value later (Python text, for one) recurses once per level."""
    level = [value] if isinstance(value, list | dict) else []
    for _ in range(MAX_DEPTH):
        inner = (one.values() if isinstance(one, dict) else one for one in level)
        level = [child for many in inner for child in many if isinstance(child, list | dict)]
        if not level:
            return
    raise NotJson(f"nested more than {MAX_DEPTH} deep")


def fields(
    request: HTTPServerRequest,
    body: bytes,
    query: Mapping[str, list[str]],
    *,
    malformed: str,
) -> dict[str, Any]:
    """JSON, form, multipart and query merged, JSON first; `malformed` is the error's text."""
    content_type = request.headers.get("Content-Type", "")
    merged: dict[str, Any] = {name: _plain(values) for name, values in query.items()}
    if is_json(content_type):
        try:
            value = load(body) if body.strip() else None
        except NotJson:
            raise InvalidRequest(malformed) from None
        if value is not None and not isinstance(value, dict):
            raise InvalidRequest(malformed)
        merged.update(value or {})
    else:
        merged.update(_form(content_type, body, malformed))
    return merged


def message(request: HTTPServerRequest, body: bytes, query: Mapping[str, list[str]]) -> Posted:
    """What POST /messages makes of its body. Raises InvalidRequest."""
    environment = _environment(query)
    content_type = request.headers.get("Content-Type", "")
    value = _json_or_missing(content_type, body)
    field = _message_field(value, content_type, body, query)
    if field is not None:
        return _text(field, field, environment)
    if content_type == BINARY:
        if "Content-Length" not in request.headers:
            raise InvalidRequest(NO_LENGTH)
        post = Post(content_type=ContentType.BINARY, body=body, environment=environment)
        return Posted(post=post, shown="binary - omitted")
    if value is MISSING:
        raise InvalidRequest(UNSERIALIZABLE)
    if value and not isinstance(value, str) and is_json(content_type):
        post = Post(content_type=ContentType.JSON, body=_utf8(body), environment=environment)
        return Posted(post=post, shown=value)
    return _text(str(value), value, environment)


def query_arguments(request: HTTPServerRequest) -> dict[str, list[str]]:
    """Names and values as UTF-8; tornado leaves names as latin-1."""
    return {
        name.encode("latin-1").decode("utf-8", "replace"): [
            value.decode("utf-8", "replace") for value in values
        ]
        for name, values in request.query_arguments.items()
    }


def _json_or_missing(content_type: str, body: bytes) -> Any:
    """The whole body as a JSON value. A bare word sent as JSON is itself: agavepy does that."""
    if content_type == BINARY or _is_form(content_type):
        return MISSING
    try:
        return load(body)
    except NotJson:
        if not is_json(content_type) or not body.strip():
            return MISSING
    if body.lstrip()[:1] in (b"{", b"[", b'"'):
        return MISSING
    try:
        return body.decode().replace("\0", "")
    except UnicodeDecodeError:
        return MISSING


def _message_field(
    value: Any, content_type: str, body: bytes, query: Mapping[str, list[str]]
) -> str | None:
    """The field `message` as text, if it is there and not empty."""
    if isinstance(value, dict) and is_json(content_type):
        found = value.get("message")
        if found not in (None, "", []):
            return _clean(str(found))
    elif _is_form(content_type):
        form = _form(content_type, body, UNSERIALIZABLE).get("message")
        if form:
            return _clean(form[0] if isinstance(form, Repeated) else form)
    return _clean(query["message"][0]) if query.get("message", [""])[0] else None


def _text(text: str, shown: Any, environment: dict[str, Any]) -> Posted:
    post = Post(content_type=ContentType.TEXT, body=text.encode(), environment=environment)
    return Posted(post=post, shown=shown)


def _clean(text: str) -> str:
    """No environment variable can hold a NUL, and no UTF-8 half a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _utf8(body: bytes) -> bytes:
    """JSON may also come as UTF-16 or UTF-32; it is stored as UTF-8."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return json.dumps(json.loads(body)).encode()
    return body


def _environment(query: Mapping[str, list[str]]) -> dict[str, Any]:
    """Every query parameter but `message` becomes a variable of the execution."""
    variables = {name: values[0] for name, values in query.items() if name != "message"}
    for name, value in variables.items():
        if not is_variable(name) or "\0" in value:
            raise InvalidRequest(
                f"The query parameter {name!r} cannot be an environment variable: its name is "
                "empty or has a character that is not allowed, or its value has a NUL."
            )
    return variables


def _is_form(content_type: str) -> bool:
    return content_type.startswith(("application/x-www-form-urlencoded", "multipart/form-data"))


def _form(content_type: str, body: bytes, malformed: str) -> dict[str, Any]:
    if not _is_form(content_type):
        return {}
    arguments: dict[str, list[bytes]] = {}
    try:
        parse_body_arguments(content_type, body, arguments, {})
    except HTTPInputError:
        raise InvalidRequest(malformed) from None
    return {
        name.encode("latin-1", "replace").decode("utf-8", "replace"): _plain(
            [value.decode("utf-8", "replace") for value in values]
        )
        for name, values in arguments.items()
    }


def _plain(values: list[str]) -> Any:
    return values[0] if len(values) == 1 else Repeated(values)
