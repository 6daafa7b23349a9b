"""What workers say, for those who look: handed to the workers by `assemble`."""

from collections.abc import Callable

from abaco_server.events.stream import (
    MOVES,
    Ended,
    Hub,
    LogAdded,
    ResultAdded,
    StatusChanged,
    execution_topic,
)


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

    def ended(self, execution_id: str, status: str) -> None:
        self._counted(status)
        self._hub.publish(execution_topic(execution_id), Ended(status=status))
        self._hub.publish(MOVES, execution_id)
