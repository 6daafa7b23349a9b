"""Many calls of one sender for one actor, put on record together.

The rows are those of `executions.insert_many` and `messages.insert_many`, without an object for
each: what the calls share is written once here, and what nobody knows yet is left out.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from abaco_jupyter.wire.codes import ContentType, ExecutionStatus
from abaco_jupyter.wire.options import CallOptions
from abaco_server.store import executions, messages
from abaco_server.store.machinery.columns import json_text, microseconds
from abaco_server.store.machinery.driver import BulkInsert
from abaco_server.store.machinery.payloads import StoredBody, to_columns
from abaco_server.store.tables import executions as table

_insert_executions = BulkInsert(
    "executions",
    [
        "id",
        "actor_id",
        "tenant",
        "api_server",
        "executor",
        "status",
        "message_received_time",
        "runtime",
        "cpu",
        "io",
        "label",
        "retry_of",
    ],
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What all calls of a group share."""

    actor_id: str
    tenant: str
    api_server: str
    executor: str
    content_type: ContentType
    options: CallOptions
    at: datetime


def insert(
    conn: Connection, sender: Sender, calls: Sequence[tuple[str, StoredBody, Sequence[str]]]
) -> None:
    """`calls` are execution ids, bodies and digests of files, none of them on record."""
    at, actor_id, executor = microseconds(sender.at), sender.actor_id, sender.executor
    begin = (actor_id, sender.tenant, sender.api_server, executor, str(ExecutionStatus.SUBMITTED))
    options = sender.options
    end = (at, 0, 0, 0, options.label, options.retry_of)
    _insert_executions(conn, [(one, *begin, *end) for one, _, _ in calls])
    environment = json_text(options.environment)
    kind, tail = str(sender.content_type), (environment, executor, at, 0)
    messages.insert_rows(
        conn,
        [
            (one, actor_id, kind, *to_columns(conn, body), *tail, " ".join(files) or None)
            for one, body, files in calls
        ],
    )
    executions.count_rows(conn, [(actor_id, len(calls), 0, 0, 0)])


def on_record(conn: Connection, ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Actor and sender of those of `ids` that are executions, whoever's."""
    found = select(table.c.id, table.c.actor_id, table.c.executor).where(table.c.id.in_(ids))
    return {row.id: (row.actor_id, row.executor) for row in conn.execute(found)}
