"""How an execution ends, and what it answered."""

from datetime import datetime, timedelta

from abaco_server.model.actor import Actor
from abaco_server.model.log import LogBuffer
from abaco_server.model.message import Lease
from abaco_server.model.task import Outcome
from abaco_server.store import Store, results


async def finish(
    store: Store,
    lease: Lease,
    outcome: Outcome,
    log: LogBuffer,
    *,
    actor: Actor | None,
    now: datetime,
) -> bool:
    """User code ran: execution COMPLETE, totals, log, outbox event and ack in one transaction.

    False when the execution had ended already: its record stays, the message goes.
    """
    raise NotImplementedError


async def fail(
    store: Store,
    lease: Lease,
    reason: str,
    log: LogBuffer,
    *,
    now: datetime,
    actor: Actor | None = None,
) -> bool:
    """User code did not run, or nobody knows how it ended: execution ERROR, log and ack."""
    raise NotImplementedError


async def add_result(
    store: Store,
    execution_id: str,
    key: str,
    body: bytes,
    now: datetime,
    *,
    lifetime: timedelta = results.LIFETIME,
) -> bool:
    """Durable when it returns; False when this key was there before."""
    raise NotImplementedError


async def pop_result(store: Store, execution_id: str, now: datetime) -> bytes | None:
    """The oldest result, once; None when there is none."""
    raise NotImplementedError
