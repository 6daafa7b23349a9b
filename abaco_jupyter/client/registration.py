"""Make the server's actor of a name be what a BuildSpec says: new, changed, or as it was."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.follow import Listener
from abaco_jupyter.client.resources import Abaco, Build
from abaco_jupyter.wire import spec
from abaco_jupyter.wire.codes import ActorStatus

_NOT_OURS = {
    "hints": [],
    "link": "",
    "webhook": "",
    "type": "none",
    "token": "false",
    "queue": "default",
    "defaultEnvironment": {},
    "privileged": False,
    "useContainerUid": False,
    "maxCpus": None,
    "logEx": None,
    "cronOn": False,
    "cronSchedule": None,
}
"""Fields that a cell does not set, with their defaults. A PUT would put them back to these."""


class Change(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a cell says of its actor beside the image. `mem_limit` as Docker writes it."""

    description: str = ""
    stateless: bool = True
    max_workers: int | None = None
    mem_limit: str | None = None

    def fields(self) -> dict[str, Any]:
        return {
            "description": self.description,
            "stateless": self.stateless,
            "maxWorkers": self.max_workers,
            "memLimit": self.mem_limit,
        }


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
    abaco.named(name)  # before a build of minutes: two of one name are an error
    build = abaco.build(what, listener=listener, starts=starts)
    actor = abaco.named(name)
    wanted = {key: value for key, value in settings.fields().items() if value is not None}
    if actor is None:
        made = abaco.create(build.image, name=name, **wanted)
        return Registration(actor=made, build=build, change=Change.CREATED)
    force = force or actor.known.get("status") == ActorStatus.ERROR
    if not force and actor.image == build.image and _agrees(actor.known, settings):
        return Registration(actor=actor, build=build, change=Change.UNCHANGED)
    before = actor.known
    actor.update(force=force, image=build.image, **_kept(before), **wanted)
    if before.get("state") and not settings.stateless:
        actor.state = before["state"]  # a PUT empties it
    return Registration(actor=actor, build=build, change=Change.UPDATED)


def _agrees(record: dict[str, Any], settings: Settings) -> bool:
    defaults = Settings().fields()
    return all(record.get(key, defaults[key]) == value for key, value in settings.fields().items())


def _kept(record: dict[str, Any]) -> dict[str, Any]:
    return {
        key: record[key]
        for key, default in _NOT_OURS.items()
        if record.get(key, default) not in (default, None, "")
    }
