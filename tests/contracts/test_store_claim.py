"""One service works on a database at a time."""

from pathlib import Path

import pytest
from store_kit import FakeClock

from abaco_jupyter.wire.errors import NotReady
from abaco_server.store import Store

pytestmark = pytest.mark.asyncio


async def test_a_second_service_is_refused_until_the_first_has_gone(
    store_url: str, tmp_path: Path, clock: FakeClock
) -> None:
    first = Store.open(store_url, payload_dir=tmp_path / "one", clock=clock)
    second = Store.open(store_url, payload_dir=tmp_path / "two", clock=clock)
    try:
        await first.claim()
        if store_url.startswith("postgresql"):
            with pytest.raises(NotReady, match="Another Abaco service uses the database"):
                await second.claim()
        # On SQLite the lock beside the file decides: see host.py.
        await first.close()
        await second.claim()
    finally:
        await second.close()
        await first.close()
