"""One store per test, of each kind: the same suite runs against all of them."""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import create_engine, make_url, text
from store_kit import FakeClock

from abaco_server.store import Store

STORES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of its own; on PostgreSQL a schema of its own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/store.db"
        return
    schema = f"test_{uuid.uuid4().hex}"
    url = make_url(os.environ["ABACO_TEST_POSTGRESQL"])
    engine = create_engine(url)
    with engine.begin() as conn:
        conn.execute(text(f"CREATE SCHEMA {schema}"))
    there = url.update_query_dict({"options": f"-csearch_path={schema}"})
    yield there.render_as_string(hide_password=False)
    with engine.begin() as conn:
        conn.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


@pytest_asyncio.fixture
async def store(store_url: str, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Store]:
    opened = Store.open(store_url, payload_dir=tmp_path / "payloads", clock=clock)
    yield opened
    await opened.close()
