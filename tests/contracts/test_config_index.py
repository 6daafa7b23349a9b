"""What is asked for every execution is found by index (SQLite says how it looks)."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from store_kit import FakeClock

from abaco_server.store import Store, configs


@pytest.mark.asyncio
async def test_configs_of_an_actor(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    store = Store.open(url, payload_dir=tmp_path / "p", clock=FakeClock())

    def plan(conn: Connection) -> list[str]:
        asked = text("EXPLAIN QUERY PLAN " + configs._MEANING.replace("?", "'x'"))
        return [row.detail for row in conn.execute(asked)]

    steps = await store.read(plan)
    await store.close()
    assert any("SEARCH config_actors USING" in step for step in steps)
    assert any("SEARCH aliases USING" in step for step in steps)
    assert not any("SCAN config_actors" in step or "SCAN aliases" in step for step in steps)
