"""Make the server's actor of a name be what a BuildSpec says: new, changed, or as it was."""

from collections.abc import Callable
from dataclasses import dataclass
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
    actor, change = settle(abaco, name, build.image, settings.fields(), force=force)
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
