"""Many executions on record, without having run them."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import cycle

from abaco_jupyter.wire.ids import IdSequence
from abaco_server.model.clock import SystemClock
from abaco_server.model.execution import Execution
from abaco_server.store import Store, executions
from live_server import LiveServer

EXIT_CODES = (0,) * 9 + (1,)
"""One in ten failed."""


def remember(server: LiveServer, execution: str, number: int) -> None:
    """Put `number` executions like this one, each a second older, into the store of a server that
    does not run."""
    asyncio.run(_remember(server, execution, number))


async def _remember(server: LiveServer, execution: str, number: int) -> None:
    data = server.home / "data/abaco"
    url = f"sqlite:///{data / 'abaco.db'}"
    store = Store.open(url, payload_dir=data / "payloads", clock=SystemClock())
    try:
        one = await store.read(lambda conn: executions.by_id(conn, execution))
        assert one is not None
        rows = [*_like(one, number)]
        await store.write(lambda conn: executions.insert_many(conn, rows))
    finally:
        await store.close()


def _like(one: Execution, number: int) -> Iterator[Execution]:
    ids = IdSequence()
    for age, exit_code in zip(range(1, number + 1), cycle(EXIT_CODES), strict=False):
        received = one.message_received_time - timedelta(seconds=age)
        began = received + timedelta(milliseconds=age % 1000)
        yield replace(
            one,
            id=ids(),
            message_received_time=received,
            start_time=began,
            finish_time=began + timedelta(milliseconds=age),
            exit_code=exit_code,
        )
