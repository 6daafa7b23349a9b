"""The store as one object: group commit, reading, closing, surviving."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, exc, text
from store_kit import FakeClock, an_actor, an_execution

from abaco_jupyter.wire.errors import NotReady
from abaco_server.store import Store, actors, executions

pytestmark = pytest.mark.asyncio


async def test_a_write_is_visible_to_a_reader_when_it_returns(store: Store) -> None:
    for number in range(20):
        await store.write(lambda conn: actors.insert(conn, an_actor()))
        assert await store.read(actors.count) == number + 1


async def test_a_write_returns_what_its_work_returns(store: Store) -> None:
    assert await store.write(lambda conn: 7) == 7
    assert await store.write(lambda conn: None) is None


async def test_works_of_a_group_run_in_the_order_they_came(store: Store) -> None:
    ran: list[int] = []
    await asyncio.gather(*(store.write(lambda conn, n=n: ran.append(n)) for n in range(100)))
    assert ran == list(range(100))


async def test_neighbours_of_one_work_become_one_call(store: Store) -> None:
    calls: list[list[int]] = []

    def double(conn: Connection, items: list[int]) -> list[int]:
        calls.append(items)
        return [2 * item for item in items]

    gate = _hold_the_writer(store)
    waiting = [asyncio.ensure_future(store.write_each(double, n)) for n in range(3)]
    between = asyncio.ensure_future(store.write(lambda conn: calls.append([])))
    waiting += [asyncio.ensure_future(store.write_each(double, n)) for n in range(3, 6)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*waiting) == [0, 2, 4, 6, 8, 10]
    await between
    assert calls == [[0, 1, 2], [], [3, 4, 5]]


async def test_one_faulty_work_of_a_group_fails_alone(store: Store) -> None:
    twin = an_actor()
    await store.write(lambda conn: actors.insert(conn, twin))
    gate = _hold_the_writer(store)
    good = [
        asyncio.ensure_future(store.write(lambda conn: actors.insert(conn, an_actor())))
        for _ in range(5)
    ]
    bad = asyncio.ensure_future(store.write(lambda conn: actors.insert(conn, twin)))
    more = asyncio.ensure_future(store.write(lambda conn: actors.insert(conn, an_actor())))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*good, more)
    with pytest.raises(exc.IntegrityError):
        await bad
    assert await store.read(actors.count) == 7


async def test_one_faulty_item_of_a_merged_call_fails_alone(store: Store) -> None:
    def insert(conn: Connection, items: list[object]) -> list[bool]:
        executions.insert_many(conn, items)  # type: ignore[arg-type]
        return [True] * len(items)

    first, second = an_execution("a"), an_execution("a")
    gate = _hold_the_writer(store)
    waiting = [
        asyncio.ensure_future(store.write_each(insert, item)) for item in (first, first, second)
    ]
    await asyncio.sleep(0)
    gate.set()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert ended[0] is True
    assert isinstance(ended[1], exc.IntegrityError)
    assert ended[2] is True
    kept = await store.read(lambda conn: [e.id for _, e in executions.page(conn, "a")])
    assert kept == [first.id, second.id]
    assert (await store.read(lambda conn: actors.totals(conn, "a"))).executions == 2


async def test_a_caller_that_gave_up_does_not_stop_its_write(store: Store) -> None:
    gate = _hold_the_writer(store)
    abandoned = asyncio.ensure_future(store.write(lambda conn: actors.insert(conn, an_actor())))
    await asyncio.sleep(0)
    abandoned.cancel()
    gate.set()
    await store.write(lambda conn: None)
    assert await store.read(actors.count) == 1


async def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(exc.DBAPIError):
        await store.read(lambda conn: actors.insert(conn, an_actor()))
    assert await store.read(actors.count) == 0


async def test_a_reader_sees_one_snapshot(store: Store) -> None:
    loop = asyncio.get_running_loop()

    def count_twice(conn: Connection) -> tuple[int, int]:
        before = actors.count(conn)
        written = store.write(lambda conn: actors.insert(conn, an_actor()))
        asyncio.run_coroutine_threadsafe(written, loop).result(timeout=10)
        return before, actors.count(conn)

    assert await store.read(count_twice) == (0, 0)
    assert await store.read(actors.count) == 1


async def test_close_finishes_what_was_handed_in_and_refuses_the_rest(store: Store) -> None:
    gate = _hold_the_writer(store)
    last = asyncio.ensure_future(store.write(lambda conn: 7))
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(store.close())
    await asyncio.sleep(0)
    gate.set()
    await closing
    assert await last == 7
    with pytest.raises(NotReady):
        await store.write(lambda conn: 7)
    with pytest.raises(NotReady):
        await store.read(actors.count)


async def test_a_work_that_ends_the_thread_does_not(store: Store) -> None:
    def leave(conn: Connection) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        await store.write(leave)
    assert await store.write(lambda conn: 7) == 7


@pytest.mark.postgresql
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
async def test_a_connection_that_was_lost_is_made_anew(store_url: str, tmp_path: Path) -> None:
    store = Store.open(store_url, payload_dir=tmp_path / "p", clock=FakeClock())
    pid = text("SELECT pg_backend_pid()")
    lost = await store.write(lambda conn: conn.execute(pid).scalar_one())
    engine = create_engine(store_url)
    with engine.begin() as conn:
        conn.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": lost})
    engine.dispose()
    await store.write(lambda conn: actors.insert(conn, an_actor()))
    assert await store.read(actors.count) == 1
    await store.close()


async def test_what_was_answered_survives_the_death_of_the_process(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import asyncio, os, sys
        from pathlib import Path
        from store_kit import FakeClock, an_actor
        from abaco_server.store import Store, actors

        async def main():
            directory = Path(sys.argv[1])
            store = Store.open(
                f"sqlite:///{directory}/s.db", payload_dir=directory / "p", clock=FakeClock()
            )
            await asyncio.gather(
                *(store.write(lambda conn: actors.insert(conn, an_actor())) for _ in range(50))
            )
            os._exit(9)

        asyncio.run(main())
        """
    )
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], env=os.environ | {"PYTHONPATH": paths}
    )
    assert ended.returncode == 9
    with sqlite3.connect(tmp_path / "s.db") as found:
        assert found.execute("SELECT count(*) FROM actors").fetchone() == (50,)
    found.close()


def _hold_the_writer(store: Store) -> threading.Event:
    """Until the event is set the writer is busy, so that what comes makes one group."""
    gate, busy = threading.Event(), threading.Event()

    def wait(conn: Connection) -> None:
        busy.set()
        gate.wait(10)

    store._writer.submit(wait, None, each=False)
    busy.wait(10)
    return gate
