"""What a call's arguments become as a message to an actor."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from abaco_jupyter.wire.codes import ContentType


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    content: bytes
    content_type: str


def from_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Body:
    """The message for `actor(*args, **kwargs)`.

    A text is a text message of any length; `bytes` are a binary message; keyword arguments, or
    one dictionary, are a JSON object, which the actor's function gets as keyword arguments. A
    list, a number or a truth value is sent as JSON.

    Raises
    ------
    TypeError
        What was given does not fit into a message.
    """
    if args and kwargs:
        raise TypeError(
            "An actor takes one message: either one positional argument, or keyword arguments, "
            "which are sent as one JSON object. Name them all: actor(text=..., n=...)."
        )
    if len(args) > 1:
        raise TypeError(
            f"An actor takes one message, but {len(args)} positional arguments were given. "
            "Name them, actor(a=..., b=...), or send one list or dictionary."
        )
    return encode(args[0] if args else kwargs)


def encode(message: Any) -> Body:
    """One message as the body of a request."""
    if isinstance(message, str):
        # Abaco takes an empty field `message` for none at all; an empty JSON text is one.
        return _json({"message": message} if message else "")
    if isinstance(message, bytes | bytearray | memoryview):
        return Body(content=bytes(message), content_type=ContentType.BINARY)
    if isinstance(message, Mapping):
        return _json(_object(message))
    if isinstance(message, list | tuple | int | float):
        return _json(message)
    raise TypeError(
        f"A message is a text, bytes, or what JSON can say, not {_kind(message)}. Turn it into "
        "one of these, for example with json, pickle.dumps or df.to_csv()."
    )


def _object(message: Mapping[Any, Any]) -> dict[str, Any]:
    odd = [key for key in message if not isinstance(key, str)]
    if odd:
        raise TypeError(f"The keys of a message must be text: {odd[0]!r} is {_kind(odd[0])}.")
    if "message" in message and (len(message) > 1 or not isinstance(message["message"], str)):
        raise TypeError(
            "Abaco takes the field 'message' of a JSON object for the whole message, as text, "
            "and drops the other fields. Give that argument another name."
        )
    return dict(message)


def _json(value: Any) -> Body:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        content = text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"The message cannot be sent as JSON: {error}. Send bytes (for example of "
            "pickle.dumps) or only texts, numbers, lists and dictionaries."
        ) from None
    return Body(content=content, content_type=ContentType.JSON)


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    cls = type(value)
    module = "" if cls.__module__ == "builtins" else f"{cls.__module__}."
    name = f"{module}{cls.__name__}"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
