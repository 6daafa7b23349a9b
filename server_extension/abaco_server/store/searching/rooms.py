"""What can be searched: tables, fields, texts, and who may see which rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields as fields_of
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, select

from abaco_jupyter.wire.codes import Level
from abaco_server.model.actor import Actor
from abaco_server.model.execution import Execution
from abaco_server.model.search import Kind, Viewer
from abaco_server.model.worker import Worker
from abaco_server.store.actors import WORLD
from abaco_server.store.tables import actors, executions, logs, permissions, workers

_MAY_READ = [level for level in Level if level.includes(Level.READ)]
_OURS = {"reason", "exception", "taken_time", "peak_memory"}
"""Of an execution; Abaco has no such fields, so nobody searches by them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One kind of record."""

    rows: FromClause
    seq: ColumnElement[int]
    """Gives the order of insertion."""
    actor_id: ColumnElement[str]
    """Of the actor whose permissions count."""
    fields: Mapping[str, ColumnElement[Any]]
    """By the names under which they are stored."""
    texts: tuple[str, ...]
    """The fields in which words and phrases are looked for."""
    batch: int = 1000
    """Rows that are held in memory at a time."""


def _columns(table: FromClause, model: type) -> dict[str, ColumnElement[Any]]:
    return {field.name: table.c[field.name] for field in fields_of(model)}


ROOMS = {
    Kind.ACTORS: Room(
        rows=actors,
        seq=actors.c.seq,
        actor_id=actors.c.id,
        fields=_columns(actors, Actor),
        texts=("name", "description", "image", "hints", "status", "status_message", "owner", "id"),
    ),
    Kind.EXECUTIONS: Room(
        rows=executions,
        seq=executions.c.seq,
        actor_id=executions.c.actor_id,
        fields={k: v for k, v in _columns(executions, Execution).items() if k not in _OURS},
        texts=("status", "executor", "id", "actor_id", "worker_id"),
    ),
    Kind.WORKERS: Room(
        rows=workers,
        seq=workers.c.seq,
        actor_id=workers.c.actor_id,
        fields=_columns(workers, Worker),
        texts=("status", "image", "location", "cid", "host_id", "host_ip", "id", "actor_id"),
    ),
    Kind.LOGS: Room(
        # A log is as old as its execution, which also knows its tenant.
        rows=logs.join(executions, executions.c.id == logs.c.execution_id),
        seq=executions.c.seq,
        actor_id=logs.c.actor_id,
        fields={
            "_id": logs.c.execution_id,
            "execution_id": logs.c.execution_id,
            "actor_id": logs.c.actor_id,
            "tenant": executions.c.tenant,
            "exp": logs.c.expires,
            "logs": logs.c.body,
        },
        texts=("logs",),
        batch=20,
    ),
}


def readable(viewer: Viewer) -> Select[tuple[str]]:
    """The ids of the actors on which this user, or everybody, has READ or more."""
    return (
        select(actors.c.id)
        .join(permissions, permissions.c.actor_id == actors.c.id)
        .where(
            actors.c.tenant == viewer.tenant,
            permissions.c.username.in_([viewer.username, WORLD]),
            permissions.c.level.in_(_MAY_READ),
        )
    )


def visible(kind: Kind, viewer: Viewer) -> list[ColumnElement[bool]]:
    """Which rows of a room there are for this user."""
    found: list[ColumnElement[bool]] = [ROOMS[kind].actor_id.in_(readable(viewer))]
    if kind is Kind.LOGS:
        found.append(logs.c.expires > viewer.now)
    return found
