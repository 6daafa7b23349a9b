"""What workers say, for those who look: handed to the workers by `assemble`."""

from collections.abc import Callable, Sequence

from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_server.events.news import News
from abaco_server.events.stream import (
    BEGUN,
    MOVES,
    Ended,
    Hub,
    LogAdded,
    ResultAdded,
    StatusChanged,
    decisions_topic,
    execution_topic,
    finished_topic,
)
from abaco_server.model.decision import Decision
from abaco_server.model.execution import Finished


class HubTell:
    """What workers say of executions, as items of the live views."""

    def __init__(self, hub: Hub, counted: Callable[[str], None], news: News | None = None) -> None:
        """`counted` is told the status of each execution that ends."""
        self._hub = hub
        self._counted = counted
        self._news = news or News()

    def log(self, execution_id: str, offset: int, text: str) -> None:
        self._hub.publish(execution_topic(execution_id), LogAdded(offset=offset, text=text))

    def status(self, execution_id: str, status: str) -> None:
        self._hub.publish(execution_topic(execution_id), StatusChanged(status=status))
        self._hub.publish(MOVES, execution_id)
        if status == ExecutionStatus.RUNNING:
            self._hub.publish(BEGUN, execution_id)
        self._news.moved([execution_id])

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
        self._news.ended(actor_id, finished)


def waking(wake: Callable[[str], None], news: News) -> Callable[[str], None]:
    """Whoever puts messages into a mailbox wakes its workers; who looks hears of it as well."""

    def woken(actor_id: str) -> None:
        wake(actor_id)
        news.submitted(actor_id)

    return woken


def deciding(
    hub: Hub, news: News, announce: Callable[[Decision], None]
) -> Callable[[Decision], None]:
    """What the autoscaler decides, for who follows an actor, for who looks, and for Jupyter."""

    def decided(decision: Decision) -> None:
        hub.publish(decisions_topic(decision.actor_id), decision)
        news.decided(decision)
        announce(decision)

    return decided
