"""What the tests of store and queue are made of."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from abaco_jupyter.wire.codes import ActorStatus, ContentType, ExecutionStatus
from abaco_server.model.actor import Actor
from abaco_server.model.execution import Execution
from abaco_server.model.message import Message

NOW = datetime(2026, 11, 21, 17, 18, 35, 464052, tzinfo=UTC)
SECOND = timedelta(seconds=1)
_numbers = count(1)


class FakeClock:
    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def new_id(prefix: str = "x") -> str:
    return f"{prefix}{next(_numbers):012d}"


def an_actor(**fields: Any) -> Actor:
    given: dict[str, Any] = {
        "id": new_id("a"),
        "tenant": "JUPYTER",
        "owner": "ann",
        "api_server": "http://localhost:8888",
        "image": "abacosamples/wc",
        "status": ActorStatus.SUBMITTED,
        "create_time": NOW,
        "last_update_time": NOW,
    }
    return Actor(**given | fields)


def an_execution(actor_id: str, **fields: Any) -> Execution:
    given: dict[str, Any] = {
        "id": new_id("e"),
        "actor_id": actor_id,
        "tenant": "JUPYTER",
        "api_server": "http://localhost:8888",
        "executor": "ann",
        "status": ExecutionStatus.SUBMITTED,
        "message_received_time": NOW,
    }
    return Execution(**given | fields)


def a_message(execution: Execution, body: bytes = b"hello", **fields: Any) -> Message:
    given: dict[str, Any] = {
        "execution_id": execution.id,
        "actor_id": execution.actor_id,
        "content_type": ContentType.TEXT,
        "body": body,
        "executor": execution.executor,
    }
    return Message(**given | fields)
