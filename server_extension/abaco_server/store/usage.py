"""Counts over all actors of all tenants, from counters and indexes: executions are not counted."""

from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Table, func, literal_column, select

from abaco_jupyter.wire.codes import ActorStatus, BuildStatus, WorkerStatus
from abaco_server.model.actor import Actor
from abaco_server.model.execution import Totals
from abaco_server.model.usage import Account, Accounts, ActorUse, Utilization, WorkerUse
from abaco_server.model.worker import Worker
from abaco_server.store import actors, workers
from abaco_server.store import counters as ever
from abaco_server.store.tables import actors as actors_table
from abaco_server.store.tables import builds as builds_table
from abaco_server.store.tables import deliveries as deliveries_table
from abaco_server.store.tables import messages as messages_table
from abaco_server.store.tables import totals as totals_table
from abaco_server.store.tables import workers as workers_table

_TOTALS = ("executions", "cpu", "io", "runtime")
_AT_ONCE = 500


def utilization(conn: Connection) -> Utilization:
    requested = workers_table.c.status == WorkerStatus.REQUESTED
    return Utilization(
        current_actors=_count(conn, actors_table),
        total_actors=ever.get(conn, ever.ACTORS),
        workers=_count(conn, workers_table),
        command_queue=_count(conn, workers_table, requested),
    )


def of_actors(conn: Connection) -> list[ActorUse]:
    """Oldest actor first."""
    waiting = _waiting(conn)
    used = _totals(conn)
    lanes: defaultdict[str, list[Worker]] = defaultdict(list)
    for worker in workers.all(conn):
        lanes[worker.actor_id].append(worker)
    return [
        ActorUse(
            actor=actor,
            workers=tuple(lanes[actor.id]),
            messages=waiting.get(actor.id, 0),
            totals=used.get(actor.id, Totals()),
        )
        for actor in actors.all(conn)
    ]


def of_some(conn: Connection, these: Sequence[Actor]) -> list[ActorUse]:
    """As `of_actors`, of these alone, and with what is on loan."""
    ids = [actor.id for actor in these]
    waits = messages_table.c.worker_id.is_(None)
    waiting, on_loan = _messages(conn, ids, waits), _messages(conn, ids, ~waits)
    lanes: defaultdict[str, list[Worker]] = defaultdict(list)
    for worker in workers.of_actors(conn, ids):
        lanes[worker.actor_id].append(worker)
    used = _totals(conn, ids)
    return [
        ActorUse(
            actor=actor,
            workers=tuple(lanes[actor.id]),
            messages=waiting.get(actor.id, 0),
            totals=used.get(actor.id, Totals()),
            on_loan=on_loan.get(actor.id, 0),
        )
        for actor in these
    ]


def of_workers(conn: Connection) -> WorkerUse:
    with_one = select(workers_table.c.actor_id)
    without = _count(conn, actors_table, actors_table.c.id.not_in(with_one))
    return WorkerUse(workers=tuple(workers.all(conn)), actors_without=without)


def accounts(conn: Connection) -> Accounts:
    used = _totals(conn)
    existing = select(actors_table.c.id, actors_table.c.owner, actors_table.c.image)
    return Accounts(
        actors=ever.get(conn, ever.ACTORS),
        actors_with_executions=sum(1 for totals in used.values() if totals.executions),
        existing=tuple(
            Account(
                actor_id=row.id,
                owner=row.owner,
                image=row.image,
                totals=used.get(row.id, Totals()),
            )
            for row in conn.execute(existing.order_by(actors_table.c.seq))
        ),
        all=add(list(used.values())),
    )


def figures(conn: Connection) -> dict[str, dict[str, int]]:
    """What an operator watches: by name, then by status (the empty one where there is none)."""
    waiting = messages_table.c.worker_id.is_(None)
    # A literal, so that SQLite sees that its partial index holds all of them.
    undelivered = deliveries_table.c.status == literal_column("'WAITING'")
    return {
        "messages_waiting": {"": _count(conn, messages_table, waiting)},
        "actors": _by_status(conn, actors_table, ActorStatus),
        "workers": _by_status(conn, workers_table, WorkerStatus),
        "builds": _by_status(conn, builds_table, BuildStatus),
        "webhook_deliveries_waiting": {"": _count(conn, deliveries_table, undelivered)},
    }


def _by_status(conn: Connection, table: Table, statuses: type[StrEnum]) -> dict[str, int]:
    found = select(table.c.status, func.count()).group_by(table.c.status)
    # Those that nobody has are there too: a series that comes and goes is hard to watch.
    return dict.fromkeys(map(str, statuses), 0) | {
        str(row[0]): row[1] for row in conn.execute(found)
    }


def add(many: list[Totals]) -> Totals:
    return Totals(**{name: sum(getattr(one, name) for one in many) for name in _TOTALS})


def _totals(conn: Connection, ids: Sequence[str] | None = None) -> dict[str, Totals]:
    found = select(totals_table.c.actor_id, *(totals_table.c[name] for name in _TOTALS))
    pages = [found] if ids is None else [found.where(one) for one in _among(totals_table, ids)]
    return {
        row[0]: Totals(**dict(zip(_TOTALS, row[1:], strict=True)))
        for page in pages
        for row in conn.execute(page)
    }


def _messages(conn: Connection, ids: Sequence[str], state: ColumnElement[bool]) -> dict[str, int]:
    actor_id = messages_table.c.actor_id
    found = select(actor_id, func.count()).where(state).group_by(actor_id)
    return {
        row[0]: row[1]
        for one in _among(messages_table, ids)
        for row in conn.execute(found.where(one))
    }


def _among(table: Table, ids: Sequence[str]) -> list[ColumnElement[bool]]:
    """Databases bound how many variables a statement has."""
    starts = range(0, len(ids), _AT_ONCE)
    return [table.c.actor_id.in_(ids[start : start + _AT_ONCE]) for start in starts]


def _waiting(conn: Connection) -> dict[str, int]:
    """Messages that wait, by actor."""
    actor_id = messages_table.c.actor_id
    found = select(actor_id, func.count()).where(messages_table.c.worker_id.is_(None))
    return {row[0]: row[1] for row in conn.execute(found.group_by(actor_id))}


def _count(conn: Connection, table: Table, *where: ColumnElement[bool]) -> int:
    return conn.execute(select(func.count()).select_from(table).where(*where)).scalar_one()
