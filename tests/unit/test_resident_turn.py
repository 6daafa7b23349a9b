"""What the journal of a resident interpreter says of a group, made into ends."""

from abaco_server.model.task import FailureKind, RunFailed
from abaco_server.runners.resident.journal import Record
from abaco_server.runners.resident.turn import Turn


def test_what_had_begun_is_not_withdrawn_when_its_interpreter_dies() -> None:
    turn = Turn(1, ["a", "b", "c"])
    turn.arrive(Record(k="b", g=1, at=1.0))
    assert turn.now_running == "a"
    assert turn.give_up([0, 2]) == ["c"]
    end = turn.break_off(RunFailed(FailureKind.INTERNAL, "killed", started=True), b"")
    assert end.execution_id == "a"
    assert turn.left == ["b"]


def test_a_group_that_never_came_is_given_up_whole() -> None:
    turn = Turn(1, ["a", "b"])
    assert turn.give_up([0, 1]) == ["a", "b"]
    assert turn.left == []
