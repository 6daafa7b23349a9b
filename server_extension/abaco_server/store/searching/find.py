"""One search from the query to the page of records."""

from collections.abc import Callable, Collection, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, false, func, select

from abaco_server.model.search import Condition, Found, FoundLog, Kind, Query, Record, Viewer
from abaco_server.store import actors, executions, workers
from abaco_server.store.searching.clauses import clause
from abaco_server.store.searching.rooms import ROOMS, Room, visible
from abaco_server.store.searching.sifting import sift
from abaco_server.store.tables import actors as actors_table
from abaco_server.store.tables import executions as executions_table
from abaco_server.store.tables import logs as logs_table


def find(
    conn: Connection,
    kind: Kind,
    query: Query,
    viewer: Viewer,
    within: Sequence[Condition] = (),
) -> Found:
    """In the order of the text score, then of insertion. `within` are more conditions.

    Raises TooMuchToSearch and BadExpression.
    """
    room = ROOMS[kind]
    clauses = visible(kind, viewer)
    left: list[Condition] = []
    for condition in (*within, *query.conditions):
        said = clause(room.fields.get(condition.field), condition, dialect=conn.dialect.name)
        if said is None:
            left.append(condition)
        else:
            clauses.append(said)
    if any(said is false() for said in clauses):
        return Found(records=(), total=0)
    if left or query.words or query.phrase:
        seqs = sift(conn, room, clauses, left, query)
        total = len(seqs)
        seqs = seqs[query.skip : query.skip + query.limit]
    else:
        total, seqs = _page(conn, room, clauses, query)
    return Found(records=_load(conn, kind, seqs), total=total)


def _page(
    conn: Connection, room: Room, clauses: Sequence[ColumnElement[bool]], query: Query
) -> tuple[int, list[int]]:
    count = select(func.count()).select_from(room.rows).where(*clauses)
    total: int = conn.execute(count).scalar_one()
    if query.skip >= total or not query.limit:
        return total, []
    found = select(room.seq).select_from(room.rows).where(*clauses).order_by(room.seq)
    page = conn.execute(found.limit(query.limit).offset(query.skip))
    return total, list(page.scalars())


def _load(conn: Connection, kind: Kind, seqs: list[int]) -> list[Record]:
    if not seqs:
        return []
    loaders: dict[Kind, Callable[[Connection, Collection[int]], Mapping[int, Record]]] = {
        Kind.ACTORS: actors.by_seq,
        Kind.EXECUTIONS: executions.by_seq,
        Kind.WORKERS: workers.by_seq,
        Kind.LOGS: _logs_by_seq,
    }
    found = loaders[kind](conn, seqs)
    return [found[seq] for seq in seqs if seq in found]


def _logs_by_seq(conn: Connection, seqs: Collection[int]) -> dict[int, FoundLog]:
    rows = (
        select(
            executions_table.c.seq,
            logs_table.c.actor_id,
            logs_table.c.execution_id,
            actors_table.c.owner,
            logs_table.c.body,
        )
        .join(logs_table, logs_table.c.execution_id == executions_table.c.id)
        .join(actors_table, actors_table.c.id == logs_table.c.actor_id)
        .where(executions_table.c.seq.in_(seqs))
    )
    return {
        row.seq: FoundLog(
            actor_id=row.actor_id,
            execution_id=row.execution_id,
            owner=row.owner,
            text=row.body.decode(),
        )
        for row in conn.execute(rows)
    }
