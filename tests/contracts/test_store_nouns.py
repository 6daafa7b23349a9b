"""Each noun of the store, on every database."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection
from store_kit import NOW, SECOND, an_actor, an_execution, new_id

from abaco_jupyter.wire.codes import (
    ActorStatus,
    BuildStatus,
    EventType,
    ExecutionStatus,
    Level,
    WorkerStatus,
)
from abaco_server.model.actor import Mount
from abaco_server.model.build import Build
from abaco_server.model.event import Event
from abaco_server.model.execution import Totals
from abaco_server.model.worker import Worker
from abaco_server.store import (
    Store,
    actors,
    builds,
    counters,
    executions,
    logs,
    outbox,
    permissions,
    results,
    workers,
)

pytestmark = pytest.mark.asyncio


async def test_an_actor_comes_back_as_it_was(store: Store) -> None:
    actor = an_actor(
        name="Jürgen 🐙",
        description="a\0b",
        token=True,
        hints=("sync", "x"),
        max_workers=3,
        max_cpus=10**10,
        mem_limit="200m",
        default_environment={"a": [1, None, {"b": "ü"}]},
        log_ex=60,
        state={"x": [1, None, True]},
        mounts=(Mount(host_path="/a", container_path="/b", mode="rw"),),
        uid=1000,
        gid=2**40,
        status_message=" ",
    )
    await store.write(lambda conn: actors.insert(conn, actor))
    there = replace(actor, description="a\ufffdb")
    assert await store.read(lambda conn: actors.get(conn, "JUPYTER", actor.id)) == there
    assert await store.read(lambda conn: actors.get_any(conn, actor.id)) == there
    assert await store.read(lambda conn: actors.get(conn, "OTHER", actor.id)) is None


async def test_replace_writes_what_a_put_may_change(store: Store) -> None:
    actor = an_actor()
    changed = replace(
        actor,
        image="other",
        revision=2,
        state={},
        hints=("h",),
        last_update_time=NOW + SECOND,
        status=ActorStatus.ERROR,
        owner="mallory",
    )

    def work(conn: Connection) -> object:
        actors.insert(conn, actor)
        assert actors.replace(conn, changed)
        assert not actors.replace(conn, replace(changed, tenant="OTHER"))
        return actors.get_any(conn, actor.id)

    kept = replace(changed, status=ActorStatus.SUBMITTED, owner="ann")
    assert await store.write(work) == kept


async def test_an_actors_status_goes_by_the_table(store: Store) -> None:
    actor = an_actor()

    def to(conn: Connection, status: ActorStatus, message: str | None = None) -> bool:
        return actors.set_status(conn, actor.id, status, message)

    def work(conn: Connection) -> object:
        actors.insert(conn, actor)
        assert to(conn, ActorStatus.READY, " ")
        assert to(conn, ActorStatus.READY, "again")
        assert to(conn, ActorStatus.SHUTTING_DOWN)
        assert not to(conn, ActorStatus.READY)
        return actors.get_any(conn, actor.id)

    assert await store.write(work) == replace(
        actor, status=ActorStatus.SHUTTING_DOWN, status_message=None
    )


async def test_actors_are_listed_for_who_may_read_them(store: Store) -> None:
    mine, read, none, world, other, foreign = (
        an_actor(owner="ann"),
        *(an_actor(owner="bob") for _ in range(4)),
        an_actor(owner="ann", tenant="OTHER"),
    )

    def work(conn: Connection) -> list[str]:
        for actor in (mine, read, none, world, other, foreign):
            actors.insert(conn, actor)
        permissions.set(conn, read.id, "ann", Level.READ)
        permissions.set(conn, none.id, "ann", Level.NONE)
        permissions.set(conn, world.id, actors.WORLD, Level.UPDATE)
        permissions.set(conn, other.id, "carl", Level.UPDATE)
        return [actor.id for actor in actors.owned_or_shared(conn, "JUPYTER", "ann")]

    assert await store.write(work) == [mine.id, read.id, world.id]


async def test_permissions_keep_the_order_of_naming(store: Store) -> None:
    def work(conn: Connection) -> None:
        for user in ("zoe", "ann", "bob"):
            permissions.set(conn, "a", user, Level.READ)
        permissions.set(conn, "a", "ann", Level.NONE)
        permissions.set(conn, "b", "ann", Level.UPDATE)
        assert list(permissions.all(conn, "a").items()) == [
            ("zoe", Level.READ),
            ("ann", Level.NONE),
            ("bob", Level.READ),
        ]
        assert permissions.get(conn, "a", "ann") is Level.NONE
        assert permissions.get(conn, "a", "nobody") is None
        permissions.delete_all(conn, "a")
        assert permissions.all(conn, "a") == {}
        assert permissions.get(conn, "b", "ann") is Level.UPDATE

    await store.write(work)


async def test_executions_are_paged_oldest_first(store: Store) -> None:
    mine = [an_execution("a") for _ in range(700)]

    def work(conn: Connection) -> None:
        executions.insert_many(conn, [e for m in mine for e in (m, an_execution("b"))])
        first = executions.page(conn, "a", limit=300)
        rest = executions.page(conn, "a", after_seq=first[-1][0])
        assert [e for _, e in first + rest] == mine
        assert executions.newest(conn, "a", 3) == mine[-1:-4:-1]
        assert executions.get(conn, "a", mine[5].id) == mine[5]
        assert executions.get(conn, "b", mine[5].id) is None
        assert actors.totals(conn, "a") == Totals(executions=700)
        assert actors.totals(conn, "nobody") == Totals()

    await store.write(work)


async def test_an_execution_comes_back_as_it_was(store: Store) -> None:
    execution = an_execution(
        "a",
        worker_id="w",
        start_time=NOW + SECOND,
        finish_time=NOW + 2 * SECOND,
        status=ExecutionStatus.COMPLETE,
        runtime=1,
        cpu=2**60,
        io=3,
        exit_code="undetermined",
        final_state={"Pid": 0},
        reason="r",
        exception={"type": "\0"},
        taken_time=NOW,
        peak_memory=2**40,
    )
    await store.write(lambda conn: executions.insert_many(conn, [execution]))
    assert await store.read(lambda conn: executions.get(conn, "a", execution.id)) == execution


async def test_the_life_of_an_execution(store: Store) -> None:
    one = an_execution("a")

    def work(conn: Connection) -> None:
        executions.insert_many(conn, [one])
        assert executions.set_worker(conn, one.id, "w", NOW)
        assert not executions.back_to_submitted(conn, one.id)
        assert executions.start(conn, one.id, NOW + SECOND)
        assert not executions.start(conn, one.id, NOW + 2 * SECOND)
        assert [e.id for e in executions.running(conn, "a")] == [one.id]
        assert executions.back_to_submitted(conn, one.id)
        assert executions.get(conn, "a", one.id) == one
        assert executions.start(conn, one.id, NOW + SECOND)
        assert executions.complete(conn, one.id, cpu=5, io=6, runtime=7, exit_code=0)
        assert not executions.fail(conn, one.id, "late", NOW)
        assert not executions.start(conn, one.id, NOW)
        assert executions.running(conn, "a") == []
        assert actors.totals(conn, "a") == Totals(executions=1, cpu=5, io=6, runtime=7)
        with pytest.raises(ValueError, match="not the end"):
            executions.end(conn, one.id, status=ExecutionStatus.RUNNING)

    await store.write(work)


async def test_logs_until_they_expire(store: Store) -> None:
    def work(conn: Connection) -> None:
        logs.put(conn, "e", "a", "nul \0 and ü", NOW + SECOND)
        logs.put(conn, "e", "a", "nul \0 and 🐙", NOW + 2 * SECOND)
        logs.put(conn, "f", "b", "other", NOW + 9 * SECOND)
        assert logs.get(conn, "e", NOW + SECOND) == "nul \0 and 🐙"
        assert logs.get(conn, "e", NOW + 2 * SECOND) == ""
        assert logs.get(conn, "nothing", NOW) == ""
        assert logs.delete_expired(conn, NOW + 2 * SECOND) == 1
        assert logs.delete_of_actor(conn, "a") == 0
        assert logs.delete_of_actor(conn, "b") == 1

    await store.write(work)


async def test_a_logs_lifetime_is_the_actors_up_to_a_limit() -> None:
    assert logs.lifetime(None) == timedelta(seconds=43_200)
    assert logs.lifetime(60) == timedelta(seconds=60)
    assert logs.lifetime(10**30) == timedelta(seconds=86_400)
    assert logs.lifetime(-(10**30)) == timedelta(0)
    shorter = {"default": timedelta(seconds=5), "most": timedelta(seconds=50)}
    assert logs.lifetime(None, **shorter) == timedelta(seconds=5)
    assert logs.lifetime(60, **shorter) == timedelta(seconds=50)


async def test_results_are_popped_oldest_first_and_never_told_twice(store: Store) -> None:
    later = NOW + 60 * SECOND
    execution = an_execution("a")

    def work(conn: Connection) -> None:
        executions.insert_many(conn, [execution])
        assert results.add(conn, execution.id, "1", b"", later)
        assert results.add(conn, execution.id, "2", b"two", later)
        assert not results.add(conn, execution.id, "1", b"again", later)
        assert results.pop(conn, execution.id, NOW) == ("1", b"")
        assert not results.add(conn, execution.id, "1", b"again", later)
        assert results.pop(conn, execution.id, later) is None
        assert results.pop(conn, "other", NOW) is None
        assert results.delete_expired(conn, later) == 0
        assert not results.add(conn, execution.id, "2", b"again", later)
        assert executions.complete(conn, execution.id)
        assert results.delete_expired(conn, later) == 2

    await store.write(work)


async def test_workers_go_by_the_table(store: Store) -> None:
    worker = Worker(
        id=new_id("w"),
        actor_id="a",
        tenant="T",
        status=WorkerStatus.REQUESTED,
        create_time=NOW,
    )

    def work(conn: Connection) -> None:
        workers.insert(conn, worker)
        assert not workers.set_status(conn, worker.id, WorkerStatus.READY)
        assert workers.set_status(conn, worker.id, WorkerStatus.SPAWNER_SETUP, image="i")
        assert workers.set_status(
            conn, worker.id, WorkerStatus.SPAWNER_SETUP, last_health_check_time=NOW
        )
        there = replace(
            worker,
            status=WorkerStatus.SPAWNER_SETUP,
            image="i",
            last_health_check_time=NOW,
        )
        assert workers.get(conn, "a", worker.id) == there
        assert workers.get(conn, "b", worker.id) is None
        assert workers.of_actor(conn, "a") == [there]
        assert workers.delete(conn, worker.id)
        assert not workers.delete(conn, worker.id)
        workers.insert(conn, worker)
        assert workers.delete_all(conn) == 1

    await store.write(work)


async def test_the_outbox_never_gives_a_seq_twice(store: Store) -> None:
    def event(number: int) -> Event:
        return Event(
            type=EventType.ACTOR_READY,
            actor_id="a",
            tenant="T",
            time=NOW,
            facts={"number": number},
        )

    def work(conn: Connection) -> None:
        for number in range(3):
            outbox.append(conn, event(number))
        pending = outbox.pending(conn, 2)
        assert [e.facts["number"] for e in pending] == [0, 1]
        assert replace(pending[0], seq=0) == event(0)
        last = outbox.pending(conn, 9)[-1].seq
        outbox.delivered(conn, [e.seq for e in outbox.pending(conn, 9)])
        assert outbox.pending(conn, 9) == []
        outbox.append(conn, event(3))
        assert outbox.pending(conn, 9)[0].seq > last

    await store.write(work)


async def test_builds_go_by_the_table_and_the_newest_are_kept(store: Store) -> None:
    def build(number: int) -> Build:
        return Build(
            id=new_id("b"),
            digest="d",
            image="i",
            owner="ann",
            tenant="T",
            status=BuildStatus.WAITING,
            create_time=NOW + number * SECOND,
        )

    made = [build(number) for number in range(4)]

    def work(conn: Connection) -> None:
        for one in made:
            builds.insert(conn, one)
        assert builds.by_digest(conn, "i") is None
        assert builds.set_status(conn, made[0].id, BuildStatus.BUILDING, log="a")
        assert builds.set_status(conn, made[0].id, BuildStatus.BUILDING, log="ab")
        for one in made[:3]:
            assert builds.set_status(conn, one.id, BuildStatus.READY, finish_time=NOW)
        assert not builds.set_status(conn, made[0].id, BuildStatus.READY, log="late")
        assert builds.by_digest(conn, "i") == replace(
            made[2], status=BuildStatus.READY, finish_time=NOW
        )
        assert builds.unfinished(conn) == [made[3]]
        assert builds.delete_old(conn, 1) == 2
        assert builds.get(conn, made[0].id) is None
        assert builds.get(conn, made[3].id) == made[3]

    await store.write(work)


async def test_actors_are_counted_for_ever(store: Store) -> None:
    def work(conn: Connection) -> None:
        assert counters.get(conn, counters.ACTORS) == 0
        made = [an_actor() for _ in range(3)]
        for actor in made:
            actors.insert(conn, actor)
        actors.delete(conn, made[0].id)
        assert actors.count(conn) == 2
        assert counters.get(conn, counters.ACTORS) == 3

    await store.write(work)


async def test_a_check_marks_workers_and_removes_old_ones_that_it_does_not_know(
    store: Store,
) -> None:
    made = [
        Worker(
            id=new_id(),
            actor_id="a",
            tenant="T",
            status=WorkerStatus.READY,
            create_time=NOW - minutes * 60 * SECOND,
            last_health_check_time=checked,
        )
        for minutes, checked in ((9, None), (9, NOW - SECOND), (9, None), (1, None))
    ]

    def check(conn: Connection) -> int:
        for worker in made:
            workers.insert(conn, worker)
        workers.set_checked(conn, [made[0].id], NOW)
        return workers.delete_unchecked(conn, NOW, made_before=NOW - 5 * 60 * SECOND)

    assert await store.write(check) == 2
    left = await store.read(lambda conn: workers.of_actor(conn, "a"))
    assert [worker.id for worker in left] == [made[0].id, made[3].id]
    assert [worker.last_health_check_time for worker in left] == [NOW, None]
    await store.write(lambda conn: workers.set_checked(conn, [], NOW))
    many = [made[0].id, *(new_id() for _ in range(1200))]
    await store.write(lambda conn: workers.set_checked(conn, many, NOW + SECOND))
    found = await store.read(lambda conn: workers.get(conn, "a", made[0].id))
    assert found is not None
    assert found.last_health_check_time == NOW + SECOND
