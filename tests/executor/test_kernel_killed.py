"""The kernel is killed in the middle of a map: its calls go on, or end, as the executor said."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager

import pytest
from jupyter_client.manager import start_new_kernel

from abaco_jupyter.client.errors import ExecutionFailed
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.executor.executor import AbacoExecutor
from abaco_jupyter.wire.ids import new_id
from live_server import LiveServer

pytestmark = pytest.mark.filterwarnings("default")  # of the kernel's own client

LIMIT = 120
CALLS = 12
MAP = """
import os, time
from abaco_jupyter import AbacoExecutor
from abaco_jupyter.executor import courier

courier._CANCEL_AFTER = 1.0

def nap(seconds, value):
    time.sleep(seconds)
    return value

executor = AbacoExecutor(2, on_kernel_exit={on_kernel_exit!r}).with_options(label={label!r})
futures = [executor.submit(nap, {seconds}, number) for number in range({calls})]
end = time.monotonic() + 120
while not (all(one.execution_id for one in futures) and any(one.running() for one in futures)):
    assert time.monotonic() < end
    time.sleep(0.05)
print("pid", os.getpid())
"""


@contextmanager
def kernel(server: LiveServer) -> Iterator[Callable[[str], str]]:
    """Runs code in a kernel and answers what it printed."""
    environment = os.environ | {"ABACO_URL": server.url, "ABACO_TOKEN": server.token}
    manager, client = start_new_kernel(env=environment)

    def run(code: str) -> str:
        said: list[str] = []

        def hear(message: dict) -> None:
            content = message["content"]
            said.append(content.get("text") or "\n".join(content.get("traceback", ())))

        reply = client.execute_interactive(code, timeout=LIMIT, output_hook=hear)
        assert reply["content"]["status"] == "ok", "".join(said)
        return "".join(said)

    try:
        yield run
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def map_in_a_kernel_that_is_killed(server: LiveServer, **options: object) -> str:
    """The label of its calls, all of which are on the server."""
    label = new_id()
    with kernel(server) as run:
        said = run(MAP.format(label=label, calls=CALLS, **options))
        os.kill(int(said.split()[-1]), signal.SIGKILL)
    return label


def test_calls_of_a_killed_kernel_go_on_and_another_one_gets_their_results(
    live: LiveServer,
) -> None:
    label = map_in_a_kernel_that_is_killed(live, on_kernel_exit="keep", seconds=0.5)
    with Abaco(live.url, live.token) as abaco, AbacoExecutor(2, abaco=abaco) as executor:
        found = executor.reattach(label)
        assert [one.result(LIMIT) for one in found] == list(range(CALLS))


def test_calls_of_a_killed_kernel_end_when_its_executor_asked_for_that(live: LiveServer) -> None:
    label = map_in_a_kernel_that_is_killed(live, on_kernel_exit="cancel", seconds=3600)
    with Abaco(live.url, live.token) as abaco, AbacoExecutor(2, abaco=abaco) as executor:
        found = executor.reattach(label)
        assert len(found) == CALLS
        _, rest = wait(found, LIMIT)
        assert not rest
        dropped = [one for one in found if one.cancelled()]
        halted = [one.exception() for one in found if not one.cancelled()]
        assert dropped, "those that had not begun"
        assert all(isinstance(error, ExecutionFailed) for error in halted)
