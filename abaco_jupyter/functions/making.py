"""An actor out of a BuildSpec and options: built, registered, and given what it needs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from getpass import getpass

from abaco_jupyter.client.follow import Listener
from abaco_jupyter.client.registration import Change, Registration, register
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.functions import sharing
from abaco_jupyter.functions.calls import caller_mark
from abaco_jupyter.functions.options import Options
from abaco_jupyter.functions.sharing import Ask
from abaco_jupyter.wire.codes import ActorStatus
from abaco_jupyter.wire.errors import AbacoError, InvalidRequest
from abaco_jupyter.wire.spec import BuildSpec


class NotBuilt(InvalidRequest):
    """There is no image of this yet, and none was to be built."""

    code = "not_built"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """`done`: a phrase for each thing that was done beside building and registering."""

    registration: Registration
    done: tuple[str, ...]


def make(
    abaco: Abaco,
    options: Options,
    spec: BuildSpec,
    description: str,
    *,
    build: bool = True,
    listener: Listener | None = None,
    starts: Callable[[], None] | None = None,
    ask: Ask = getpass,
) -> Made:
    """Make the server's actor of this name be what is said. `spec` is `Options.finished`.

    Whatever can be refused is refused before the build. An actor that is new and cannot be given
    its secrets, rights or schedules is removed again.

    Parameters
    ----------
    build : bool
        False: register only what is built already.
    listener, starts
        As `Abaco.build` takes them.
    """
    _refuse_taken(abaco, options.name)
    link = None if options.link is None else (options.link and abaco.actor(options.link).id)
    before = abaco.named(options.name) if options.secrets else None
    found = sharing.secrets(abaco, options, before, ask)
    if not build and not abaco.plan(spec).cached:
        raise NotBuilt(
            f"There is no image of {options.name} as it stands here, and --no-build lets none be "
            "built. Leave it out, or undo what changed."
        )
    settings = replace(options.settings(description, link), environment=caller_mark(spec))
    done = register(
        abaco, options.name, spec, settings, force=options.force, listener=listener, starts=starts
    )
    try:
        given = sharing.give(abaco, done.actor, options, found)
    except AbacoError:
        if done.change is Change.CREATED:
            done.actor.delete()
        raise
    return Made(registration=done, done=tuple(given))


def _refuse_taken(abaco: Abaco, name: str) -> None:
    """Names are labels in Abaco, and two people may use the same. But `Abaco().actor(name)` of
    somebody who sees both would have to guess."""
    me = abaco.found.status.get("username")
    same = [
        actor
        for actor in abaco.actors()
        if actor.name == name and actor.known.get("status") != ActorStatus.SHUTTING_DOWN
    ]
    if not same or any(actor.known.get("owner", me) == me for actor in same):
        return
    theirs = same[0]
    raise InvalidRequest(
        f"The name {name!r} is taken: {theirs.known['owner']} has an actor of this name that you "
        f"may use. Choose another name, or call theirs: Abaco().actor({theirs.id!r})."
    )
