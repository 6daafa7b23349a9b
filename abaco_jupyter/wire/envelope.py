"""The shape of every JSON answer under `/actors/v2` (abaco-api.md, sections 1 and 3)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import msgspec

VERSION = "1.9.1"
"""The release of Abaco whose API this is: the envelope's `version`."""

NEVER = "None"
"""A time that has not come yet."""

_encoder = msgspec.json.Encoder(order="sorted")
_SNAKE = re.compile(r"(?<=.)_+([a-z0-9])")


def success(result: Any, message: str) -> bytes:
    return _dump({"message": message, "result": result, "status": "success", "version": VERSION})


def failure(message: str) -> bytes:
    return _dump({"message": message, "result": None, "status": "error", "version": VERSION})


def camel(name: str) -> str:
    """`default_environment` -> `defaultEnvironment`; a leading `_` stays."""
    return _SNAKE.sub(lambda found: found.group(1).upper(), name)


def camel_keys(record: Mapping[str, Any], *, drop_nulls: bool = True) -> dict[str, Any]:
    """First level of keys only; in single objects Abaco drops fields whose value is null."""
    return {
        camel(key): value for key, value in record.items() if not (drop_nulls and value is None)
    }


def stored_time(at: datetime | None) -> str:
    """What is read from the store: `2026-11-21T17:18:35.464Z`, or `"None"`."""
    if at is None:
        return NEVER
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def fresh_time(at: datetime) -> str:
    """In the answer to the request that made it: microseconds and no `Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def list_time(at: datetime | None) -> str | None:
    """In the list of executions: `Sat, 21 Nov 2026 17:18:38 GMT`, or null."""
    return None if at is None else format_datetime(at.astimezone(UTC), usegmt=True)


def _dump(envelope: dict[str, Any]) -> bytes:
    return msgspec.json.format(_encoder.encode(envelope), indent=2) + b"\n"
