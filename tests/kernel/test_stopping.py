"""Executions are stopped whatever they do: wait, are about to begin, or run."""

import pytest
from fake_server import FakeServer, Script

from abaco_jupyter import Abaco
from abaco_jupyter.client import stopping
from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.execution import Execution


@pytest.fixture
def actor(server: FakeServer, abaco: Abaco) -> Actor:
    server.add_actor("count")
    return abaco.actor("count")


@pytest.fixture
def taken(server: FakeServer, actor: Actor) -> Execution:
    """A worker has it already; it begins when somebody looks."""
    server.scripts = [Script(taken=True)]
    return actor.submit("x")


def test_one_that_is_about_to_begin_is_halted_once_it_has(
    server: FakeServer, taken: Execution
) -> None:
    assert server.executions[taken.id]["status"] == "SUBMITTED"
    assert taken.stop(patience=60) == f"Execution {taken.id} of count was halted."
    assert taken.was_halted


def test_one_that_does_not_begin_in_time_is_named_as_left(actor: Actor, taken: Execution) -> None:
    assert stopping.stop(actor, [taken], patience=0).left == [taken.id]
    assert "is about to begin" in taken.stop(patience=0)


def test_one_that_has_ended_is_no_error(actor: Actor) -> None:
    execution = actor.submit("x").wait()
    assert stopping.stop(actor, [execution]).ended == [execution.id]
    assert stopping.unfinished(actor) == []
