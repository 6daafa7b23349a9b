"""Completion in a cell's first line and after `%abaco`: options, values, actors, images.

IPython asks each matcher with what stands before the cursor. A server is asked only when one was
found already, with little patience, and an answer is good for some seconds: Tab must not hang.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.functions.checks import ISOLATIONS
from abaco_jupyter.magics import arguments, line
from abaco_jupyter.wire import paths
from abaco_jupyter.wire.codes import Level
from abaco_jupyter.wire.errors import AbacoError

PATIENCE = 1.0
FRESH = 5.0
"""Seconds."""
_CELL, _LINE = "%%abaco_actor", "%abaco"
_VALUES = {
    "--isolation": ISOLATIONS,
    "--python": ("3.11", "3.12", "3.13", "3.14"),
    "--memory": ("512m", "1g", "2g", "4g"),
}


class Names:
    """Actors and images of the server that this notebook talks to."""

    def __init__(
        self, client: Callable[[], Abaco | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._clock = clock
        self._records: list[dict[str, Any]] = []
        self._asked: float | None = None

    def actors(self) -> list[str]:
        return [str(each.get("name") or each["id"]) for each in self._known()]

    def images(self) -> list[str]:
        """Bases that are worth a look: ours, and those of actors that nobody built here."""
        own = [f"python:{version}-slim" for version in _VALUES["--python"]]
        theirs = [str(each["image"]) for each in self._known()]
        return list(dict.fromkeys(own + [i for i in theirs if not i.startswith("abaco-jupyter/")]))

    def _known(self) -> list[dict[str, Any]]:
        client = self._client()
        now = self._clock()
        if client is None or (self._asked is not None and now - self._asked < FRESH):
            return self._records
        self._asked = now
        with suppress(AbacoError):  # no names now: whoever runs the line is told why
            self._records = client.transport.call("GET", paths.ACTORS, timeout=PATIENCE)
        return self._records


def candidates(before: str, names: Names) -> list[str] | None:
    """What may stand where the cursor is; None when the text is not ours.

    Parameters
    ----------
    before : str
        The line up to the cursor.
    """
    words = before.split()
    if not words or words[0] not in (_CELL, _LINE):
        return None
    last = "" if before[-1].isspace() else words[-1]
    given = words[1 : None if last == "" else -1]
    if words[0] == last:
        return None
    found = _of_cell(given, names) if words[0] == _CELL else _of_line(given, names)
    return sorted({each for each in found if each.startswith(last)})


def _of_cell(given: list[str], names: Names) -> Iterable[str]:
    if not given:
        return names.actors()
    before = given[-1]
    if before in _VALUES:
        return _VALUES[before]
    if before in ("--base", "--link"):
        return names.images() if before == "--base" else names.actors()
    if before in arguments.ONE_VALUE:
        return []
    return [name for name in arguments.NAMES if name not in given or name not in arguments.FLAGS]


def _of_line(given: list[str], names: Names) -> Iterable[str]:
    from abaco_jupyter.cli import inside

    if not given:
        return line.VERBS
    verb, rest = given[0], given[1:]
    options = inside.options(verb)
    groups = [each for each in options if not each.startswith("-")]
    if groups and not rest:
        return groups
    if verb == "share" and len(rest) == 2:
        return [str(level) for level in Level]
    taken = [word for word in rest[bool(groups) :] if not word.startswith("-")]
    return [*([] if taken else names.actors()), *(o for o in options if o.startswith("--"))]


def matcher(names: Names) -> Callable[[Any], dict[str, Any]]:
    """For `shell.Completer.custom_matchers`."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    @context_matcher()  # type: ignore[untyped-decorator]
    def abaco_matcher(context: Any) -> dict[str, Any]:
        row = context.full_text.split("\n")[context.cursor_line]
        found = candidates(row[: context.cursor_position], names)
        if found is None:
            return {"completions": [], "suppress": False}
        completions = [SimpleCompletion(each, type="abaco") for each in found]
        fragment = row[: context.cursor_position].rpartition(" ")[2]
        return {"completions": completions, "suppress": True, "matched_fragment": fragment}

    found: Callable[[Any], dict[str, Any]] = abaco_matcher
    return found
