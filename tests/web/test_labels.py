"""Time limit, label and retry of a batch; finding executions by their label; reading results."""

from datetime import timedelta

import pytest

from abaco_jupyter.wire import paths
from abaco_jupyter.wire.options import CallOptions, limit_of
from abaco_server import queue
from abaco_server.store import results
from abaco_server.workers.context import time_limit

pytestmark = pytest.mark.asyncio


async def sent(place, actor: str, messages: list, **query: str) -> list[str]:
    path = paths.batch(actor) + "?" + "&".join(f"{k}={v}" for k, v in query.items())
    answer = await place.api("POST", path, messages)
    assert answer.status == 200, answer.message
    return answer.result["executionIds"]


async def labelled(place, actor: str, label: str, **query: object) -> list[dict]:
    asked = "&".join(f"{k}={v}" for k, v in ({"label": label} | query).items())
    answer = await place.api("GET", f"{paths.newest_executions(actor)}?{asked}")
    assert answer.status == 200, answer.message
    return answer.result["executions"]


async def test_executions_are_found_by_their_label_oldest_first(place) -> None:
    actor, other = await place.actor(), await place.actor()
    first = await sent(place, actor, ["a", "b"], label="sweep")
    await sent(place, actor, ["c"])
    await sent(place, other, ["d"], label="sweep")
    again = await sent(place, actor, ["a"], label="sweep", retryOf=first[0])
    found = await labelled(place, actor, "sweep")
    assert [one["id"] for one in found] == [*first, *again]
    assert [one.get("retryOf") for one in found] == [None, None, first[0]]
    page = await labelled(place, actor, "sweep", limit=1, after=first[0])
    assert [one["id"] for one in page] == [first[1]]
    assert await labelled(place, actor, "swee") == []


async def test_a_time_limit_travels_with_its_message(place) -> None:
    actor = await place.actor()
    await sent(place, actor, ["a"], timeout="2.5")
    now = place.clock.now()
    lease = await place.service.desk.store.write(
        lambda conn: queue.lease(conn, actor, "w", now, timedelta(minutes=1), exclusive=False)
    )
    own = timedelta(seconds=2.5)
    assert time_limit(lease.message, None) == own
    assert time_limit(lease.message, timedelta(hours=1)) == own
    assert time_limit(lease.message, timedelta(seconds=1)) == timedelta(seconds=1)


@pytest.mark.parametrize("seconds", ["", "-1", "0", "nan", "inf", "soon", None, 10**400])
async def test_what_is_no_time_limit_limits_nothing(seconds: object) -> None:
    assert limit_of({"_abaco_timeout": seconds}) is None


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("timeout=x", "timeout must be a number of seconds, not 'x'"),
        ("timeout=0", "more than 0 and at most 10000000 seconds, not 0.0"),
        ("timeout=nan", "not nan"),
        ("label=", "1 to 200 printable characters; '' has 0"),
        ("label=" + "x" * 201, "has 201"),
        ("label=a%00b", "printable"),
        ("retryOf=me", "'me' cannot be the id of an execution"),
    ],
)
async def test_options_that_make_no_sense_are_refused(place, query: str, says: str) -> None:
    actor = await place.actor()
    answer = await place.api("POST", f"{paths.batch(actor)}?{query}", ["a"])
    assert answer.status == 400
    assert says in answer.message


async def test_results_are_read_as_often_as_one_likes(place) -> None:
    actor = await place.actor()
    (execution,) = await sent(place, actor, ["a"], label="x")
    later, large = place.clock.now() + timedelta(hours=1), b"\x00" * 100_000
    store = place.service.desk.store
    async with store.keeping(large) as kept:
        await store.write(lambda conn: results.add(conn, execution, "1", b"one", later))
        await store.write(lambda conn: results.add(conn, execution, "2", kept, later))
    first, second = (paths.kept_result(actor, execution, number) for number in (0, 1))
    for _ in range(2):
        assert (await place.api("GET", first)).body == b"one"
        assert (await place.api("GET", second)).body == large
    assert (await place.api("GET", paths.results(actor, execution))).body == b"one"
    assert (await place.api("GET", first)).body == large
    assert (await place.api("GET", paths.results(actor, execution))).body == large
    assert (await place.api("GET", first)).status == 404


async def test_options_say_the_same_at_both_ends() -> None:
    options = CallOptions(timeout=1.5, label="a b", retry_of="A" * 13)
    assert CallOptions.of_query(options.query) == options
    assert limit_of(options.environment) == 1.5
