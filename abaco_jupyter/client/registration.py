"""Make the server's actor of a name be what a BuildSpec says: new, changed, or as it was."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.follow import Listener
from abaco_jupyter.client.resources import Abaco, Build
from abaco_jupyter.client.settings import agrees
from abaco_jupyter.wire import spec
from abaco_jupyter.wire.codes import ActorStatus


class Change(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a cell says of its actor beside the image.

    `mem_limit` as Docker writes it, `max_cpus` in 10^-9 CPUs. `hints` are all of them when
    `says_hints`; else those that begin with one of `owned_hints`, and the others stay. A `link`,
    a `webhook` and a `cron` (Abaco's own clock) of None stay as they are.
    """

    description: str = ""
    stateless: bool = True
    max_workers: int | None = None
    mem_limit: str | None = None
    max_cpus: int | None = None
    hints: tuple[str, ...] = ()
    says_hints: bool = False
    owned_hints: tuple[str, ...] = ()
    link: str | None = None
    webhook: str | None = None
    cron: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    """Variables of every execution, beside those it has."""

    def fields(self, before: dict[str, Any] | None = None) -> dict[str, Any]:
        """Abaco's fields, given the actor's record as it is."""
        before = before or {}
        found: dict[str, Any] = {
            "description": self.description,
            "stateless": self.stateless,
            "maxWorkers": self.max_workers,
            "memLimit": self.mem_limit,
            "maxCpus": self.max_cpus,
            "hints": self._hints(before.get("hints") or []),
            "defaultEnvironment": {**(before.get("defaultEnvironment") or {}), **self.environment},
        }
        if self.link is not None:
            found["link"] = self.link
        if self.webhook is not None:
            found["webhook"] = self.webhook
        if self.cron is not None and not _is_same_clock(before, self.cron):
            found |= {"cronSchedule": self.cron, "cronOn": True}
        return found

    def _hints(self, before: list[str]) -> list[str]:
        kept = [] if self.says_hints else before
        kept = [each for each in kept if not each.startswith(self.owned_hints)]
        wanted = [*kept, *(each for each in self.hints if each not in kept)]
        return before if sorted(wanted) == sorted(before) else wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    actor: Actor
    build: Build
    change: Change


def register(
    abaco: Abaco,
    name: str,
    what: spec.BuildSpec,
    settings: Settings,
    *,
    force: bool = False,
    listener: Listener | None = None,
    starts: Callable[[], None] | None = None,
) -> Registration:
    """Build `what`, then create or update the actor called `name`.

    The actor is touched only after its image is there, so a failing build leaves nothing, and
    the actor that was there goes on as it was. An actor that is in ERROR is started anew.

    Parameters
    ----------
    force : bool
        Make a new revision although nothing changed.
    listener, starts
        As `Abaco.build` takes them.
    """
    there = abaco.named(name)  # before a build of minutes: two of one name are an error
    build = abaco.build(what, listener=listener, starts=starts)
    wanted = settings.fields(None if there is None else there.known)
    actor, change = settle(abaco, name, build.image, wanted, force=force)
    return Registration(actor=actor, build=build, change=change)


def settle(
    abaco: Abaco, name: str, image: str, wanted: dict[str, Any], *, force: bool = False
) -> tuple[Actor, Change]:
    """Create the actor, or give it this image and these settings. Its others stay as they are.

    An actor that is in ERROR is started anew.

    Parameters
    ----------
    wanted : dict
        Abaco's fields in camel case. None: back to the default.
    force : bool
        Make a new revision although nothing changed.
    """
    actor = abaco.named(name)
    if actor is None:
        given = {field: value for field, value in wanted.items() if value is not None}
        return abaco.create(image, name=name, **given), Change.CREATED
    force = force or actor.known.get("status") == ActorStatus.ERROR
    if not force and actor.image == image and agrees(actor.known, wanted):
        return actor, Change.UNCHANGED
    return actor.change(force=force, image=image, **wanted), Change.UPDATED


def _is_same_clock(before: dict[str, Any], cron: str) -> bool:
    """`now + 1 day` is kept as the date that it was then."""
    kept = str(before.get("cronSchedule") or "")
    start, _, period = cron.partition(" + ")
    same = kept.partition(" + ")[2] == period if start.lower() == "now" else kept == cron
    return same and bool(before.get("cronOn"))
