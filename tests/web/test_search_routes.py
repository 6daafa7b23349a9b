"""Search by query parameters and under `/actors/v2/search` (abaco-api.md, section 13)."""

from datetime import timedelta

import pytest
from test_envelope import is_failure

from abaco_jupyter.wire.codes import WorkerStatus
from abaco_server.model.worker import Worker
from abaco_server.service.search import BAD_TIME, NO_BOUND, NOT_TWO, UNKNOWN
from abaco_server.store import executions, logs, workers

pytestmark = pytest.mark.asyncio

SEARCH = "/actors/v2/search"


async def found(place, path: str, message: str = "Search completed successfully."):
    answer = await place.api("GET", path)
    assert (answer.status, answer.message) == (200, message), answer.body
    assert list(answer.result) == ["_metadata", "search"]
    return answer.result


async def with_log(place, actor_id: str, text: str) -> str:
    execution_id = await place.execution(actor_id)
    expires = place.clock.now() + timedelta(hours=1)

    def write(conn) -> None:
        executions.complete(conn, execution_id, exit_code=0, finish_time=place.clock.now())
        logs.put(conn, execution_id, actor_id, text, expires)

    await place.service.desk.store.write(write)
    return execution_id


async def test_an_actor_as_it_is_found(place) -> None:
    actor_id = await place.actor(name="finder", hints=["a"])
    for kind in ("actors", "ACTORS", "Actors"):
        answer = await found(place, f"{SEARCH}/{kind}?name=finder")
        assert answer["_metadata"] == {
            "totalCount": 1,
            "countReturned": 1,
            "recordLimit": 100,
            "recordsSkipped": 0,
        }
    record = answer["search"][0]
    single = (await place.api("GET", f"/actors/v2/{actor_id}")).result
    assert {name: record[name] for name in single} == single
    nulls = {name for name in record if name not in single}
    assert {"maxWorkers", "logEx", "memLimit", "cronSchedule", "uid"} <= nulls
    assert all(record[name] is None for name in nulls)
    assert not {"tenant", "apiServer", "dbId", "permissions", "executions"} & set(record)
    assert set(record["_links"]) == {"self", "owner", "executions"}


async def test_an_execution_as_it_is_found(place) -> None:
    actor_id = await place.actor()
    execution_id = await place.execution(actor_id)
    record = (await found(place, f"{SEARCH}/executions"))["search"][0]
    root = place.api.root
    assert record == {
        "id": execution_id,
        "actorId": actor_id,
        "executor": "ada",
        "status": "SUBMITTED",
        "messageReceivedTime": "2026-11-21T17:18:35.464Z",
        "runtime": 0,
        "cpu": 0,
        "io": 0,
        "workerId": None,
        "startTime": None,
        "finishTime": None,
        "exitCode": None,
        "finalState": None,
        "_links": {
            "self": f"{root}/actors/v2/{actor_id}/executions/{execution_id}",
            "owner": f"{root}/profiles/v2/ada",
            "logs": f"{root}/actors/v2/{actor_id}/executions/{execution_id}/logs",
        },
    }


async def test_a_worker_as_it_is_found(place) -> None:
    actor_id = await place.actor()
    worker = Worker(
        id="w",
        actor_id=actor_id,
        tenant="DEV",
        status=WorkerStatus.REQUESTED,
        create_time=place.clock.now(),
    )
    await place.service.desk.store.write(lambda conn: workers.insert(conn, worker))
    record = (await found(place, f"{SEARCH}/workers?status=REQUESTED"))["search"][0]
    assert record == {
        "id": "w",
        "actorId": actor_id,
        "status": "REQUESTED",
        "createTime": "2026-11-21T17:18:35.464Z",
        "lastExecutionTime": 0,
        "lastHealthCheckTime": None,
        **dict.fromkeys(("chName", "image", "location", "cid", "hostId", "hostIp")),
    }
    path = f"/actors/v2/{actor_id}/workers?status=BUSY"
    message = "Workers search completed successfully."
    assert (await found(place, path, message))["search"] == []


async def test_a_log_as_it_is_found(place) -> None:
    actor_id = await place.actor()
    execution_id = await with_log(place, actor_id, "what was said")
    other = await with_log(place, actor_id, "something else")
    root = f"{place.api.root}/actors/v2/{actor_id}/executions/{execution_id}"
    record = {
        "logs": "what was said",
        "_links": {
            "self": f"{root}/logs",
            "owner": f"{place.api.root}/profiles/v2/ada",
            "execution": root,
        },
    }
    assert (await found(place, f"{SEARCH}/logs?exactsearch=Was%20Said"))["search"] == [record]
    path = f"/actors/v2/{actor_id}/executions/{{}}/logs?logs.like=s.i"
    message = "Log search completed successfully."
    assert (await found(place, path.format(execution_id), message))["search"] == [record]
    assert (await found(place, path.format(other), message))["search"] == []


async def test_any_parameter_makes_a_list_a_search(place) -> None:
    actor_id, other = await place.actor(), await place.actor()
    execution_id = await place.execution(actor_id)
    await place.execution(other)
    path, message = f"/actors/v2/{actor_id}/executions", "Executions search completed successfully."
    page = await found(place, f"{path}?limit=5", message)
    assert [one["id"] for one in page["search"]] == [execution_id]
    assert page["_metadata"]["recordLimit"] == 5
    # By id only: an alias is a name that no execution's actor has.
    alias = {"alias": "counter", "actorId": actor_id}
    assert (await place.api("POST", "/actors/v2/aliases", alias)).status == 200
    by_alias = await found(place, "/actors/v2/counter/executions?limit=5", message)
    assert by_alias["search"] == []
    # Nobody gets to another actor's executions this way.
    elsewhere = await found(place, f"{path}?actor_id={other}", message)
    assert elsewhere["search"] == []
    actors = await found(place, "/actors/v2?skip=1", "Actors search completed successfully.")
    assert [one["id"] for one in actors["search"]] == [other]
    for lone in ("", "?pretty=true", "?_xsrf=x"):
        listed = await place.api("GET", f"/actors/v2{lone}")
        assert listed.message == "Actors retrieved successfully."


async def test_limit_and_skip(place) -> None:
    ids = [await place.actor() for _ in range(3)]
    for query, expected in (
        ("limit=0", []),
        ("limit=2", ids[:2]),
        ("skip=2&limit=2", ids[2:]),
        ("skip=9", []),
        ("limit=1&limit=9", ids[:1]),
        ("offset=1", []),
    ):
        page = await found(place, f"{SEARCH}/actors?{query}")
        assert [one["id"] for one in page["search"]] == expected
        assert page["_metadata"]["countReturned"] == len(expected)
    huge = await found(place, f"{SEARCH}/actors?limit={10**30}&skip={10**30}")
    assert huge["_metadata"]["recordLimit"] == 10_000


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("limit=x", 'Inputted "limit" paramater must be an int. Received: x'),
        ("limit=1.5", 'Inputted "limit" paramater must be an int. Received: 1.5'),
        ("limit=", 'Inputted "limit" paramater must be an int. Received: '),
        ("limit=-1", 'Inputted "limit" must be positive. Received: -1'),
        ("skip=x", 'Inputted "skip" paramater must be an int. Received: x'),
        ("skip=-1", 'Inputted "skip" must be positive. Received: -1'),
        (f"skip={'9' * 5000}", f'Inputted "skip" paramater must be an int. Received: {"9" * 5000}'),
        ("io.between=20", NOT_TWO),
        ("io.between=1,2,3", NOT_TWO),
        ("io.between=a,b", NO_BOUND),
        ("create_time.between=2026,b", NO_BOUND),
        ("create_time.between=5,6", NO_BOUND),
        ("create_time=yesterday", BAD_TIME),
        ("createTime.gt=2026-13", BAD_TIME),
        ("last_update_time.lt=0000", BAD_TIME),
        ("final_state.StartedAt.gt=x", BAD_TIME),
        ("start_time.in=['x']", BAD_TIME),
    ],
)
async def test_what_is_refused_with_the_reference_s_text(place, query: str, text: str) -> None:
    is_failure(await place.api("GET", f"{SEARCH}/executions?{query}"), 400, text)
    is_failure(await place.api("GET", f"/actors/v2?{query}"), 400, text)


@pytest.mark.parametrize(
    ("query", "start"),
    [
        ("name.in=x", "The value given to .in must be a JSON list of at most 500 values"),
        ("name.nin={}", "The value given to .nin must be a JSON list of at most 500 values"),
        (f"name.in=[{'1,' * 500}1]", "The value given to .in must be a JSON list of at most 500"),
        ("name.like=(", "The regular expression of this search is invalid: "),
        (f"name.like={'a' * 1001}", "A regular expression has at most 1000 characters"),
        ("&".join(f"a{n}=1" for n in range(101)), "A search has at most 100 conditions"),
    ],
)
async def test_what_we_refuse_of_our_own(place, query: str, start: str) -> None:
    await place.actor(name="x")
    answer = await place.api("GET", f"{SEARCH}/actors?{query}")
    assert answer.status == 400
    assert answer.message.startswith(start)


@pytest.mark.parametrize("kind", ["nonces", "state", "actors%20", "%2A"])
async def test_an_unknown_type(place, kind: str) -> None:
    is_failure(await place.api("GET", f"{SEARCH}/{kind}"), 400, UNKNOWN)


async def test_bad_input_is_never_a_500(place) -> None:
    await place.actor(name="x", state={"a": 1})
    values = ("", "%00", "%FF", "nan", "1e999", "[", "[[[", "9" * 400, "{}", '"\\ud800"', "'", "%")
    for key in ("name", "state", "state.a", "max_workers", "privileged", "hints", "", ".", "a..b"):
        for asked in ("", ".gt", ".like", ".neq"):
            for value in values:
                answer = await place.api("GET", f"{SEARCH}/actors?{key}{asked}={value}")
                assert answer.status in (200, 400), (key, asked, value, answer.body)
    for value in ('["\\ud800"]', "[[]]", "[{}]", "[null]", "[1e400]", "[" * 3000):
        answer = await place.api("GET", f"{SEARCH}/actors?name.in={value}")
        assert answer.status in (200, 400), (value, answer.body)


async def test_what_one_may_not_read_is_not_found(place) -> None:
    actor_id = await place.actor(name="secret")
    await place.execution(actor_id)
    bob = place.as_user("bob")
    assert (await bob("GET", f"{SEARCH}/actors")).result["search"] == []
    is_failure(
        await bob("GET", f"/actors/v2/{actor_id}/executions?limit=5"),
        400,
        "Not authorized -- you do not have access to this actor.",
    )
    his = (await bob("POST", "/actors/v2", {"image": "x"})).result["id"]
    # An admin sees no more than what there is an entry for.
    mine = await found(place, f"{SEARCH}/actors")
    assert [one["id"] for one in mine["search"]] == [actor_id]
    world = {"user": "ABACO_WORLD", "level": "READ"}
    await place.api("POST", f"/actors/v2/{actor_id}/permissions", world)
    seen = (await bob("GET", f"{SEARCH}/actors")).result["search"]
    assert [one["id"] for one in seen] == [actor_id, his]


async def test_a_nonce_may_search_below_its_actor(place) -> None:
    actor_id = await place.actor()
    execution_id = await place.execution(actor_id)
    made = await place.api("POST", f"/actors/v2/{actor_id}/nonces", {"level": "READ"})
    query = f"x-nonce={made.result['id']}"
    path = f"/actors/v2/{actor_id}/executions"
    lone = await place.api("GET", f"{path}?{query}", token=None)
    assert lone.message == "Actor executions retrieved successfully."
    sought = await place.api("GET", f"{path}?{query}&status=SUBMITTED", token=None)
    assert [one["id"] for one in sought.result["search"]] == [execution_id]


async def test_an_alias_named_like_a_fixed_path_is_made_but_the_path_wins(place) -> None:
    """As in the reference; but no name is taken for a fixed path that only contains one."""
    actor_id = await place.actor()
    for name in ("search", "my-admin-tool", "aliases-of-mine"):
        alias = {"alias": name, "actorId": actor_id}
        assert (await place.api("POST", "/actors/v2/aliases", alias)).status == 200
    for name in ("my-admin-tool", "aliases-of-mine", "search"):
        shown = await place.api("GET", f"/actors/v2/{name}")
        assert (shown.status, shown.result["id"]) == (200, actor_id)
    is_failure(await place.api("GET", "/actors/v2/search/messages"), 400, UNKNOWN)
