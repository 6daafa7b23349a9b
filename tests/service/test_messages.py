"""Messages, executions, logs, results and workers, on a real store."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from abaco_jupyter.wire import ids
from abaco_jupyter.wire.codes import ContentType, ExecutionStatus, Level, WorkerStatus
from abaco_jupyter.wire.errors import (
    AbacoError,
    ActorNotFound,
    ExecutionNotFound,
    ExecutionNotRunning,
    NotAuthorized,
    WorkerNotFound,
)
from abaco_server import queue
from abaco_server.model.principal import Principal
from abaco_server.model.worker import Worker
from abaco_server.service import Service
from abaco_server.service.messages import PURGED, Post
from abaco_server.store import executions, logs, permissions, results, workers

People = Callable[..., Principal]


def text(words: str, **environment: str) -> Post:
    return Post(content_type=ContentType.TEXT, body=words.encode(), environment=environment)


async def pop(service: Service, principal: Principal, *ids: str) -> bytes | None:
    async with service.executions.popped(principal, *ids) as body:
        return body.read_bytes() if isinstance(body, Path) else body


@pytest.mark.parametrize("size", [5, 64 * 1024, 64 * 1024 + 1, 1_000_000])
@pytest.mark.asyncio
async def test_a_message_is_an_execution_and_a_place_in_the_queue(
    service: Service, calls, clock, admin: Principal, size: int
) -> None:
    actor = await service.actors.create(admin, {"image": "x"})
    calls.woken.clear()
    body = bytes(range(256)) * (size // 256 + 1)
    post = Post(content_type=ContentType.BINARY, body=body[:size], environment={"A": "1"})
    receipt = await service.messages.send(admin, actor.id, post)
    assert calls.woken == [actor.id]
    assert (receipt.receiver.id, receipt.receiver.owner) == (actor.id, "ada")
    found = await service.executions.get(admin, actor.id, receipt.execution_id)
    assert (found.status, found.executor) == (ExecutionStatus.SUBMITTED, "ada")
    assert found.message_received_time == clock.now()
    lease = await service.desk.store.write(
        lambda conn: queue.lease(
            conn, actor.id, "w", clock.now(), timedelta(minutes=1), exclusive=False
        )
    )
    assert lease is not None
    assert lease.message.environment == {"A": "1"}
    assert lease.message.executor == "ada"
    kept = lease.message.body
    assert (kept if isinstance(kept, bytes) else kept.read_bytes()) == body[:size]


@pytest.mark.asyncio
async def test_a_refusal_in_a_group_is_only_its_senders(
    service: Service, admin: Principal, person: People
) -> None:
    first = await service.actors.create(admin, {"image": "x"})
    second = await service.actors.create(person("bob"), {"image": "x"})
    eve = person("eve")
    await service.desk.store.write(
        lambda conn: permissions.set(conn, second.id, "eve", Level.EXECUTE)
    )
    unknown = ids.new_id()
    asked = [(admin, first.id), (eve, first.id), (eve, second.id), (admin, unknown)] * 10
    answers = await asyncio.gather(
        *(service.messages.send(who, where, text("m")) for who, where in asked),
        return_exceptions=True,
    )
    for (who, where), answer in zip(asked, answers, strict=True):
        if who is eve and where == first.id:
            assert isinstance(answer, NotAuthorized)
        elif where == unknown:
            assert isinstance(answer, ActorNotFound)
        else:
            assert not isinstance(answer, AbacoError)
    assert (await service.messages.waiting(admin, first.id))[1] == 10
    assert (await service.messages.waiting(admin, second.id))[1] == 10


@pytest.mark.asyncio
async def test_order_is_kept(service: Service, admin: Principal) -> None:
    actor = await service.actors.create(admin, {"image": "x"})
    receipts = await asyncio.gather(
        *(service.messages.send(admin, actor.id, text(str(n))) for n in range(50))
    )
    listed = [e.id async for page in service.executions.pages(actor.id) for e in page]
    assert listed == [receipt.execution_id for receipt in receipts]
    newest = await service.executions.newest(admin, actor.id, 3)
    assert [e.id for e in newest] == listed[:-4:-1]
    summary = await service.executions.summary(admin, actor.id)
    assert summary.totals.executions == 50


@pytest.mark.asyncio
async def test_purge_ends_what_waits(service: Service, admin: Principal, person: People) -> None:
    actor = await service.actors.create(admin, {"image": "x"})
    receipts = [await service.messages.send(admin, actor.id, text("m")) for _ in range(3)]
    with pytest.raises(NotAuthorized):
        await service.messages.purge(person("eve"), actor.id)
    await service.messages.purge(admin, actor.id)
    assert (await service.messages.waiting(admin, actor.id))[1] == 0
    for receipt in receipts:
        ended = await service.executions.get(admin, actor.id, receipt.execution_id)
        assert (ended.status, ended.reason) == (ExecutionStatus.ERROR, PURGED)


# ---- executions ------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_halt_needs_a_running_execution(service: Service, calls, admin: Principal) -> None:
    actor = await service.actors.create(admin, {"image": "x"})
    execution_id = (await service.messages.send(admin, actor.id, text("m"))).execution_id
    with pytest.raises(ExecutionNotRunning) as early:
        await service.executions.halt(admin, actor.id, execution_id)
    assert str(early.value) == (
        "Cannot force quit an execution not in RUNNING status. "
        "Execution was found in status: SUBMITTED"
    )
    now = service.desk.clock.now()
    await service.desk.store.write(lambda conn: executions.start(conn, execution_id, now))
    await service.executions.halt(admin, actor.id, execution_id)
    assert calls.halted == [execution_id]


@pytest.mark.asyncio
async def test_an_execution_of_another_actor_is_unknown(service: Service, admin: Principal) -> None:
    one = await service.actors.create(admin, {"image": "x"})
    other = await service.actors.create(admin, {"image": "x"})
    execution_id = (await service.messages.send(admin, one.id, text("m"))).execution_id
    text_ = f"No executions found with actor id of {other.id} and execution id of {execution_id}."
    for ask in (service.executions.get, service.executions.halt, service.executions.log):
        with pytest.raises(ExecutionNotFound) as unknown:
            await ask(admin, other.id, execution_id)
        assert str(unknown.value) == text_
    assert await pop(service, admin, other.id, execution_id) is None


@pytest.mark.asyncio
async def test_only_admins_find_executions_of_a_deleted_actor(
    service: Service, admin: Principal, person: People
) -> None:
    bob = person("bob")
    actor = await service.actors.create(bob, {"image": "x"})
    execution_id = (await service.messages.send(bob, actor.id, text("m"))).execution_id
    await service.actors.delete(bob, actor.id)
    assert (await service.executions.get(admin, actor.id, execution_id)).id == execution_id
    with pytest.raises(AbacoError, match=f"Actor DEV_{actor.id} does not exist"):
        await service.executions.get(bob, actor.id, execution_id)
    with pytest.raises(ActorNotFound):
        await service.executions.log(admin, actor.id, execution_id)


@pytest.mark.asyncio
async def test_the_log_so_far_comes_from_who_runs_it(
    service: Service, calls, clock, admin: Principal
) -> None:
    actor = await service.actors.create(admin, {"image": "x"})
    execution_id = (await service.messages.send(admin, actor.id, text("m"))).execution_id

    async def log() -> str:
        return (await service.executions.log(admin, actor.id, execution_id))[1]

    assert await log() == ""
    calls.logs[execution_id] = "so far"
    assert await log() == "so far"
    del calls.logs[execution_id]
    expires = clock.now() + timedelta(hours=1)
    await service.desk.store.write(
        lambda conn: logs.put(conn, execution_id, actor.id, "whole", expires)
    )
    assert await log() == "whole"
    clock.turn(timedelta(hours=2))
    assert await log() == ""


@pytest.mark.parametrize("size", [3, 200_000])
@pytest.mark.asyncio
async def test_results_are_popped_oldest_first(
    service: Service, clock, admin: Principal, person: People, size: int
) -> None:
    actor = await service.actors.create(admin, {"image": "x"})
    execution_id = (await service.messages.send(admin, actor.id, text("m"))).execution_id
    store, expires = service.desk.store, clock.now() + timedelta(hours=1)
    for n in (1, 2):
        async with store.keeping(bytes([n]) * size) as body:
            kept = body
            await store.write(
                lambda conn, n=n, kept=kept: results.add(conn, execution_id, str(n), kept, expires)
            )
    with pytest.raises(NotAuthorized):
        await pop(service, person("eve"), actor.id, execution_id)
    for n in (1, 2):
        assert await pop(service, admin, actor.id, execution_id) == bytes([n]) * size
    assert await pop(service, admin, actor.id, execution_id) is None
    assert await pop(service, admin, actor.id, ids.new_id()) is None


@pytest.mark.asyncio
async def test_workers(service: Service, clock, admin: Principal) -> None:
    actor = await service.actors.create(admin, {"image": "x"})
    assert await service.workers.list(admin, actor.id) == []
    worker = Worker(
        id=ids.new_id(),
        actor_id=actor.id,
        tenant="DEV",
        status=WorkerStatus.REQUESTED,
        create_time=clock.now(),
    )
    await service.desk.store.write(lambda conn: workers.insert(conn, worker))
    assert await service.workers.list(admin, actor.id) == [worker]
    assert await service.workers.get(admin, actor.id, worker.id) == worker
    with pytest.raises(WorkerNotFound, match=r"^Worker not found\.$"):
        await service.workers.get(admin, actor.id, "w")
