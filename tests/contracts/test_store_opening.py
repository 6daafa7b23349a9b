"""Opening a store: the schema, the files, the journal."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from store_kit import FakeClock, an_actor

from abaco_server.store import DatabaseIsNewer, Store, actors
from abaco_server.store.machinery import connect, schema
from abaco_server.store.tables import metadata

pytestmark = pytest.mark.asyncio


async def test_migrations_make_the_tables_that_the_code_expects(store: Store) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    def differences(conn: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(conn), metadata))

    assert await store.read(differences) == []


async def test_head_is_the_newest_revision_that_is_shipped() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory(str(schema.MIGRATIONS)).get_heads() == [schema.HEAD]


async def test_a_database_of_a_later_release_is_refused(store_url: str, tmp_path: Path) -> None:
    def opened() -> Store:
        return Store.open(store_url, payload_dir=tmp_path / "p", clock=FakeClock())

    first = opened()
    later = text("UPDATE alembic_version SET version_num = '9'")
    await first.write(lambda conn: conn.execute(later))
    await first.close()
    with pytest.raises(DatabaseIsNewer, match=r"revision 9, .* update abaco-jupyter"):
        opened()


async def test_sqlite_uses_wal_and_private_files(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "deep" / "store.db"
    store = Store.open(f"sqlite:///{path}", payload_dir=tmp_path / "p", clock=clock)
    await store.write(lambda conn: actors.insert(conn, an_actor()))
    assert await _pragma(store, "journal_mode") == "wal"
    assert await _pragma(store, "synchronous") == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.with_name("store.db-wal").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "p").stat().st_mode & 0o777 == 0o700
    await store.close()


async def test_synchronous_full_is_the_callers_choice(tmp_path: Path, clock: FakeClock) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    store = Store.open(url, payload_dir=tmp_path / "p", clock=clock, synchronous="FULL")
    assert await _pragma(store, "synchronous") == 2
    await store.close()
    with pytest.raises(ValueError, match="NORMAL or FULL"):
        Store.open(url, payload_dir=tmp_path / "p", clock=clock, synchronous="OFF")


async def test_a_network_file_system_gets_no_wal(
    tmp_path: Path,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(connect, "on_network", lambda path: True)
    monkeypatch.setattr(connect, "filesystem", lambda path: "nfs4")
    store = Store.open(f"sqlite:///{tmp_path}/s.db", payload_dir=tmp_path / "p", clock=clock)
    assert await _pragma(store, "journal_mode") == "delete"
    assert await _pragma(store, "synchronous") == 2
    for number in range(10):
        writes = [store.write(lambda conn: actors.insert(conn, an_actor())) for _ in range(5)]
        await asyncio.gather(*writes, store.read(actors.count))
        assert await store.read(actors.count) == 5 * (number + 1)
    await store.close()
    assert [r.getMessage() for r in caplog.records if "nfs4" in r.getMessage()] == [
        f"{tmp_path}/s.db is on a network file system (nfs4): using journal_mode=DELETE,"
        " which is slower"
    ]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://h/d"])
async def test_urls_that_cannot_be_a_store(url: str, tmp_path: Path, clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="the store"):
        Store.open(url, payload_dir=tmp_path / "p", clock=clock)


async def _pragma(store: Store, name: str) -> object:
    return await store.write(lambda conn: conn.execute(text(f"PRAGMA {name}")).scalar())
