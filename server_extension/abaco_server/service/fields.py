"""The fields of an actor's description: types, defaults, help texts (abaco-api.md, section 6).

`TABLE` is the reference's own order, in which the first field that does not parse is the one
that is told. A field that fails is answered with its help text, not with the reason.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from abaco_jupyter.wire.envelope import camel
from abaco_jupyter.wire.errors import InvalidRequest, NotAuthorized
from abaco_server.model.principal import Principal

Fields = Mapping[str, Any]
"""A body's fields as they came: JSON values, texts of a form or query, or `Repeated`."""

INVALID = "Invalid actor description: "
_UNABLE = "Unable to process the JSON description.: 400 Bad Request: "
UNREADABLE = (
    f"{_UNABLE}The browser (or proxy) sent a request that this server could not understand."
)
"""What is wrong with a body that is no JSON object; the noun's own words stand before it."""
UNPROCESSABLE = f"{INVALID}{_UNABLE}"
MALFORMED = f"{INVALID}{UNREADABLE}"

_MEMORY = re.compile(r"-1|\d{1,12}[bkmgt]?b?", re.ASCII | re.IGNORECASE)
_LARGEST = 2**63 - 1


class Repeated(tuple[str, ...]):
    """A form or query field that was given more than once: where one is wanted, the first."""

    __slots__ = ()


# ---- types: each returns the value or raises ValueError ------------------------------------


def text(value: Any) -> str:
    """Text fields take anything; what cannot be encoded or kept in a database is replaced."""
    plain = value[0] if isinstance(value, Repeated) else value
    return str(plain).encode("utf-8", "replace").decode().replace("\0", "")


def boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    lowered = text(value).lower() if isinstance(value, str | Repeated) else ""
    if lowered in ("true", "1"):
        return True
    if lowered in ("false", "0"):
        return False
    raise ValueError(value)


def integer(value: Any) -> int:
    if isinstance(value, list | dict):
        raise ValueError(value)
    try:
        number = int(value[0] if isinstance(value, Repeated) else value)
    except OverflowError:
        raise ValueError(value) from None
    if abs(number) > _LARGEST:
        raise ValueError(value)
    return number


def count(value: Any) -> int:
    """How many there may be; 0 leaves it to the installation."""
    number = integer(value)
    if number < 0:
        raise ValueError(value)
    return number


def limit(value: Any) -> int:
    """-1 and 0 leave it to the installation."""
    number = integer(value)
    if number < -1:
        raise ValueError(value)
    return number


def environment(value: Any) -> dict[str, Any]:
    """A JSON object whose keys can be names of environment variables."""
    if not isinstance(value, dict):
        raise ValueError(value)
    for name, inner in value.items():
        if not is_variable(name) or "\0" in str(inner):
            raise ValueError(name)
    return value


def is_variable(name: str) -> bool:
    """Whether the kernel's `NAME=value` can hold it."""
    return bool(name) and "=" not in name and "\0" not in name and name.isprintable()


def memory(value: Any) -> str:
    found = text(value).strip()
    if found and _MEMORY.fullmatch(found) is None:
        raise ValueError(value)
    return found


def hints(value: Any) -> tuple[str, ...]:
    """One text or many."""
    many = value if isinstance(value, list | Repeated) else [value]
    return tuple(text(one) for one in many)


# ---- the table -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    name: str
    parse: Callable[[Any], Any]
    help: str
    default: Any = None
    post_only: bool = False

    @property
    def wire(self) -> str:
        return camel(self.name)


TABLE = (
    Field(name="name", parse=text, help="User defined name for this actor.", post_only=True),
    Field(name="image", parse=text, help="Reference to image on docker hub for this actor."),
    Field(
        name="stateless",
        parse=boolean,
        default=True,
        help="Whether the actor stores private state.",
    ),
    Field(
        name="type",
        parse=text,
        default="none",
        help="Return type (none, bin, json) for this actor. Default is none.",
    ),
    Field(
        name="link",
        parse=text,
        default="",
        help="Actor identifier of actor to link this actor's events to. "
        "May be an actor id or an alias.",
    ),
    Field(name="token", parse=boolean, help="Whether this actor requires an OAuth access token."),
    Field(name="webhook", parse=text, default="", help="URL to publish this actor's events to."),
    Field(
        name="hints",
        parse=hints,
        default=(),
        help="Hints for personal tagging or Abaco special hints",
    ),
    Field(name="description", parse=text, default="", help="Description of this actor"),
    Field(
        name="privileged",
        parse=boolean,
        default=False,
        help="Whether this actor runs in privileged mode.",
    ),
    Field(
        name="max_workers",
        parse=count,
        help="How many workers this actor is allowed at the same time.",
    ),
    Field(name="mem_limit", parse=memory, help="maximum amount of memory this actor can use."),
    Field(
        name="max_cpus",
        parse=limit,
        help="Maximum number of CPUs (nanoCPUs) this actor will have available to it.",
    ),
    Field(
        name="use_container_uid",
        parse=boolean,
        default=False,
        help="Whether this actor runs as the UID set in the container image.",
    ),
    Field(
        name="default_environment",
        parse=environment,
        default={},
        help="A dictionary of default environmental variables and values.",
    ),
    Field(
        name="queue",
        parse=text,
        default="default",
        help="The command channel that this actor uses.",
    ),
    Field(
        name="log_ex",
        parse=integer,
        help="Amount of time, in seconds, after which logs will expire",
    ),
    Field(name="cron_schedule", parse=text, help="yyyy-mm-dd hh + <number> <unit of time>"),
    Field(name="cron_on", parse=boolean, default=False, help="Whether cron is on or off"),
)

_PRIVILEGED = (
    ("privileged", "make privileged actors."),
    ("max_workers", "set max workers."),
    ("max_cpus", "set max CPUs."),
    ("mem_limit", "set mem limit."),
    ("queue", "set queue."),
    ("use_container_uid", "use container uid."),
)


def check_role(principal: Principal, fields: Fields) -> None:
    """Fields that need a role, in both spellings. The raw value counts, so `"false"` is true."""
    if principal.is_privileged:
        return
    for name, what in _PRIVILEGED:
        if fields.get(name) or fields.get(camel(name)):
            raise NotAuthorized(f"Not authorized -- only admins and privileged users can {what}")


def parse(fields: Fields, *, queues: tuple[str, ...], put: bool = False) -> dict[str, Any]:
    """Every settable field of an Actor, defaults included. Raises InvalidRequest."""
    values: dict[str, Any] = {}
    for field in TABLE:
        if field.post_only and put:
            continue
        given = fields.get(field.wire)
        if field.name == "image" and field.wire not in fields:
            raise _unfit(field)
        if given is None:
            values[field.name] = field.default
            continue
        try:
            values[field.name] = field.parse(given)
        except (ValueError, TypeError, RecursionError):
            raise _unfit(field) from None
    # An image of null is accepted as the reference does it, and fails when it is to be had.
    values["image"] = values["image"] or ""
    values["mem_limit"] = values["mem_limit"] or None
    _check_together(values, queues)
    return values


def force(fields: Fields) -> bool:
    """PUT's `force`: any non-empty text is true, even "false"."""
    return bool(fields.get("force"))


def _unfit(field: Field) -> InvalidRequest:
    return InvalidRequest(f"{INVALID}{ {field.wire: field.help} }")


def _check_together(values: Mapping[str, Any], queues: tuple[str, ...]) -> None:
    if values["max_workers"] and not values["stateless"]:
        raise InvalidRequest(f"{INVALID}stateful actors can only have 1 worker.")
    if values["queue"] not in queues:
        raise InvalidRequest(f"{UNPROCESSABLE}Invalid queue name.")
    for hint in values["hints"]:
        for character in "\"'{}[]":
            if character in hint:
                raise InvalidRequest(
                    f"{UNPROCESSABLE}Hints must be simple stings or numbers, no lists or dicts. "
                    f"Error character: {character}"
                )
