"""Values of options. What is wrong is refused here, before anything is asked or built."""

import difflib
import re
from collections.abc import Iterable
from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from abaco_jupyter.wire.codes import Level
from abaco_jupyter.wire.errors import InvalidRequest
from abaco_jupyter.wire.limits import MIB

WORLD = "ABACO_WORLD"
ISOLATIONS = ("container", "process", "none")
LEAST_MEMORY = 6 * MIB
"""Docker's own."""
MOST_CPUS = 1024
MOST_RETRIES = 100
LONGEST = timedelta(days=30)

_MEMORY = re.compile(r"(\d+)([bkmgBKMG]?)")
_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smh]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}
_OWN_CLOCK = re.compile(
    r"([Nn]ow|\d{4}-\d{1,2}-\d{1,2} \d{1,2}) \+ \d{1,6} (hour|day|week|month)s?"
)
_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS: tuple[tuple[str, int, int, list[str]], ...] = (
    ("minute", 0, 59, []),
    ("hour", 0, 23, []),
    ("day of the month", 1, 31, []),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)


class InvalidOption(InvalidRequest):
    """What an option says cannot be. `option` is its keyword."""

    def __init__(self, option: str, what: str) -> None:
        super().__init__(f"{option} {what}")
        self.option = option
        self.what = what


def memory(text: str) -> str:
    found = _MEMORY.fullmatch(text)
    if found is None:
        raise InvalidOption("memory", f"{text!r} is not a size such as 512m or 2g.")
    if int(found[1]) * _UNITS[found[2].lower()] < LEAST_MEMORY:
        raise InvalidOption(
            "memory", f"{text!r} is less than 6m, with which no container starts. 2g is 2 GiB."
        )
    return text


def cpus(number: float) -> float:
    if not 0.01 <= number <= MOST_CPUS:
        raise InvalidOption("cpus", f"is {number:g}; it must be from 0.01 to {MOST_CPUS}.")
    return number


def max_workers(number: int, *, stateful: bool) -> int:
    if number < 1:
        raise InvalidOption("max_workers", f"is {number}; it must be 1 or more.")
    if stateful and number > 1:
        raise InvalidOption(
            "max_workers",
            f"{number} does not go with stateful: a stateful actor works on one message at a time.",
        )
    return number


def duration(value: str | float | timedelta) -> timedelta:
    """Seconds, or a text such as `90s`, `5m` and `2h`."""
    if isinstance(value, timedelta):
        found = value
    else:
        match = _DURATION.fullmatch(str(value))
        if match is None:
            raise InvalidOption("timeout", f"{value!r} is not a time such as 30, 90s, 5m or 2h.")
        found = timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
    if not timedelta(seconds=1) <= found <= LONGEST:
        raise InvalidOption("timeout", f"{value} is not from one second to 30 days.")
    return found


def retries(number: int) -> int:
    if not 0 <= number <= MOST_RETRIES:
        raise InvalidOption("retries", f"is {number}; it must be from 0 to {MOST_RETRIES}.")
    return number


def isolation(kind: str) -> str:
    if kind not in ISOLATIONS:
        raise InvalidOption(
            "isolation", f"{kind!r} is none of {', '.join(ISOLATIONS)}.{similar(kind, ISOLATIONS)}"
        )
    return kind


def hint(text: str) -> str:
    if not text or set(text) & set("\"'{}[]"):
        raise InvalidOption("hint", f"{text!r} must be a simple text, without quotes and brackets.")
    return text


def webhook(url: str) -> str:
    if not re.fullmatch(r"https?://[^/\s]+\S*", url):
        raise InvalidOption(
            "webhook", f"{url!r} is not the URL of a web server: http(s)://host/..."
        )
    return url


def secret(name: str) -> str:
    if "=" in name:
        raise InvalidOption(
            "secret",
            f"{name.partition('=')[0]!r} must come without its value, which would be saved in the "
            "notebook. Set a variable of this name in the kernel's environment, or let yourself "
            "be asked for it.",
        )
    if not _SECRET.fullmatch(name):
        raise InvalidOption("secret", f"{name!r} is not a name of letters, digits and _.")
    return name


def share(text: str) -> tuple[str, str]:
    """`USER` or `USER:LEVEL`."""
    name, _, its = text.rpartition(":") if ":" in text else (text, "", str(Level.EXECUTE))
    if not name or re.search(r"\s", name):
        raise InvalidOption("share", f"{text!r} is not of the form USER:LEVEL.")
    return name, level(its, "share")


def level(text: str, option: str = "level") -> str:
    """A level of permission; small letters are as good."""
    levels = [str(each) for each in Level]
    found = text.upper()
    if found not in levels:
        raise InvalidOption(
            option, f"{text!r} is none of {', '.join(levels)}.{similar(found, levels)}"
        )
    return found


def user(name: str) -> str:
    if not name or re.search(r"\s", name):
        raise InvalidOption("user", f"{name!r} is not a user's name; {WORLD} stands for everybody.")
    return name


def is_own_clock(schedule: str) -> bool:
    """Abaco's own grammar, as opposed to cron's five fields."""
    return _OWN_CLOCK.fullmatch(schedule) is not None


def cron(schedule: str) -> str:
    """Five fields, with a time zone after them or not, or Abaco's own grammar."""
    if is_own_clock(schedule):
        return schedule
    fields, zone = five_fields(schedule)
    words = fields.split()
    if len(words) != len(_FIELDS):
        raise InvalidOption(
            "cron",
            f"{schedule!r} is neither five fields, such as '30 2 * * mon-fri' or '30 2 * * * "
            "Europe/Rome', nor Abaco's 'YYYY-MM-DD HH + N hours' or 'now + 1 day'.",
        )
    for word, (name, least, most, names) in zip(words, _FIELDS, strict=True):
        for part in word.split(","):
            _check_part(schedule, part, name, least, most, names)
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidOption(
            "cron", f"{schedule!r}: {zone!r} is not a time zone such as UTC or Europe/Rome."
        ) from None
    return schedule


def five_fields(schedule: str) -> tuple[str, str]:
    """The five fields, and the time zone."""
    words = schedule.split()
    if len(words) == len(_FIELDS) + 1:
        return " ".join(words[:-1]), words[-1]
    return " ".join(words), "UTC"


def similar(word: str, words: Iterable[str]) -> str:
    """` Did you mean ...?`, or nothing."""
    found = difflib.get_close_matches(word, list(words), n=1, cutoff=0.6)
    return f" Did you mean {found[0]}?" if found else ""


def _check_part(
    schedule: str, part: str, name: str, least: int, most: int, names: list[str]
) -> None:
    if part.lower() in ("l", "?") or "#" in part:
        return  # the last day, any day, the second Friday: the server knows them
    span, _, step = part.partition("/")
    ends = [] if span == "*" else span.split("-")
    bad = bool(step) and not (step.isdecimal() and int(step) > 0)
    for end in ends:
        number = names.index(end.lower()) + least if end.lower() in names else end
        bad = bad or not str(number).isdecimal() or not least <= int(number) <= most
    if bad or len(ends) > 2 or part.endswith("/"):
        raise InvalidOption(
            "cron", f"{schedule!r}: {part!r} is not a {name}, which is {least} to {most}."
        )
