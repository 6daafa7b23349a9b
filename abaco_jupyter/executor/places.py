"""The actors to which an executor's calls go: found, or made when the first call needs them.

An executor that is told nothing learns from each function which packages it needs. Its image is
made at the first call and not before, because only then is that known: the packages that this
kernel has imported would be the wrong ones, as a notebook imports far more than its functions use.
All packages that were needed so far share one image and one actor; a call that needs none more
goes there too. One that needs more has a larger image made, and later calls go to the actor of
that one; what the first has, it runs to its end.
"""

import hashlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from abaco_jupyter.build.environment import Environment
from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.registration import settle
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.executor import packages
from abaco_jupyter.executor.line import Line
from abaco_jupyter.functions import checks
from abaco_jupyter.show.building import built
from abaco_jupyter.wire.call import own_version
from abaco_jupyter.wire.errors import InvalidRequest
from abaco_jupyter.wire.spec import BuildSpec

SOURCE = "from abaco_runtime.calls import answer\n"
MARK = "ABACO_EXECUTOR_PYTHON"
"""Variable of an executor's actor: the Python version whose calls it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an executor's actor is made with."""

    max_workers: int | None = None
    memory: str | None = None
    isolation: str = "process"
    image: str | None = None
    pip: tuple[str, ...] | None = None
    """None: what is needed and nothing else; given: these as well; empty: none at all."""

    def __post_init__(self) -> None:
        if self.max_workers is not None and self.max_workers < 1:
            raise ValueError("max_workers must be greater than 0")
        if self.isolation not in checks.ISOLATIONS:
            told = self.isolation
            raise ValueError(f"isolation is 'container', 'process' or 'none', not {told!r}")
        if self.memory is not None:
            checks.memory(self.memory)

    @property
    def learns(self) -> bool:
        """Whether functions say what the image needs. A base image is its owner's choice."""
        return self.image is None and self.pip != ()

    @property
    def hints(self) -> list[str]:
        return [f"isolation:{self.isolation}"]


@dataclass(slots=True)
class _Made:
    """With the lock held only."""

    lines: list[Line] = field(default_factory=list)
    has: dict[str, str] = field(default_factory=dict)
    """Requirements of the newest actor, by canonical names."""


class Places:
    """The lines of calls of one executor with one kind of settings, newest last."""

    def __init__(
        self, server: Abaco, settings: Settings, open_line: Callable[[Actor], Line]
    ) -> None:
        self._server = server
        self._settings = settings
        self._open_line = open_line
        self._lock = threading.Lock()
        self._made = _Made(has=packages.given(settings.pip or ()))
        # Where an actor is a process of the server's own Python, it has what that Python has.
        self._learns = settings.learns and server.found.status.get("runner") != "process"

    @property
    def learns(self) -> bool:
        return self._learns

    def at(self, actor: Actor) -> Line:
        """The line of an actor that is there already; calls go to it from now on."""
        with self._lock:
            return self._add(actor)

    def line(self, modules: Iterable[str] = ()) -> Line:
        """Where a call can run that needs these modules. What this takes, it takes here: the
        build of an image, once.

        Raises
        ------
        BuildFailed, InvalidSpec
            As `Abaco.build` and `packages.requirements` do.
        """
        needs = packages.requirements(modules) if self._learns else {}
        with self._lock:
            missing = needs.keys() - self._made.has.keys()
            if self._made.lines and not missing:
                return self._made.lines[-1]
            has = needs | self._made.has
            line = self._add(self._actor(tuple(sorted(has.values()))))
            self._made.has = has
            return line

    @property
    def lines(self) -> list[Line]:
        with self._lock:
            return list(self._made.lines)

    def _add(self, actor: Actor) -> Line:
        line = self._open_line(actor)
        self._made.lines.append(line)
        return line

    def _actor(self, pip: tuple[str, ...]) -> Actor:
        settings = self._settings
        spec = _spec(settings.image, pip)
        build = built(self._server, spec, _what(settings, pip))
        facts = f"{spec.digest()} {settings.max_workers} {settings.memory} {settings.isolation}"
        name = f"executor-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"
        wanted = {
            "description": f"Runs the calls of AbacoExecutor in Python {own_version()}.",
            "stateless": True,
            "maxWorkers": settings.max_workers,
            "memLimit": settings.memory,
            "hints": settings.hints,
            "defaultEnvironment": {MARK: own_version()},
        }
        actor, _ = settle(self._server, name, build.image, wanted)
        return actor


def _what(settings: Settings, pip: tuple[str, ...]) -> str:
    """How the view of a build names it."""
    if pip:
        return f"an image with {', '.join(pip)}"
    return f"an image of {settings.image}" if settings.image else "an image for calls"


def _spec(image: str | None, pip: tuple[str, ...]) -> BuildSpec:
    """The build of a base image with another Python fails: nothing is ever sent to it."""
    if image is None:
        return Environment(pip=pip).spec(SOURCE, "answer")
    return BuildSpec(source=SOURCE, entry="answer", base=image, python=own_version(), pip=pip)


def made_before(server: Abaco, name: str) -> Actor:
    """An actor that another executor made. Raises InvalidRequest when none did, or another
    Python's."""
    actor = server.actor(name)
    python = python_of(actor)
    if python is None:
        raise InvalidRequest(
            f"{actor.title} was not made by an AbacoExecutor, so it cannot run its calls. Leave "
            "actor= out, or call it as an actor: Abaco().actor(...)(...)."
        )
    if python != own_version():
        raise InvalidRequest(
            f"{actor.title} runs the calls of Python {python}, and this kernel has Python "
            f"{own_version()}: pickled functions run in the version that pickled them only. "
            "Leave actor= out to have one made."
        )
    return actor


def made_by_executors(server: Abaco) -> list[Actor]:
    """Those on the server that run calls of this Python."""
    return [actor for actor in server.actors() if python_of(actor) == own_version()]


def python_of(actor: Actor) -> Any:
    return (actor.known.get("defaultEnvironment") or {}).get(MARK)
