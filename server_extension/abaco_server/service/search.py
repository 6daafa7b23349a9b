"""Search (abaco-api.md, section 13): from query parameters to a page of records.

The texts of errors are the reference's; it sends them with 500, we with 400.
"""

import asyncio
import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from abaco_jupyter.wire.codes import Level
from abaco_jupyter.wire.errors import InvalidRequest
from abaco_server.model.principal import Principal
from abaco_server.model.search import (
    BadExpression,
    Condition,
    Found,
    Kind,
    Operator,
    Query,
    TooMuchToSearch,
    Viewer,
    parse_time,
)
from abaco_server.service import access
from abaco_server.service.desk import Desk
from abaco_server.store import Connection
from abaco_server.store.searching import find

Given = Mapping[str, str]

LIMIT = 100
MOST_RECORDS = 10_000
MOST_LOGS = 100
"""In one answer; `recordLimit` says so to whoever asks for more. A log may be a megabyte."""
MOST_CONDITIONS = 100
MOST_VALUES = 500
LONGEST_EXPRESSION = 1000
AT_A_TIME = 2
"""Searches; the store has more readers than this, so there is always one for other requests."""

UNKNOWN = "Inputted search_type is invalid, must be one of {list(store_dict.keys())}."
"""The braces are the reference's own."""
BAD_TIME = (
    "Inputted datetime was in an incorrect format. Please refer to docs and follow ISO 8601 "
    "formatting. e.g. '2020-05-01T14:45:41.591Z'"
)
NOT_TWO = "Between must have two variables seperated by a comma. Ex. io.between=20,40"
NO_BOUND = "The values given to .between should be either float or ISO 8601 datetime."

_TIMES = (
    "start_time",
    "message_received_time",
    "last_execution_time",
    "last_update_time",
    "StartedAt",
    "FinishedAt",
    "create_time",
    "last_health_check_time",
)
"""A field whose name contains one of these is asked for a time and nothing else."""

_ALSO_TIMES = ("finish_time", "exp")
"""Stored as times, though the reference does not take them for such: a text that is one counts."""

_CONSTANTS = {"true": True, "false": False, "none": None}
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_LARGEST_INT = 2**63
_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


Page = tuple[Query, Found]
"""What was asked for, and what there is of it."""


class Search:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._turn = asyncio.Semaphore(AT_A_TIME)

    async def everything(self, principal: Principal, kind: str, given: Given) -> Page:
        """All records of a kind on whose actor the user has READ; an admin sees no more."""
        try:
            asked = Kind(kind.lower())
        except ValueError:
            raise InvalidRequest(UNKNOWN) from None
        return await self._find(principal, asked, parse(given, principal.tenant))

    async def of_actor(
        self,
        principal: Principal,
        kind: Kind,
        identifier: str,
        given: Given,
        *,
        execution_id: str | None = None,
    ) -> Page:
        """Below one actor, which an id names: an alias may be asked for and finds nothing."""
        await self._desk.store.read(
            lambda conn: access.actor_for(conn, principal, identifier, Level.READ)
        )
        query = parse(given, principal.tenant)
        within = [Condition(field="actor_id", value=identifier)]
        if execution_id is not None:
            within.append(Condition(field="_id", value=execution_id))
        return await self._find(principal, kind, query, tuple(within))

    async def _find(
        self,
        principal: Principal,
        kind: Kind,
        query: Query,
        within: tuple[Condition, ...] = (),
    ) -> Page:
        most = MOST_LOGS if kind is Kind.LOGS else MOST_RECORDS
        query = replace(query, limit=min(query.limit, most))
        viewer = Viewer(
            username=principal.username, tenant=principal.tenant, now=self._desk.clock.now()
        )

        def read(conn: Connection) -> Found:
            return find(conn, kind, query, viewer, within)

        try:
            async with self._turn:
                found = await self._desk.store.read(read)
        except TooMuchToSearch as error:
            raise InvalidRequest(
                f"This search is too large: {error}. Name an actor_id, a status or a time to "
                "make it smaller."
            ) from None
        except BadExpression as error:
            raise InvalidRequest(
                f"The regular expression of this search is invalid: {error}"
            ) from None
        return query, found


def parse(given: Given, tenant: str) -> Query:
    """Raises InvalidRequest."""
    conditions = []
    words: frozenset[str] = frozenset()
    phrase = ""
    counts = {"limit": LIMIT, "skip": 0}
    for key, value in given.items():
        if key in counts:
            counts[key] = _count(key, value)
        elif key == "search":
            words = frozenset(re.findall(r"\w+", value.casefold()))
        elif key == "exactsearch":
            phrase = value.casefold()
        else:
            conditions.append(_condition(key, value, tenant))
    if len(conditions) > MOST_CONDITIONS:
        raise InvalidRequest(
            f"A search has at most {MOST_CONDITIONS} conditions; this one has {len(conditions)}."
        )
    return Query(
        conditions=tuple(conditions),
        words=words,
        phrase=phrase,
        limit=counts["limit"],
        skip=min(counts["skip"], 2**62),
    )


def _count(key: str, value: str) -> int:
    try:
        number = int(value)
    except ValueError:
        raise InvalidRequest(
            f'Inputted "{key}" paramater must be an int. Received: {value}'
        ) from None
    if number < 0:
        raise InvalidRequest(f'Inputted "{key}" must be positive. Received: {value}')
    return number


def _condition(key: str, value: str, tenant: str) -> Condition:
    path, dot, last = key.rpartition(".")
    asked = Operator.EQ
    if dot and last in Operator.__members__.values():
        key, asked = path, Operator(last)
    first, *below = key.split(".")
    name = _HUMP.sub(lambda hump: "_" + hump[1].lower(), first)
    parsed = _value(".".join([name, *below]), asked, value)
    if name == "actor_id":
        parsed = _plain_ids(parsed, tenant)
    return Condition(field=name, below=tuple(below), operator=asked, value=parsed)


def _value(name: str, asked: Operator, value: str) -> Any:
    if asked in (Operator.LIKE, Operator.NLIKE):
        if len(value) > LONGEST_EXPRESSION:
            raise InvalidRequest(
                f"A regular expression has at most {LONGEST_EXPRESSION} characters; this one has "
                f"{len(value)}."
            )
        return value
    if asked is Operator.BETWEEN:
        return _bounds(name, value)
    if asked in (Operator.IN, Operator.NIN):
        return [_listed(name, one) for one in _list(asked, value)]
    return _scalar(name, value)


def _scalar(name: str, value: str) -> Any:
    """As the reference takes it: constants, times, numbers, JSON, text."""
    if value.lower() in _CONSTANTS:
        return _CONSTANTS[value.lower()]
    if _is_time(name):
        return _time(value)
    number = _number(value)
    if number is not None:
        return number
    if name in _ALSO_TIMES:
        return parse_time(value) or value
    try:
        return _whole(json.loads(value))
    except (ValueError, RecursionError):
        return value


def _listed(name: str, value: Any) -> Any:
    """An element of a list: JSON has said its kind already, but has no times."""
    if isinstance(value, str) and _is_time(name):
        return _time(value)
    return _whole(value)


def _list(asked: Operator, value: str) -> list[Any]:
    for text in (value, value.replace("'", '"')):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, list) and len(found) <= MOST_VALUES:
            return found
    raise InvalidRequest(
        f"The value given to .{asked} must be a JSON list of at most {MOST_VALUES} values, such as "
        f'["a", "b"]. Received: {value}'
    )


def _bounds(name: str, value: str) -> list[float | datetime]:
    parts = value.split(",")
    if len(parts) != 2:
        raise InvalidRequest(NOT_TWO)
    bounds: list[float | datetime] = []
    for part in parts:
        bound: float | datetime | None = None if _is_time(name) else _number(part.strip())
        if bound is None:
            bound = parse_time(part)
        if bound is None:
            raise InvalidRequest(NO_BOUND)
        bounds.append(bound)
    return bounds


def _is_time(name: str) -> bool:
    return any(time in name for time in _TIMES)


def _time(value: str) -> datetime:
    at = parse_time(value)
    if at is None:
        raise InvalidRequest(BAD_TIME)
    return at


def _number(value: str) -> int | float | None:
    if not _NUMBER.fullmatch(value):
        return None
    try:
        number = _whole(int(value) if value.lstrip("+-").isdecimal() else float(value))
    except ValueError:
        return None  # Thousands of digits.
    return None if isinstance(number, str) else number


def _whole(value: Any) -> Any:
    """`5.0` is `5`. What no database has as a number is text, which is equal to no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    try:
        number = float(value)
    except OverflowError:
        return str(value)
    if not math.isfinite(number):
        return str(value)
    if abs(number) >= _LARGEST_INT:
        return number
    return int(value) if number.is_integer() else number


def _plain_ids(value: Any, tenant: str) -> Any:
    """Abaco stores an actor's id with its tenant, and shows it without: both are understood."""
    if isinstance(value, list):
        return [_plain_ids(one, tenant) for one in value]
    return value.removeprefix(f"{tenant}_") if isinstance(value, str) else value
