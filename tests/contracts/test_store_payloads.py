"""Bodies over 64 KiB: files that are there as long as a row names them, and no longer."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from store_kit import NOW, SECOND, FakeClock, a_message, an_actor, an_execution

from abaco_server import outcomes, queue
from abaco_server.model.execution import Execution
from abaco_server.model.message import Lease
from abaco_server.store import MAX_INLINE, Store, actors, results

pytestmark = pytest.mark.asyncio

SMALL = b"s" * MAX_INLINE
LARGE = b"l" * (MAX_INLINE + 1)
MINUTE = 60 * SECOND
ACTOR = an_actor()


@pytest.fixture
def files(store: Store, tmp_path: Path, store_url: str) -> "Files":
    return Files(store, tmp_path / "payloads", removes=store_url.startswith("sqlite"))


class Files:
    """The payload files, once everything that was going to be removed is removed."""

    def __init__(self, store: Store, directory: Path, *, removes: bool) -> None:
        self._store = store
        self._directory = directory
        self._removes = removes

    async def there(self, clock: FakeClock) -> list[str]:
        await self._store.write(lambda conn: None)
        if not self._removes:
            clock.at += timedelta(hours=2)
            await self._store.sweep()
        return sorted(path.name for path in self._directory.glob("??/*"))


async def _submit(store: Store, body: bytes) -> Execution:
    if await store.read(actors.count) == 0:
        await store.write(lambda conn: actors.insert(conn, ACTOR))
    execution = an_execution(ACTOR.id)
    assert await queue.submit(store, execution, a_message(execution, body))
    return execution


async def _lease(store: Store) -> Lease:
    found = await store.write(
        lambda conn: queue.lease(conn, ACTOR.id, "w", NOW, MINUTE, exclusive=False)
    )
    assert found is not None
    return found


async def test_a_body_of_64_kib_stands_in_its_row(
    store: Store, files: Files, clock: FakeClock
) -> None:
    await _submit(store, SMALL)
    assert (await _lease(store)).message.body == SMALL
    assert await files.there(clock) == []


async def test_a_larger_body_is_a_file_until_its_message_goes(
    store: Store, files: Files, clock: FakeClock
) -> None:
    execution = await _submit(store, LARGE)
    lease = await _lease(store)
    assert isinstance(lease.message.body, Path)
    assert lease.message.read() == LARGE
    assert len(await files.there(clock)) == 1
    assert await store.write(lambda conn: queue.ack(conn, execution.id))
    assert await files.there(clock) == []


async def test_two_messages_share_a_file(store: Store, files: Files, clock: FakeClock) -> None:
    first, second = await _submit(store, LARGE), await _submit(store, LARGE)
    assert len(await files.there(clock)) == 1
    await store.write(lambda conn: queue.ack(conn, first.id))
    assert len(await files.there(clock)) == 1
    assert await store.write(lambda conn: queue.purge(conn, ACTOR.id)) == [second.id]
    assert await files.there(clock) == []


async def test_a_file_that_is_dropped_while_it_is_put_again_stays(
    store: Store, files: Files, clock: FakeClock
) -> None:
    first = await _submit(store, LARGE)
    async with store.keeping(LARGE) as kept:
        await store.write(lambda conn: queue.ack(conn, first.id))
        execution = an_execution(ACTOR.id)
        message = a_message(execution, kept)  # type: ignore[arg-type]
        await store.write_each(queue.submit_many, (execution, message))
    assert (await _lease(store)).message.read() == LARGE
    assert len(await files.there(clock)) == 1


async def test_a_rolled_back_ack_keeps_the_file(
    store: Store, files: Files, clock: FakeClock
) -> None:
    execution = await _submit(store, LARGE)

    def faulty(conn: object) -> None:
        queue.ack(conn, execution.id)  # type: ignore[arg-type]
        raise RuntimeError("after the ack")

    with pytest.raises(RuntimeError, match="after the ack"):
        await store.write(faulty)
    assert len(await files.there(clock)) == 1
    assert (await _lease(store)).message.read() == LARGE


async def test_a_large_result_is_popped_once_and_leaves_nothing(
    store: Store, files: Files, clock: FakeClock
) -> None:
    execution = await _submit(store, b"")
    assert await outcomes.add_result(store, execution.id, "1", LARGE, NOW)
    assert not await outcomes.add_result(store, execution.id, "1", LARGE, NOW)
    assert len(await files.there(clock)) == 1
    pop = partial(results.pop, execution_id=execution.id, now=NOW)
    popped = await asyncio.gather(*(store.write(pop) for _ in range(3)))
    [(key, body)] = [one for one in popped if one is not None]
    assert isinstance(body, Path)
    assert body.read_bytes() == LARGE
    await store.write(partial(results.forget, execution_id=execution.id, key=key))
    assert await files.there(clock) == []


async def test_an_expired_result_leaves_nothing(
    store: Store, files: Files, clock: FakeClock
) -> None:
    execution = await _submit(store, b"")
    await outcomes.add_result(store, execution.id, "1", LARGE, NOW)
    await store.write(partial(results.delete_expired, now=NOW + results.LIFETIME))
    assert await files.there(clock) == []


async def test_a_message_may_have_a_thousand_files(
    store: Store, files: Files, clock: FakeClock
) -> None:
    paths = [store.payloads.path(store.payloads.put(b"%d" % n)) for n in range(1000)]
    await store.write(lambda conn: actors.insert(conn, ACTOR))
    execution = an_execution(ACTOR.id)
    message = replace(a_message(execution, b""), files=tuple(paths))
    assert await queue.submit(store, execution, message)
    clock.at += timedelta(hours=2)
    assert await store.sweep() == 0
    assert (await _lease(store)).message.files == tuple(paths)


async def test_sweep_removes_what_a_crash_left_and_nothing_younger_than_an_hour(
    store: Store, clock: FakeClock
) -> None:
    orphan = store.payloads.path(store.payloads.put(b"orphan"))
    await _submit(store, LARGE)
    assert await store.sweep() == 0
    clock.at += timedelta(minutes=61)
    assert orphan.exists()
    assert await store.sweep() == 1
    assert not orphan.exists()
    assert (await _lease(store)).message.read() == LARGE


async def test_large_bytes_put_without_keeping_are_written_all_the_same(store: Store) -> None:
    execution = an_execution("a")
    await store.write(lambda conn: queue.put_many(conn, [(a_message(execution, LARGE), NOW)]))
    lease = await store.write(
        lambda conn: queue.lease(conn, "a", "w", NOW, MINUTE, exclusive=False)
    )
    assert lease is not None
    assert lease.message.read() == LARGE


async def test_the_digest_names_the_bytes(store: Store) -> None:
    digest = store.payloads.put(LARGE)
    assert store.payloads.get(digest) == LARGE
    assert store.payloads.put(LARGE) == digest
    assert store.payloads.path(digest).name == digest


async def test_a_fake_clock_and_the_files_agree(store: Store, clock: FakeClock) -> None:
    path = store.payloads.path(store.payloads.put(LARGE))
    assert path.stat().st_mtime == pytest.approx(clock.now().timestamp())


async def test_a_container_may_read_the_one_file_it_is_given(store: Store) -> None:
    path = store.payloads.path(store.payloads.put(LARGE))
    assert path.stat().st_mode & 0o777 == 0o644
