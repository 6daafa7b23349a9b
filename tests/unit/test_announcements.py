"""What the autoscaler decides, as an event of Jupyter's."""

import io
import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from jupyter_events import EventLogger

from abaco_server.announcements import SCHEMA_ID, Announcements
from abaco_server.model.decision import Action, Decision, Rule, facts

DECISION = Decision(
    actor_id="a",
    at=datetime(2026, 11, 21, 12, tzinfo=UTC),
    rule=Rule.SYNC,
    action=Action.KEEP,
    workers=1,
    waiting=0,
    worker_ids=("w",),
)


def test_whoever_listens_hears_of_each_decision() -> None:
    heard = io.StringIO()
    logger = EventLogger(handlers=[logging.StreamHandler(heard)])
    Announcements(logger)
    # A second life of the service in the same server has the schema already.
    Announcements(logger).decided(DECISION)
    event = json.loads(heard.getvalue())
    assert event["__schema__"] == SCHEMA_ID
    assert {name: event[name] for name in facts(DECISION)} == facts(DECISION)


def test_every_rule_and_action_fits_the_schema() -> None:
    heard = io.StringIO()
    announcements = Announcements(EventLogger(handlers=[logging.StreamHandler(heard)]))
    for rule in Rule:
        for action in Action:
            announcements.decided(
                Decision(
                    actor_id="a", at=DECISION.at, rule=rule, action=action, workers=0, waiting=0
                )
            )
    assert len(heard.getvalue().splitlines()) == len(Rule) * len(Action)


def test_a_modifier_of_somebody_elses_that_fails_does_not_stop_the_workers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(schema_id: str, data: dict[str, Any]) -> dict[str, Any]:
        raise RuntimeError("not ours")

    logger = EventLogger(handlers=[logging.StreamHandler(io.StringIO())])
    announcements = Announcements(logger)
    logger.add_modifier(schema_id=SCHEMA_ID, modifier=broken)
    with caplog.at_level(logging.ERROR):
        announcements.decided(DECISION)
    assert "SYNC" in caplog.text.upper()
