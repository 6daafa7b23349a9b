"""What stands on the command line, as values. Each raises `Misuse` with the value in its text."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from abaco_jupyter.wire.errors import InvalidRequest

if TYPE_CHECKING:
    from abaco_jupyter.client.message import Body


class Misuse(InvalidRequest):
    """The command line cannot be carried out as it stands."""

    code = "usage"


def variables(assignments: Iterable[str]) -> dict[str, str]:
    """`["A=1", "B=x y"]` as a dictionary."""
    found = {}
    for each in assignments:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise Misuse(f"{each!r} is not of the form NAME=value.")
        found[name] = value
    return found


def query(text: str) -> dict[str, str]:
    """`a=1&b=2`, as abaco-cli's `-q` takes it."""
    try:
        return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True))
    except ValueError:
        raise Misuse(f"-q {text!r} is not of the form 'a=1&b=2'.") from None


def environment(assignments: Iterable[str], file: Path | None) -> dict[str, Any]:
    """Variables of `-e`, over those of a JSON file (`-E`)."""
    found: dict[str, Any] = {}
    if file is not None:
        value = json_value(file.read_text(), what=f"The file {str(file)!r}")
        if not isinstance(value, dict):
            raise Misuse(f"The file {str(file)!r} does not hold a JSON object.")
        found |= value
    return found | variables(assignments)


def json_value(text: str, *, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Misuse(f"{what} is not JSON: {error}.") from None


def text_or_json(text: str) -> Any:
    """A JSON value when the text is one, else the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def given_text(text: str) -> str:
    """`-` stands for what comes from the standard input."""
    return sys.stdin.read() if text == "-" else text


def given_bytes(path: str) -> bytes:
    """A file's; of the standard input for `-`."""
    return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()


def message(text: str, *, as_text: bool) -> "Body":
    """What is sent: JSON whenever the text is JSON, as abaco-cli does, unless it must not be."""
    from abaco_jupyter.client.message import Body, encode
    from abaco_jupyter.wire.codes import ContentType

    if as_text:
        return encode(text)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return encode(text)
    if isinstance(value, dict):
        try:
            encode(value)
        except TypeError as error:
            raise Misuse(str(error)) from None
    return Body(content=text.encode(), content_type=ContentType.JSON)
