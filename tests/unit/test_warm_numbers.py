"""How many containers wait, and where a log ends: without an engine."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abaco_server.runners.docker.warm.demand import Demand, WarmPolicy
from abaco_server.runners.docker.warm.mark import Before, Mark
from abaco_server.runners.docker.warm.spare import number_of
from abaco_server.workers.context import warm_hint

SECRET = "0123456789abcdef"
MARK = f"\x1e{SECRET} 3 49009 14284\x1e\n".encode()


# ---- the mark --------------------------------------------------------------------------------


@given(
    st.binary(max_size=60),
    st.binary(max_size=60),
    st.lists(st.tuples(st.sampled_from([1, 2]), st.integers(1, 30)), max_size=20),
)
def test_marks_are_taken_out_wherever_the_stream_is_cut(
    out: bytes, err: bytes, cuts: list[tuple[int, int]]
) -> None:
    mark, left = Mark(SECRET), {1: out + MARK, 2: err + MARK}
    told = {1: b"", 2: b""}
    for stream, size in [*cuts, (1, 1000), (2, 1000)]:
        chunk, left[stream] = left[stream][:size], left[stream][size:]
        told[stream] += mark.strip(stream, chunk)
    assert (told[1], told[2]) == (out, err)
    assert mark.complete
    assert mark.end is not None
    assert (mark.end.exit_code, mark.end.cpu, mark.end.peak_memory) == (3, 49009000, 14284 * 1024)


def test_the_log_is_complete_when_both_streams_have_their_mark() -> None:
    mark = Mark(SECRET)
    assert mark.strip(1, b"one" + MARK) == b"one"
    assert not mark.complete
    assert mark.strip(2, MARK) == b""
    assert mark.complete


def test_a_merged_stream_has_both_marks() -> None:
    """As an engine's log file tells it to an heir."""
    mark = Mark(SECRET)
    assert mark.strip(0, b"one\n" + MARK + MARK) == b"one\n"
    assert mark.complete


def test_what_only_looks_like_a_mark_is_told() -> None:
    mark, text = Mark(SECRET), b"\x1enot a mark\x1e" + f"\x1e{SECRET[:5]}".encode()
    told = mark.strip(1, text)
    assert text.startswith(told)
    assert told + mark.rest() == text
    assert mark.end is None


@pytest.mark.parametrize(
    "facts", [b"", b"x y z", b"1 2", b"9" * 5000 + b" 1 1", b"1 1 " + b"9" * 200, b"-1 1 1"]
)
def test_user_code_that_knows_the_secret_cannot_break_the_log(facts: bytes) -> None:
    mark = Mark(SECRET)
    text = f"\x1e{SECRET} ".encode() + facts + b"\x1e"
    told = mark.strip(1, text + b"and on" + b"." * 200)
    assert told + mark.rest() == text + b"and on" + b"." * 200
    assert mark.end is None


def test_a_mark_that_never_ends_is_not_held_for_ever() -> None:
    mark, begin = Mark(SECRET), f"\x1e{SECRET} ".encode()
    told = mark.strip(1, begin) + b"".join(mark.strip(1, b"1" * 100) for _ in range(10))
    assert told == begin + b"1" * 1000


def test_ten_thousand_marks_in_one_piece() -> None:
    mark = Mark(SECRET)
    assert mark.strip(1, MARK * 10_000 + b"on") == b"on"
    assert mark.complete


@given(st.lists(st.integers(1, 30), max_size=30))
def test_an_heir_reads_nothing_of_the_executions_before(cuts: list[int]) -> None:
    first, own = (MARK.replace(SECRET.encode(), secret) for secret in (b"first", b"own"))
    left = b"one" + first + first + b"two" + MARK + b"two's errors" + MARK + b"new" + own + own
    mark, told = Mark("own", Before(SECRET)), b""
    for size in [*cuts, 1000]:
        chunk, left = left[:size], left[size:]
        told += mark.strip(0, chunk)
    assert (told, mark.complete) == (b"new", True)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("SIGTERM", 15),
        ("term", 15),
        ("2", 2),
        ("SIGRTMIN+3", 37),
        ("RTMIN+99", 64),
        ("0", 15),
        ("65", 15),
        ("TERM+x", 15),
        ("NO SUCH", 15),
        ("", 15),
    ],
)
def test_stop_signals_as_images_name_them(name: str, number: int) -> None:
    assert number_of(name) == number


# ---- how many --------------------------------------------------------------------------------


@pytest.fixture
def policy() -> WarmPolicy:
    return WarmPolicy(
        total=8,
        per_actor=4,
        idle=timedelta(seconds=60),
        ahead=timedelta(seconds=1),
        window=timedelta(seconds=10),
    )


def test_an_actor_that_is_expected_to_have_messages_has_one(policy: WarmPolicy) -> None:
    demand = Demand(policy)
    demand.note(0.0, message=False)
    assert demand.wanted(0.0) == 1


@pytest.mark.parametrize(("messages", "wanted"), [(1, 1), (9, 1), (10, 2), (25, 3), (500, 4)])
def test_more_wait_for_an_actor_that_has_many(
    policy: WarmPolicy, messages: int, wanted: int
) -> None:
    demand = Demand(policy)
    for number in range(messages):
        demand.note(number / messages)
    assert demand.wanted(1.0) == wanted
    assert demand.wanted(20.0) == 1, "what is past is past"


def test_an_idle_actor_has_none(policy: WarmPolicy) -> None:
    demand = Demand(policy, 3)
    demand.note(0.0)
    assert demand.wanted(59.9) == 3
    assert demand.wanted(60.0) == 0


@pytest.mark.parametrize(
    ("asked", "at_once", "wanted"), [(None, 1, 1), (None, 6, 6), (0, 6, 0), (3, 1, 3), (3, 20, 8)]
)
def test_containers_that_serve_many_are_as_many_as_run_at_once(
    policy: WarmPolicy, asked: int | None, at_once: int, wanted: int
) -> None:
    policy = replace(policy, reuse_idle=timedelta(seconds=7))
    demand = Demand(policy, asked, lasts=True, most_at_once=at_once)
    demand.note(0.0)
    assert demand.wanted(6.9) == wanted
    assert demand.wanted(7.0) == 0


@pytest.mark.parametrize(("asked", "wanted"), [(0, 0), (1, 1), (6, 6), (100, 8)])
def test_the_hint_says_how_many_up_to_the_limit(
    policy: WarmPolicy, asked: int, wanted: int
) -> None:
    demand = Demand(policy, asked)
    demand.note(0.0)
    assert demand.wanted(1.0) == wanted


@pytest.mark.parametrize(
    ("hints", "asked"),
    [
        ((), None),
        (("sync", "warm:3"), 3),
        (("warm:0",), 0),
        (("warm",), None),
        (("warm:many",), None),
        (("warm:-1",), None),
        (("warm:" + "9" * 5000,), 999_999_999),
    ],
)
def test_the_hint_warm(hints: tuple[str, ...], asked: int | None) -> None:
    assert warm_hint(hints) == asked
