"""What may be true: statuses, logs, small values."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import pytest

from abaco_jupyter.wire.codes import (
    ActorStatus,
    BuildStatus,
    ContentType,
    DeliveryStatus,
    EventType,
    ExecutionStatus,
    WorkerStatus,
)
from abaco_jupyter.wire.limits import LOG_TRUNCATED
from abaco_server.model import transitions
from abaco_server.model.actor import Actor
from abaco_server.model.clock import SystemClock
from abaco_server.model.event import execution_complete
from abaco_server.model.log import LogBuffer
from abaco_server.model.message import Message
from abaco_server.model.principal import Principal

KINDS: list[type[StrEnum]] = [
    ActorStatus,
    ExecutionStatus,
    WorkerStatus,
    BuildStatus,
    DeliveryStatus,
]
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize("kind", KINDS)
class TestTransitionsOf:
    def test_every_status_stands_in_the_table(self, kind: type[StrEnum]) -> None:
        assert list(transitions.LEGAL[kind]) == list(kind)

    def test_statuses_change_only_into_their_own_kind(self, kind: type[StrEnum]) -> None:
        for before, targets in transitions.LEGAL[kind].items():
            assert {type(status) for status in (before, *targets)} == {kind}
            assert before not in targets

    def test_every_status_can_be_reached(self, kind: type[StrEnum]) -> None:
        table = transitions.LEGAL[kind]
        reached: set[StrEnum] = set()
        new = {next(iter(kind))}
        while new:
            reached |= new
            new = {after for one in new for after in table[one]} - reached
        assert reached == set(kind)

    def test_sources_are_the_table_read_backwards(self, kind: type[StrEnum]) -> None:
        table = transitions.LEGAL[kind]
        for after in kind:
            expected = [before.value for before in kind if after in table[before]]
            assert transitions.sources(after) == expected

    def test_check_agrees_with_the_table(self, kind: type[StrEnum]) -> None:
        for before in kind:
            for after in kind:
                if after in transitions.LEGAL[kind][before]:
                    transitions.check(before, after)
                else:
                    with pytest.raises(transitions.IllegalTransition):
                        transitions.check(before, after)


class TestTransitions:
    def test_all_kinds_of_status_are_there(self) -> None:
        assert list(transitions.LEGAL) == KINDS

    def test_what_has_ended_stays_so(self) -> None:
        for status in [*ExecutionStatus, *BuildStatus, *DeliveryStatus]:
            assert status.ended == (not transitions.LEGAL[type(status)][status])
        assert not transitions.LEGAL[ActorStatus][ActorStatus.SHUTTING_DOWN]

    def test_an_illegal_change_names_both_statuses(self) -> None:
        with pytest.raises(transitions.IllegalTransition, match="from COMPLETE to RUNNING"):
            transitions.check(ExecutionStatus.COMPLETE, ExecutionStatus.RUNNING)

    def test_statuses_of_two_kinds_with_one_text_are_kept_apart(self) -> None:
        """READY is a status of actors, workers and builds; only an actor comes to it from ERROR."""
        assert transitions.sources(ActorStatus.READY) == ["SUBMITTED", "ERROR"]
        assert transitions.sources(BuildStatus.READY) == ["WAITING", "BUILDING"]
        with pytest.raises(transitions.IllegalTransition):
            transitions.check(WorkerStatus.READY, ActorStatus.SUBMITTED)


class TestLogBuffer:
    def test_chunks_become_one_text(self) -> None:
        log = LogBuffer()
        assert log.append(b"one ") == "one "
        assert log.append(b"two") == "two"
        assert log.text == "one two"
        assert log.text == "one two"
        assert log.length == 7

    def test_an_empty_log(self) -> None:
        log = LogBuffer()
        assert log.text == ""
        assert log.append(b"") == ""
        assert log.text == ""

    def test_a_character_split_across_chunks_is_one_character(self) -> None:
        log = LogBuffer()
        octopus = "🐙".encode()
        assert [log.append(octopus[i : i + 1]) for i in range(4)] == ["", "", "", "🐙"]
        assert log.text == "🐙"

    def test_a_character_cut_off_at_the_end_is_replaced(self) -> None:
        log = LogBuffer()
        log.append(b"a" + "🐙".encode()[:2])
        assert log.append(b"", final=True) == "\ufffd"
        assert log.text == "a\ufffd"

    def test_bytes_that_are_not_utf_8_are_replaced(self) -> None:
        log = LogBuffer()
        assert log.append(b"a\xffb\x80c") == "a\ufffdb\ufffdc"

    def test_the_limit_counts_characters_and_is_told_once(self) -> None:
        log = LogBuffer(limit=5)
        assert log.append("äö".encode()) == "äö"
        assert log.append(b"abcdef") == "abc" + LOG_TRUNCATED
        assert log.append(b"more") == ""
        assert log.text == "äöabc" + LOG_TRUNCATED
        assert log.truncated

    def test_a_log_of_just_the_limit_is_whole(self) -> None:
        log = LogBuffer(limit=5)
        log.append(b"abcde")
        assert not log.truncated
        log.append(b"f")
        assert log.text == "abcde" + LOG_TRUNCATED


def test_a_message_reads_its_body_from_either_place(tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"large")
    for body in (b"large", file):
        message = Message(execution_id="e", actor_id="a", content_type=ContentType.TEXT, body=body)
        assert message.read() == b"large"


def test_an_actors_internal_id() -> None:
    actor = Actor(
        id="A",
        tenant="TACC-PROD",
        owner="ann",
        api_server="http://h",
        image="i",
        status=ActorStatus.SUBMITTED,
        create_time=NOW,
        last_update_time=NOW,
    )
    assert actor.dbid == "TACC-PROD_A"
    assert actor.state == {}


def test_an_event_tells_how_the_execution_ended() -> None:
    event = execution_complete(
        actor_id="A", tenant="T", execution_id="E", exit_code="undetermined", at=NOW
    )
    assert event.type is EventType.EXECUTION_COMPLETE
    assert event.facts == {
        "execution_id": "E",
        "status": "COMPLETE",
        "exit_code": "undetermined",
    }


@pytest.mark.parametrize(
    ("roles", "admin", "privileged"),
    [
        (set(), False, False),
        ({"Internal/abaco-privileged"}, False, True),
        ({"Internal/abaco-admin"}, True, True),
    ],
)
def test_admins_are_privileged(roles: set[str], admin: bool, privileged: bool) -> None:
    principal = Principal(username="u", tenant="T", roles=frozenset(roles), api_server="http://h")
    assert principal.is_admin is admin
    assert principal.is_privileged is privileged


def test_the_clock_is_aware() -> None:
    assert SystemClock().now().utcoffset() is not None
