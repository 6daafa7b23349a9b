"""What the failures of a group mean for its lane."""

from datetime import UTC, datetime

from abaco_server.model.task import FailureKind
from abaco_server.workers.events import Broke, LaneFacts
from abaco_server.workers.failures import broke
from abaco_server.workers.lanes import Lane
from abaco_server.workers.policy import Policy


def test_one_trouble_that_a_whole_group_meets_is_one_failure() -> None:
    facts = LaneFacts(actor_id="a", image="i", exclusive=False, max_workers=1, queue="q")
    lane, policy, now = Lane(facts=facts), Policy(), datetime(2026, 1, 1, tzinfo=UTC)
    for execution_id in ("one", "two", "three", "four", "five", "six", "seven"):
        failed = Broke(
            actor_id="a",
            worker_id="w",
            execution_id=execution_id,
            kind=FailureKind.INTERNAL,
            reason="the engine restarts",
            started=False,
            attempt=1,
        )
        broke(lane, failed, policy, now)
    assert lane.paused_until == now + policy.first_backoff
