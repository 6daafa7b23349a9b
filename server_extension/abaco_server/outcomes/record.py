"""How an execution ends, and what it answered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from abaco_server import queue
from abaco_server.model.actor import Actor
from abaco_server.model.event import Event, execution_complete
from abaco_server.model.log import LogBuffer
from abaco_server.model.message import Lease
from abaco_server.model.task import NO_STATE, Outcome, ResultBody
from abaco_server.store import (
    Connection,
    Store,
    actors,
    executions,
    logs,
    outbox,
    results,
    workers,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One of several executions whose ends are recorded together."""

    execution_id: str
    outcome: Outcome
    log: str = ""
    results: tuple[tuple[str, bytes], ...] = ()
    """Key and body of each that is not on record yet."""
    state: Any = NO_STATE


_TIMED_OUT = {"TimedOut": True}
"""Ours, beside what Docker's State has: who sees exit code 137 then knows why."""

LogLifetime = Callable[[int | None], timedelta]
"""How long a log is kept, given its actor's `log_ex`."""


async def finish(
    store: Store,
    lease: Lease,
    outcome: Outcome,
    log: LogBuffer,
    *,
    actor: Actor | None,
    now: datetime,
    log_lifetime: LogLifetime = logs.lifetime,
) -> bool:
    """User code ran: execution COMPLETE, totals, log, outbox event and ack in one transaction.

    False when the execution had ended already: its record stays, the message goes.
    """
    text = log.text
    log_expires = now + log_lifetime(actor.log_ex if actor else None)

    def work(conn: Connection) -> bool:
        recorded = _complete(conn, lease.message.execution_id, outcome)
        if recorded:
            _keep_log(conn, lease, text, log_expires)
            _tell(conn, lease, outcome)
        queue.ack(conn, lease.message.execution_id)
        return recorded

    return await store.write(work)


async def finish_some(
    store: Store,
    actor: Actor,
    ended: Sequence[End],
    *,
    now: datetime,
    rests: str | None = None,
    log_lifetime: LogLifetime = logs.lifetime,
    lifetime: timedelta = results.LIFETIME,
) -> bool:
    """As `finish` for several executions of one actor: all on record, or none. With them, that
    the worker `rests`.

    Whether there are events to tell.
    """
    ids = [one.execution_id for one in ended]
    rows = [_row(one) for one in ended]
    log_expires = now + log_lifetime(actor.log_ex)

    def work(conn: Connection) -> bool:
        there = executions.complete_many(conn, actor.id, rows)
        mine = [one for one in ended if one.execution_id in there]
        texts = [(one.execution_id, one.log) for one in mine if one.log]
        logs.put_many(conn, actor.id, texts, log_expires)
        answers = [(one.execution_id, *result) for one in mine for result in one.results]
        results.add_many(conn, answers, now + lifetime)
        for one in mine:
            if one.state is not NO_STATE:
                actors.set_state(conn, actor.id, one.state)
        queue.ack_many(conn, ids)
        if rests is not None:
            workers.rests(conn, rests, now)
        wiring = actors.wiring(conn, actor.tenant, actor.id)
        if wiring is None or not (wiring.link or wiring.webhook):
            return False
        for one in mine:
            outbox.append(conn, _event(actor, one))
        return bool(mine)

    return await store.write(work)


async def fail(
    store: Store,
    lease: Lease,
    reason: str,
    log: LogBuffer,
    *,
    now: datetime,
    actor: Actor | None = None,
    log_lifetime: LogLifetime = logs.lifetime,
) -> bool:
    """User code did not run, or nobody knows how it ended: execution ERROR, log and ack.

    False as with `finish`.
    """
    text = log.text
    log_expires = now + log_lifetime(actor.log_ex if actor else None)

    def work(conn: Connection) -> bool:
        recorded = executions.fail(conn, lease.message.execution_id, reason, now)
        if recorded:
            _keep_log(conn, lease, text, log_expires)
        queue.ack(conn, lease.message.execution_id)
        return recorded

    return await store.write(work)


async def add_result(
    store: Store,
    execution_id: str,
    key: str,
    body: ResultBody,
    now: datetime,
    *,
    lifetime: timedelta = results.LIFETIME,
) -> bool:
    """Durable when it returns; False when this key was there before."""
    async with store.keeping(body) as kept:
        return await store.write(
            lambda conn: results.add(conn, execution_id, key, kept, now + lifetime)
        )


def _complete(conn: Connection, execution_id: str, outcome: Outcome) -> bool:
    return executions.complete(conn, execution_id, **_figures(outcome))


def _row(one: End) -> dict[str, Any]:
    return {"id": one.execution_id, **_figures(one.outcome)}


def _figures(outcome: Outcome) -> dict[str, Any]:
    """Fields of Execution."""
    lasted = outcome.finish_time - outcome.start_time
    return {
        "start_time": outcome.start_time,
        "finish_time": outcome.finish_time,
        "runtime": int(lasted.total_seconds()),
        "cpu": outcome.cpu,
        "io": outcome.io,
        "exit_code": outcome.exit_code,
        "final_state": outcome.final_state | (_TIMED_OUT if outcome.timed_out else {}),
        "exception": outcome.exception,
        "peak_memory": outcome.peak_memory,
    }


def _event(actor: Actor, one: End) -> Event:
    return execution_complete(
        actor_id=actor.id,
        tenant=actor.tenant,
        execution_id=one.execution_id,
        exit_code=one.outcome.exit_code,
        at=one.outcome.finish_time,
    )


def _keep_log(conn: Connection, lease: Lease, text: str, expires: datetime) -> None:
    """No row for a silent run: reading what is not there gives "" as well."""
    if text:
        logs.put(conn, lease.message.execution_id, lease.message.actor_id, text, expires)


def _tell(conn: Connection, lease: Lease, outcome: Outcome) -> None:
    message = lease.message
    execution = executions.get(conn, message.actor_id, message.execution_id)
    if execution is not None:
        event = execution_complete(
            actor_id=message.actor_id,
            tenant=execution.tenant,
            execution_id=message.execution_id,
            exit_code=outcome.exit_code,
            at=outcome.finish_time,
        )
        outbox.append(conn, event)
