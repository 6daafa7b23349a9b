"""The actors' own clocks: `cronNextEx` and what moves it."""

from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from abaco_jupyter.wire.codes import ActorStatus
from abaco_server.store.tables import actors as table


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorClock:
    actor_id: str
    tenant: str
    api_server: str
    on: bool
    schedule: str
    next_text: str


def all(conn: Connection) -> list[ActorClock]:
    """Also those that are off: their hands move on. Oldest actor first."""
    found = (
        select(
            table.c.id.label("actor_id"),
            table.c.tenant,
            table.c.api_server,
            table.c.cron_on.label("on"),
            table.c.cron_schedule.label("schedule"),
            table.c.cron_next_ex.label("next_text"),
        )
        .where(
            table.c.cron_next_ex.is_not(None),
            table.c.cron_schedule.is_not(None),
            table.c.status != ActorStatus.SHUTTING_DOWN,
        )
        .order_by(table.c.seq)
    )
    return [ActorClock(**row._mapping) for row in conn.execute(found)]


def advance(conn: Connection, seen: ActorClock, next_text: str) -> bool:
    """Move the hands. False when the clock is no longer as it was seen: another was faster."""
    change = update(table).where(
        table.c.id == seen.actor_id,
        table.c.cron_next_ex == seen.next_text,
        table.c.cron_schedule == seen.schedule,
        table.c.cron_on == seen.on,
        table.c.status != ActorStatus.SHUTTING_DOWN,
    )
    return conn.execute(change.values(cron_next_ex=next_text)).rowcount == 1
