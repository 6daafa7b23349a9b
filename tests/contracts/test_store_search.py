"""Search finds the same on every database, and what `model.search.holds` says."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection
from store_kit import NOW, SECOND, an_actor, an_execution, new_id

from abaco_jupyter.wire.codes import ExecutionStatus, Level, WorkerStatus
from abaco_server.model.actor import Actor
from abaco_server.model.search import (
    BadExpression,
    Condition,
    Kind,
    Operator,
    Query,
    TooMuchToSearch,
    Viewer,
    holds,
)
from abaco_server.model.worker import Worker
from abaco_server.service.search import parse
from abaco_server.store import Store, actors, executions, logs, permissions, workers
from abaco_server.store.searching import find, sifting

pytestmark = pytest.mark.asyncio

ANN = Viewer(username="ann", tenant="JUPYTER", now=NOW)
ACTORS = {
    "plain": an_actor(name="Zebra", description="counts words", hints=("sync", "big")),
    "none": an_actor(create_time=NOW + SECOND),
    "five": an_actor(name="5", max_workers=5, state={"n": 5, "deep": [{"x": True}, {"x": 1}]}),
    "text": an_actor(name="ärger words words", token=True, state="idle", privileged=True),
    "json": an_actor(name="a\0b", default_environment={"A": "zebra", "N": None}, hints=("5",)),
    "late": an_actor(create_time=NOW - timedelta(days=9), max_cpus=2**40, log_ex=7),
}
NAMES = {actor.id: name for name, actor in ACTORS.items()}


@pytest_asyncio.fixture
async def filled(store: Store) -> Store:
    def write(conn: Connection) -> None:
        for actor in ACTORS.values():
            actors.insert(conn, actor)
            permissions.set(conn, actor.id, "ann", Level.READ)

    await store.write(write)
    return store


async def ids(store: Store, given: dict[str, str], kind: Kind = Kind.ACTORS) -> list[str]:
    query = parse(given, "JUPYTER")
    found = await store.read(lambda conn: find(conn, kind, query, ANN))
    assert found.total == len(found.records)
    return [record.id for record in found.records]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "plain none five text json late"),
        ({"name": "Zebra"}, "plain"),
        ({"name": "zebra"}, ""),
        ({"name": "5"}, ""),  # looks for the number
        ({"name": '"5"'}, "five"),
        ({"name": "none"}, "none late"),
        ({"name.neq": "None"}, "plain five text json"),
        ({"name.neq": "Zebra"}, "none five text json late"),
        ({"name.in": '["Zebra", "5", null]'}, "plain none five late"),
        ({"name.nin": "['Zebra', '5', null]".replace("null", "'x'")}, "none text json late"),
        ({"name.nin": "[null]"}, "plain five text json"),
        ({"name.gt": "Zebra"}, "text json"),
        ({"name.lte": "Zebra"}, "plain five"),
        ({"name.like": "^[Z5]"}, "plain five"),
        ({"name.like": "ebr"}, "plain"),
        ({"name.like": "EBR"}, ""),
        ({"name.nlike": "^[Z5]"}, "none text json late"),
        ({"name.like": r"\bwords$"}, "text"),
        ({"name.like": "5"}, "five"),
        ({"maxWorkers": "5"}, "five"),
        ({"max_workers": "5.0"}, "five"),
        ({"max_workers.gt": "4.5"}, "five"),
        ({"max_workers.lt": "5.5"}, "five"),
        ({"max_workers.neq": "5"}, "plain none text json late"),
        ({"max_workers": '"5"'}, ""),
        ({"max_workers.like": "5"}, ""),
        ({"max_workers.nlike": "5"}, "plain none five text json late"),
        ({"max_cpus.gte": "1e9"}, "late"),
        ({"max_cpus.lt": str(10**30)}, "late"),
        ({"maxCpus.between": "0,2e12"}, "late"),
        ({"max_cpus.gte": "none"}, "plain none five text json"),
        ({"privileged": "TRUE"}, "text"),
        ({"privileged": "1"}, ""),
        ({"privileged.neq": "true"}, "plain none five json late"),
        ({"privileged.gt": "false"}, "text"),
        ({"token": "none"}, "plain none five json late"),
        ({"hints": "sync"}, "plain"),
        ({"hints": '["sync", "big"]'}, "plain"),
        ({"hints": '["big", "sync"]'}, ""),
        ({"hints.0": "sync"}, "plain"),
        ({"hints": "5"}, ""),
        ({"hints": "[]"}, "none five text late"),
        ({"hints.in": '["big", "x"]'}, "plain"),
        ({"hints.neq": "sync"}, "none five text json late"),
        ({"hints.like": "^b"}, "plain"),
        ({"state.n": "5"}, "five"),
        ({"state.n.gt": "4"}, "five"),
        ({"state.n": "none"}, "plain none text json late"),
        ({"state": "idle"}, "text"),
        ({"state.deep.x": "true"}, "five"),
        ({"state.deep.1.x": "true"}, ""),
        ({"state.deep.1.x": "1"}, "five"),
        ({"defaultEnvironment.A": "zebra"}, "json"),
        ({"default_environment.N": "none"}, "plain none five text json late"),
        ({"defaultEnvironment.A.neq": "none"}, "json"),
        ({"offset": "5"}, ""),
        ({"offset": "none"}, "plain none five text json late"),
        ({"offset.neq": "5"}, "plain none five text json late"),
        ({"offset.like": "."}, ""),
        ({"name.below": "x"}, ""),
        ({"name.below": "none"}, "plain none five text json late"),
        ({"create_time": "2026-11-21T17:18:35.464Z"}, "plain five text json"),
        ({"create_time.neq": "2026-11-21T17:18:35.464Z"}, "none late"),
        ({"create_time.gt": "2026-11-21T17:18:35.464"}, "none"),
        ({"create_time.gte": "2026-11-21T18:18:35.464+01:00"}, "plain none five text json"),
        ({"createTime.lt": "2026-11-21"}, "late"),
        ({"createTime.lte": "2026-11-21T17:18:35.464"}, "plain five text json late"),
        ({"create_time.between": "2026-11-01,2026-11-20"}, "late"),
        ({"create_time.in": "['2026-11-21T17:18:36.464']"}, "none"),
        ({"create_time.lt": "9999-12-31T23:59:59.999999"}, "plain none five text json late"),
        ({"status": "SUBMITTED", "max_workers": "5"}, "five"),
        ({"status": "NO SUCH STATUS"}, ""),
        ({"status.like": "MITT"}, "plain none five text json late"),
        ({"exactsearch": "counts WORDS"}, "plain"),
        ({"exactsearch": "words", "name.like": "ä"}, "text"),
        # `search` orders and does not filter.
        ({"search": "words"}, "text plain none five json late"),
        ({"search": "WORDS counts"}, "plain text none five json late"),
        ({"search": "words", "exactsearch": "words"}, "text plain"),
        ({"tenant": "JUPYTER", "owner": "ann"}, "plain none five text json late"),
        ({"': DROP TABLE actors": "x' OR 1=1 --"}, ""),
        ({"name": "x' OR '1'='1"}, ""),
        ({"name": "a\0b"}, "json"),
    ],
)
async def test_what_each_condition_finds(
    filled: Store, given: dict[str, str], expected: str
) -> None:
    found = [NAMES[actor_id] for actor_id in await ids(filled, given)]
    assert found == expected.split()


VALUES: tuple[Any, ...] = (None, True, 5, 5.5, 2**70, "Zebra", "", "5", NOW, ["sync"], {"n": 5})
BOUNDS = (5, 5.5, 2**70, NOW)


@pytest.mark.parametrize("asked", [op for op in Operator if op not in ("like", "nlike")])
async def test_sql_says_what_the_model_says(filled: Store, asked: Operator) -> None:
    """Every field of an actor against values of every kind."""

    def read(conn: Connection) -> list[str]:
        wrong = []
        for name in [field.name for field in fields(Actor)]:
            for value in BOUNDS if asked is Operator.BETWEEN else VALUES:
                given = [value] if asked in ("in", "nin") else value
                given = [value, value] if asked is Operator.BETWEEN else given
                condition = Condition(field=name, operator=asked, value=given)
                found = find(conn, Kind.ACTORS, Query(conditions=(condition,)), ANN).records
                expected = [
                    actor.id
                    for actor in ACTORS.values()
                    if holds(condition, stored(actor, name), lambda _: False)
                ]
                if [actor.id for actor in found] != expected:  # type: ignore[union-attr]
                    wrong.append(f"{name}.{asked}={value!r}")
        return wrong

    assert await filled.read(read) == []


def stored(actor: Actor, name: str) -> Any:
    value = getattr(actor, name)
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    return list(value) if isinstance(value, tuple) else value


async def test_pages_and_counts(filled: Store) -> None:
    every = await ids(filled, {})
    for given in ({}, {"search": "words", "name.nlike": "(no)"}):
        whole = await ids(filled, given)
        for skip, limit in ((0, 0), (0, 2), (2, 3), (5, 9), (6, 1), (2**62, 2**62)):
            query = replace(parse(given, "JUPYTER"), skip=skip, limit=limit)
            found = await filled.read(lambda conn, query=query: find(conn, Kind.ACTORS, query, ANN))
            assert found.total == len(every)
            page = [actor.id for actor in found.records]  # type: ignore[union-attr]
            assert page == whole[skip : skip + limit]


async def test_only_what_one_may_read(store: Store) -> None:
    levels = {
        "mine": ("ann", Level.READ),
        "more": ("ann", Level.UPDATE),
        "nothing": ("ann", Level.NONE),
        "everybody's": ("ABACO_WORLD", Level.EXECUTE),
        "nobody's": ("ABACO_WORLD", Level.NONE),
        "his": ("bob", Level.UPDATE),
        "elsewhere": ("ann", Level.UPDATE),
    }
    made = {name: an_actor(owner="bob") for name in levels}
    made["elsewhere"] = an_actor(tenant="OTHER")
    run = {name: an_execution(actor.id, tenant=actor.tenant) for name, actor in made.items()}

    def write(conn: Connection) -> None:
        for name, (user, level) in levels.items():
            actors.insert(conn, made[name])
            permissions.set(conn, made[name].id, user, level)
            worker = a_worker(made[name])
            workers.insert(conn, worker)
            logs.put(conn, run[name].id, made[name].id, name, NOW + SECOND)
        executions.insert_many(conn, list(run.values()))
        # Both entries let her: she still sees it once.
        permissions.set(conn, made["mine"].id, "ABACO_WORLD", Level.READ)

    await store.write(write)
    allowed = ["mine", "more", "everybody's"]
    assert await ids(store, {}) == [made[name].id for name in allowed]
    assert await ids(store, {}, Kind.EXECUTIONS) == [run[name].id for name in allowed]
    of = {record.actor_id for record in await records(store, Kind.WORKERS, {})}
    assert of == {made[name].id for name in allowed}
    assert [log.text for log in await records(store, Kind.LOGS, {})] == allowed


async def test_executions_by_how_they_ended(filled: Store) -> None:
    actor = ACTORS["plain"]
    ended = [an_execution(actor.id, status=ExecutionStatus.SUBMITTED) for _ in range(4)]
    state = {"ExitCode": 137, "OOMKilled": True, "StartedAt": "2026-11-21T17:18:35.464052123Z"}

    def write(conn: Connection) -> None:
        executions.insert_many(conn, ended)
        executions.complete(conn, ended[0].id, exit_code=0, runtime=3, finish_time=NOW)
        executions.complete(conn, ended[1].id, exit_code=137, final_state=state)
        executions.complete(conn, ended[2].id, exit_code="undetermined")

    await filled.write(write)

    async def which(**given: str) -> list[int]:
        given = {key.replace("__", "."): value for key, value in given.items()}
        found = await ids(filled, given, Kind.EXECUTIONS)
        return [[one.id for one in ended].index(one) for one in found]

    assert await which(exitCode="0") == [0]
    assert await which(exit_code__neq="0") == [1, 2, 3]
    assert await which(exit_code__gt="0") == [1]
    assert await which(exit_code="undetermined") == [2]
    assert await which(exit_code="none") == [3]
    assert await which(exit_code__in="[0, 137, null]") == [0, 1, 3]
    assert await which(exit_code__like="unde") == [2]
    assert await which(finalState__OOMKilled="true") == [1]
    assert await which(final_state__StartedAt__gt="2026-11-21T17:18:35.463") == [1]
    assert await which(final_state__StartedAt="2026-11-21T17:18:35.464") == [1]
    assert await which(final_state__StartedAt__gt="2026-11-21T17:18:35.464") == []
    assert await which(finish_time__gt="2026-11-21") == [0]
    assert await which(finish_time__gt="2026") == []
    assert await which(runtime__between="2,4") == [0]
    assert await which(actorId=f"JUPYTER_{actor.id}") == [0, 1, 2, 3]
    # What only we know is nothing that one searches by.
    assert await which(reason="none") == [0, 1, 2, 3]


async def test_logs_until_they_expire(filled: Store) -> None:
    actor = ACTORS["plain"]
    runs = [an_execution(actor.id) for _ in range(3)]

    def write(conn: Connection) -> None:
        executions.insert_many(conn, runs)
        # Written in another order than they ran.
        logs.put(conn, runs[1].id, actor.id, "nul \0, Zebra zebra", NOW + SECOND)
        logs.put(conn, runs[0].id, actor.id, "one zebra", NOW + SECOND)
        logs.put(conn, runs[2].id, actor.id, "zebra", NOW)

    await filled.write(write)

    async def texts(given: dict[str, str]) -> list[str]:
        return [log.text for log in await records(filled, Kind.LOGS, given)]

    one, two = "one zebra", "nul \0, Zebra zebra"
    assert await texts({}) == [one, two]
    assert await texts({"search": "zebra"}) == [two, one]
    assert await texts({"exactsearch": "ONE"}) == [one]
    assert await texts({"logs.like": "^nul .,"}) == [two]
    assert await texts({"logs": "one zebra"}) == [one]
    assert await texts({"_id": runs[0].id}) == [one]
    assert await texts({"logs.neq": "one zebra"}) == [two]
    owners = {log.owner for log in await records(filled, Kind.LOGS, {})}
    assert owners == {"ann"}


async def test_a_regular_expression_cannot_hold_anybody_up(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sifting, "PATIENCE", 1.0)
    victim = an_actor(name="a" * 60 + "!")

    def write(conn: Connection) -> None:
        actors.insert(conn, victim)
        permissions.set(conn, victim.id, "ann", Level.READ)

    await filled.write(write)
    with pytest.raises(TooMuchToSearch, match="took too long"):
        await ids(filled, {"name.like": "^(a+)+$"})


@pytest.mark.parametrize("pattern", ["(", "[", "*a", "(?P<", "a{2,1}", "(" * 900])
async def test_an_expression_that_is_none(filled: Store, pattern: str) -> None:
    with pytest.raises(BadExpression):
        await ids(filled, {"name.like": pattern})


async def test_there_is_an_end_to_what_is_looked_at(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sifting, "MOST", 6)
    assert len(await ids(filled, {"search": "x"})) == 6
    monkeypatch.setattr(sifting, "MOST", 5)
    with pytest.raises(TooMuchToSearch, match="more than 5 records"):
        await ids(filled, {"search": "x"})
    # What SQL answers alone has no such end, and conditions count before it.
    assert len(await ids(filled, {})) == 6
    assert len(await ids(filled, {"search": "x", "max_workers": "5"})) == 1


async def records(store: Store, kind: Kind, given: dict[str, str]) -> list[Any]:
    query = parse(given, "JUPYTER")
    return list((await store.read(lambda conn: find(conn, kind, query, ANN))).records)


def a_worker(actor: Actor) -> Worker:
    return Worker(
        id=new_id("w"),
        actor_id=actor.id,
        tenant=actor.tenant,
        status=WorkerStatus.READY,
        create_time=NOW,
    )
