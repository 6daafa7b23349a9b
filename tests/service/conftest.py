"""A service on a real store; whom it calls only writes down what it was told."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from abaco_jupyter.wire import ids
from abaco_jupyter.wire.codes import Role
from abaco_server.cron.five_fields import next_time
from abaco_server.model.principal import Principal
from abaco_server.service import Desk, Service, ServiceConfig, open_service
from abaco_server.store import Store

START = datetime(2026, 11, 21, 17, 18, 35, 464052, tzinfo=UTC)


class FakeClock:
    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def turn(self, by: timedelta) -> None:
        self.time += by


class Calls:
    """The callables of a desk, and what they were told."""

    def __init__(self) -> None:
        self.woken: list[str] = []
        self.halted: list[str] = []
        self.retired: list[str] = []
        self.refreshed: list[str] = []
        self.logs: dict[str, str] = {}
        self.clean = True
        self.clocks_set = 0

    def clock_set(self) -> None:
        self.clocks_set += 1

    async def retire(self, actor_id: str) -> bool:
        self.retired.append(actor_id)
        return self.clean


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with its schema: making one takes longer than most tests."""
    folder = tmp_path_factory.mktemp("database")
    store = Store.open(
        f"sqlite:///{folder / 'empty.db'}", payload_dir=folder / "payloads", clock=FakeClock()
    )
    loop = asyncio.new_event_loop()
    loop.run_until_complete(store.close())
    loop.close()
    return folder / "empty.db"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest_asyncio.fixture
async def service(
    tmp_path: Path, database: Path, clock: FakeClock, calls: Calls
) -> AsyncIterator[Service]:
    path = shutil.copy(database, tmp_path / "abaco.db")
    store = Store.open(f"sqlite:///{path}", payload_dir=tmp_path / "payloads", clock=clock)
    desk = Desk(
        store=store,
        clock=clock,
        new_id=ids.new_id,
        config=ServiceConfig(tenant="DEV"),
        wake=calls.woken.append,
        halt=calls.halted.append,
        retire=calls.retire,
        refresh=calls.refreshed.append,
        clock_set=calls.clock_set,
        next_time=next_time,
        live_log=calls.logs.get,
    )
    yield open_service(desk)
    await store.close()


@pytest.fixture
def person() -> Callable[..., Principal]:
    """Makes a principal of the tenant DEV; without roles named, a plain user."""

    def make(username: str, *roles: Role, tenant: str = "DEV") -> Principal:
        return Principal(
            username=username,
            tenant=tenant,
            roles=frozenset(roles or (Role.USER,)),
            api_server="http://test",
        )

    return make


@pytest.fixture
def admin(person: Callable[..., Principal]) -> Principal:
    return person("ada", Role.ADMIN)
