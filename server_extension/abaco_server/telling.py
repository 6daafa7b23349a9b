"""What workers say, for those who look: handed to the workers by `assemble`."""

from collections.abc import Callable, Sequence

from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_server.events.stream import (
    MOVES,
    Ended,
    Hub,
    LogAdded,
    ResultAdded,
    StatusChanged,
    execution_topic,
    finished_topic,
)
from abaco_server.model.execution import Finished


class HubTell:
    """What workers say of executions, as items of the live views."""

    def __init__(self, hub: Hub, counted: Callable[[str], None]) -> None:
        """`counted` is told the status of each execution that ends."""
        self._hub = hub
        self._counted = counted

    def log(self, execution_id: str, offset: int, text: str) -> None:
        self._hub.publish(execution_topic(execution_id), LogAdded(offset=offset, text=text))

    def status(self, execution_id: str, status: str) -> None:
        self._hub.publish(execution_topic(execution_id), StatusChanged(status=status))
        self._hub.publish(MOVES, execution_id)

    def result(self, execution_id: str) -> None:
        self._hub.publish(execution_topic(execution_id), ResultAdded())

    def failed(self, actor_id: str, execution_ids: Sequence[str]) -> None:
        """They never ran."""
        self.finished(
            actor_id, [Finished(id=one, status=ExecutionStatus.ERROR) for one in execution_ids]
        )

    def finished(self, actor_id: str, finished: Sequence[Finished]) -> None:
        for one in finished:
            self._counted(one.status)
            self._hub.publish(execution_topic(one.id), Ended(status=one.status))
            self._hub.publish(MOVES, one.id)
        self._hub.publish(finished_topic(actor_id), finished)
