"""A message that a clock sends, as the queue takes it."""

from collections.abc import Callable
from datetime import datetime

from abaco_jupyter.wire.codes import ContentType, ExecutionStatus
from abaco_server.model.execution import Execution
from abaco_server.model.message import Message
from abaco_server.model.schedule import Schedule
from abaco_server.store import Connection
from abaco_server.store.clocks import ActorClock

EXECUTOR = "cron"

Submit = Callable[[Connection, list[tuple[Execution, Message]]], list[bool]]
"""Execution and queue rows; which of the messages were taken."""


def rows(
    seen: ActorClock | Schedule,
    execution_id: str,
    now: datetime,
    *,
    content_type: ContentType,
    body: bytes,
) -> tuple[Execution, Message]:
    execution = Execution(
        id=execution_id,
        actor_id=seen.actor_id,
        tenant=seen.tenant,
        api_server=seen.api_server,
        executor=EXECUTOR,
        status=ExecutionStatus.SUBMITTED,
        message_received_time=now,
    )
    message = Message(
        execution_id=execution_id,
        actor_id=seen.actor_id,
        content_type=content_type,
        body=body,
        # Nobody sends it, from nowhere: both are absent in the container (section 10).
        environment={
            "Time_msg_queued": now.timestamp(),
            "_abaco_username": None,
            "_abaco_api_server": None,
        },
        executor=EXECUTOR,
    )
    return execution, message
