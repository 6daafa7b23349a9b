"""Messages on loan to a worker."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from abaco_server.model.message import Lease
from abaco_server.store import Connection, executions, messages


def lease(
    conn: Connection,
    actor_id: str,
    worker_id: str,
    now: datetime,
    duration: timedelta,
    *,
    exclusive: bool,
) -> Lease | None:
    """The oldest waiting message whose `not_before` has come.

    `exclusive` is for a stateful actor: nothing while another lease of this actor stands, and
    nothing while the oldest message is not due, so that order is kept.
    """
    claim = messages.claim_head if exclusive else messages.claim_oldest
    return claim(conn, actor_id, worker_id, now, now + duration)


def lease_some(
    conn: Connection,
    actor_id: str,
    worker_id: str,
    now: datetime,
    duration: timedelta,
    *,
    at_most: int,
) -> list[Lease]:
    """As `lease` of a stateless actor, for several messages, oldest first."""
    return messages.claim_some(conn, actor_id, worker_id, now, now + duration, at_most)


def ack(conn: Connection, execution_id: str) -> bool:
    """The execution has ended: remove its message. False when there was none."""
    return messages.remove(conn, execution_id)


def ack_many(conn: Connection, execution_ids: Sequence[str]) -> int:
    """These executions have ended: remove their messages. How many there were."""
    return messages.remove_many(conn, execution_ids)


def give_back(
    conn: Connection,
    execution_id: str,
    not_before: datetime | None,
    count_attempt: bool = True,
) -> bool:
    """The message waits again at its old place; its execution goes back to SUBMITTED.

    `count_attempt=False` forgets this loan in `Lease.attempt`. False when it was not on loan.
    """
    if not messages.release(conn, execution_id, not_before, 0 if count_attempt else 1):
        return False
    executions.back_to_submitted(conn, execution_id)
    return True


def extend(conn: Connection, execution_ids: Sequence[str], until: datetime) -> int:
    """Prolong these leases; how many stood."""
    return messages.extend(conn, execution_ids, until)


def reap(conn: Connection, now: datetime) -> list[str]:
    """Give back every lease that ran out; the execution ids, oldest first."""
    overdue = messages.release_overdue(conn, now)
    for execution_id in overdue:
        executions.back_to_submitted(conn, execution_id)
    return overdue


def leased(conn: Connection) -> list[Lease]:
    """Everything on loan, oldest first: what an earlier life may have left running."""
    return messages.on_loan(conn)
