"""What an actor is given after it is registered: secrets, rights, schedules."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.functions.checks import WORLD, InvalidOption
from abaco_jupyter.functions.options import Options
from abaco_jupyter.wire.errors import ConfigDoesNotExist, ConfigNotFound

Ask = Callable[[str], str]
"""Asks the person for a value, out of sight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """`before` is the config that is there already. `value` of None: the actor has it."""

    name: str
    value: str | None
    before: dict[str, Any] | None = None

    @property
    def actors(self) -> list[str]:
        named = str((self.before or {}).get("actors") or "")
        return [each.strip() for each in named.split(",") if each.strip()]


def secrets(abaco: Abaco, options: Options, actor: Actor | None, ask: Ask) -> list[Secret]:
    """Where the values come from: a config that gives the actor its value already, this process's
    environment, or the person. Before a build of minutes: a value may be missing."""
    return [_secret(abaco, name, actor, ask) for name in options.secrets]


def give(abaco: Abaco, actor: Actor, options: Options, found: list[Secret]) -> list[str]:
    """Carry out what is not so yet; a phrase for each thing done."""
    return [
        *_give_secrets(abaco, actor, found),
        *_give_rights(actor, options),
        *_give_schedules(actor, options),
    ]


def _secret(abaco: Abaco, name: str, actor: Actor | None, ask: Ask) -> Secret:
    try:
        before = abaco.configs.get(name)
    except (ConfigNotFound, ConfigDoesNotExist):
        before = None
    found = Secret(name=name, value=None, before=before)
    if actor is not None and actor.id in found.actors:
        return found
    if before is not None and not before.get("isSecret"):
        return replace(found, value=str(before["value"]))
    # The server shows nobody the value of a secret, so whoever gives it to one more actor has it.
    value = os.environ.get(name)
    if value is None:
        try:
            value = ask(f"Value of the secret {name}: ")
        except (EOFError, NotImplementedError, RuntimeError):
            value = ""  # nobody can be asked: this is no notebook with a person before it
    if not value:
        raise InvalidOption(
            "secret",
            f"{name} has no value: there is no variable of this name in the kernel's environment, "
            f"and nobody gave one. Set os.environ[{name!r}] in a cell that you do not save.",
        )
    return replace(found, value=value)


def _give_secrets(abaco: Abaco, actor: Actor, found: list[Secret]) -> list[str]:
    done = []
    for each in found:
        if each.value is None:
            continue
        if each.before is None:
            abaco.configs.create(each.name, each.value, actors=[actor.id], secret=True)
        else:
            secret, its = bool(each.before.get("isSecret")), [*each.actors, actor.id]
            abaco.configs.replace(each.name, each.value, actors=its, secret=secret)
        done.append(f"given the secret {each.name}")
    return done


def _give_rights(actor: Actor, options: Options) -> list[str]:
    if not options.shares:
        return []
    entries = actor.permissions.all()
    done = []
    for user, level in options.shares:
        if entries.get(user, "NONE") == level:
            continue
        actor.permissions.set(user, level)
        who = "everybody" if user == WORLD else user
        done.append(f"shared with {who} ({level})")
    return done


def _give_schedules(actor: Actor, options: Options) -> list[str]:
    """What is said is all of them: a schedule that the cell does not name any more is removed."""
    wanted = options.five_field_schedules
    if not wanted:
        return []
    done = []
    there = {(each["cron"], each.get("timeZone", "UTC")): each for each in actor.schedules.all()}
    for fields, zone in wanted:
        if (fields, zone) not in there:
            actor.schedules.create(fields, timeZone=zone)
            done.append(f"scheduled at {fields!r} {zone}")
    for key, each in there.items():
        if key not in wanted:
            actor.schedules.delete(each["id"])
            done.append(f"not scheduled at {key[0]!r} any more")
    return done
