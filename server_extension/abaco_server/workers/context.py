"""From a leased message to a Task: the container's environment (abaco-api.md, section 10)."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from abaco_jupyter.wire.codes import ContentType
from abaco_jupyter.wire.options import limit_of
from abaco_server.model.actor import Actor
from abaco_server.model.message import Lease, Message
from abaco_server.model.task import Group, Isolation, Member, Place, Task


def _no_token(actor: Actor, execution_id: str) -> str:
    return ""


_ISOLATION_HINTS = {
    "reuse": Isolation.PROCESS,
    **{f"isolation:{isolation}": isolation for isolation in Isolation},
}
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,6})?", re.ASCII)
_UNITS = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkBack:
    """How an execution reaches the service; `assemble` fills it in."""

    api_server: str | None = None
    """Without `/actors/v2`. None: where the actor was made."""
    token: Callable[[Actor, str], str] = _no_token
    """(actor, execution id): what lets that execution in."""


def task_for(
    actor: Actor,
    lease: Lease,
    body: bytes | Path,
    *,
    configs: Mapping[str, str] = {},
    talk_back: TalkBack | None = None,
    default_memory: int | None = None,
    default_nano_cpus: int | None = None,
    timeout: timedelta | None = None,
) -> Task:
    """`body` is the message's; only that of a binary message may be the file that holds it.

    `configs` are values by name, secrets in clear.
    """
    message = lease.message
    text, binary = _message(message, body)
    place = place_for(actor, default_memory=default_memory, default_nano_cpus=default_nano_cpus)
    return Task(
        execution_id=message.execution_id,
        actor_id=place.actor_id,
        worker_id=lease.worker_id,
        tenant=actor.tenant,
        image=place.image,
        environment=environment(actor, lease, configs, talk_back),
        text=text,
        binary=binary,
        files=message.files,
        memory=place.memory,
        nano_cpus=place.nano_cpus,
        user=place.user,
        privileged=place.privileged,
        mounts=place.mounts,
        timeout=time_limit(message, hinted_limit(actor.hints, timeout)),
        keeps_state=not actor.stateless,
        warm=place.warm,
        isolation=place.isolation,
    )


def time_limit(message: Message, limit: timedelta | None) -> timedelta | None:
    """What its sender allows it, and never more than `limit`, which holds for all."""
    seconds = limit_of(message.environment)
    if seconds is None:
        return limit
    own = timedelta(seconds=seconds)
    return own if limit is None else min(own, limit)


def place_for(
    actor: Actor, *, default_memory: int | None = None, default_nano_cpus: int | None = None
) -> Place:
    """What is known of all its executions."""
    return Place(
        actor_id=actor.id,
        image=actor.image,
        memory=parse_memory(actor.mem_limit) or default_memory,
        nano_cpus=max(actor.max_cpus or 0, 0) or default_nano_cpus,
        user=_user(actor),
        privileged=actor.privileged,
        mounts=actor.mounts,
        warm=warm_hint(actor.hints),
        isolation=isolation_hint(actor.hints),
    )


def warm_hint(hints: Iterable[str]) -> int | None:
    """N of the hint `warm:N`; None without one, or with one that is no number."""
    for hint in hints:
        name, _, number = hint.partition(":")
        if name == "warm" and number.isdecimal():
            return int(number[:9])  # Python reads no number of thousands of digits.
    return None


def hinted_limit(hints: Iterable[str], limit: timedelta | None) -> timedelta | None:
    """What the hint `timeout:SECONDS` allows each execution, and never more than `limit`."""
    for hint in hints:
        name, _, seconds = hint.partition(":")
        if name == "timeout" and _SECONDS.fullmatch(seconds) and float(seconds) > 0:
            own = timedelta(seconds=float(seconds))
            return own if limit is None else min(own, limit)
    return limit


def isolation_hint(hints: Iterable[str]) -> Isolation:
    """Of the hints `isolation:container`, `isolation:process` (or `reuse`) and `isolation:none`
    the last; as Abaco does it without one."""
    found = Isolation.CONTAINER
    for hint in hints:
        if hint in _ISOLATION_HINTS:
            found = _ISOLATION_HINTS[hint]
    return found


def group_for(
    actor: Actor,
    leases: Sequence[tuple[Lease, bytes | Path]],
    *,
    configs: Mapping[str, str] = {},
    talk_back: TalkBack | None = None,
    default_memory: int | None = None,
    default_nano_cpus: int | None = None,
    timeout: timedelta | None = None,
) -> Group:
    """Messages on loan to one worker, each with its body as for `task_for`, in order."""
    talk_back = talk_back or TalkBack()
    first = leases[0][0]
    common = {**actor.default_environment, **_of_actor(actor, first.worker_id, configs, talk_back)}
    # What one message says otherwise is nobody's by default.
    uncommon = {name for lease, _ in leases for name in lease.message.environment}
    shared = {name: value for name, value in common.items() if name not in uncommon}
    members = []
    for lease, body in leases:
        own: Mapping[str, str]
        if uncommon:
            whole = environment(actor, lease, configs, talk_back)
            own = {name: text for name, text in whole.items() if name not in shared}
        else:
            own = _texts(_of_message(actor, lease.message, talk_back))
        text, binary = _message(lease.message, body)
        members.append(
            Member(
                execution_id=lease.message.execution_id,
                environment=own,
                text=text,
                binary=binary,
                files=lease.message.files,
                timeout=time_limit(lease.message, timeout),
            )
        )
    return Group(
        place=place_for(actor, default_memory=default_memory, default_nano_cpus=default_nano_cpus),
        worker_id=first.worker_id,
        tenant=actor.tenant,
        environment=_texts(shared),
        timeout=hinted_limit(actor.hints, timeout),
        keeps_state=not actor.stateless,
        members=tuple(members),
    )


def environment(
    actor: Actor,
    lease: Lease,
    configs: Mapping[str, str] = {},
    talk_back: TalkBack | None = None,
) -> dict[str, str]:
    """Later wins: the actor's defaults, the message's own, then the service's."""
    talk_back = talk_back or TalkBack()
    message = lease.message
    values: dict[str, Any] = {
        **actor.default_environment,
        **message.environment,
        **_of_actor(actor, lease.worker_id, configs, talk_back),
        **_of_message(actor, message, talk_back),
    }
    # Only a message of the service's own holds null: it says what such a message has not.
    values.update({name: None for name, value in message.environment.items() if value is None})
    return _texts(values)


def _of_actor(
    actor: Actor, worker_id: str, configs: Mapping[str, str], talk_back: TalkBack
) -> dict[str, Any]:
    """The service's, the same for all that one worker runs."""
    return {
        "_abaco_actor_id": actor.id,
        "_abaco_actor_dbid": actor.dbid,
        "_abaco_actor_name": str(actor.name),
        "_abaco_actor_state": str(actor.state),
        "_abaco_actor_revision": actor.revision,
        "_abaco_container_repo": actor.image,
        "_abaco_worker_id": worker_id,
        "_abaco_api_server": talk_back.api_server or actor.api_server,
        "_actor_configs": str(dict(configs)),
    }


def _of_message(actor: Actor, message: Message, talk_back: TalkBack) -> dict[str, Any]:
    """The service's, of one execution."""
    return {
        "_abaco_execution_id": message.execution_id,
        "_abaco_username": message.executor,
        "_abaco_access_token": talk_back.token(actor, message.execution_id),
        "_abaco_Content_Type": message.content_type.value,
        # The guide's spelling, which agavepy reads and the reference server never sets.
        "_abaco_Content-Type": message.content_type.value,
    }


def _message(message: Message, body: bytes | Path) -> tuple[str | None, bytes | Path | None]:
    """MSG, and the bytes of a binary message: one of them is None."""
    if message.content_type is ContentType.BINARY:
        return None, body
    return None if isinstance(body, Path) else message_text(message, body), None


def message_text(message: Message, body: bytes) -> str:
    """MSG. JSON becomes Python text, as Abaco's clients expect (section 7)."""
    if message.content_type is ContentType.JSON:
        return str(json.loads(body))
    return body.decode("utf-8", "replace")


def parse_memory(limit: str | None) -> int | None:
    """Docker's `200m` in bytes; None when there is no limit (`-1` or nothing)."""
    if not limit or limit.strip() == "-1":
        return None
    text = limit.strip().lower()
    unit = text.lstrip("0123456789.")
    number = text[: len(text) - len(unit)]
    return int(float(number) * _UNITS[unit.removesuffix("b") or "b"])


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """`str()` of each value; null means "no such variable"."""
    return {name: str(value) for name, value in values.items() if value is not None}


def _user(actor: Actor) -> str | None:
    if actor.use_container_uid or actor.uid is None:
        return None
    return f"{actor.uid}:{actor.gid if actor.gid is not None else actor.uid}"
