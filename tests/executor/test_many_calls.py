"""Very many calls at once: most of them wait in the kernel, in little room."""

import sys
import time
from concurrent.futures import wait
from pathlib import Path

import pytest

from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.executor.executor import AbacoExecutor
from abaco_jupyter.executor.flights import ON_SERVER
from abaco_jupyter.wire import paths
from abaco_jupyter.wire.limits import KIB, MIB
from live_server import LiveServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the memory in use")

LIMIT = 120
CALLS = 20_000
IN_KERNEL = 6 * KIB
"""Bytes of a call that waits: 2.5 KiB are needed, whatever else this process does meanwhile."""
IN_SERVER = 96 * MIB
"""Of all that the server has; with five times as many calls it was found to need 23 MiB."""


def memory(pid: int | str = "self") -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * KIB
    raise ValueError(f"nothing is said of the memory of process {pid}")


def echo(number: int) -> int:
    return number


def test_twenty_thousand_calls_need_little_memory(live: LiveServer) -> None:
    assert live.process is not None
    with Abaco(live.url, live.token) as abaco, AbacoExecutor(2, abaco=abaco) as executor:
        first = executor.submit(echo, 1)
        assert first.result(LIMIT) == 1
        kernel, server = memory(), memory(live.process.pid)
        futures = [executor.submit(echo, number) for number in range(CALLS)]
        path = paths.executions(executor.actor.id)

        def on_server() -> int:
            return executor.actor.transport.call("GET", path)["totalExecutions"]

        end = time.monotonic() + LIMIT
        while on_server() < ON_SERVER:
            assert time.monotonic() < end
            time.sleep(0.1)
        assert memory() - kernel < CALLS * IN_KERNEL
        assert memory(live.process.pid) - server < IN_SERVER
        executor.shutdown(wait=False, cancel_futures=True)
        _, rest = wait(futures, LIMIT)
        assert not rest
        ran = [one for one in futures if not one.cancelled()]
        assert on_server() <= ON_SERVER + len(ran) + 1
        assert all(one.exception() is None for one in ran)
