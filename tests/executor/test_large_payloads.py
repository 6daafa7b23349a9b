"""What is too large for a frame: there and back, with bounded memory, up to a limit."""

import operator
import re
from functools import partial
from itertools import repeat
from pathlib import Path
from pickle import PicklingError

import pytest

from abaco_jupyter.client.transport import Transport
from abaco_jupyter.executor.executor import AbacoExecutor
from abaco_jupyter.wire.limits import KIB, MIB
from live_server import LiveServer

LIMIT = 240


def peak(server: LiveServer) -> int:
    """Bytes of memory that the server has had at most."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * KIB


def turned(data: bytes) -> bytes:
    return data[::-1]


def test_300_mb_there_and_back_are_never_in_the_servers_memory(
    executor: AbacoExecutor, live: LiveServer
) -> None:
    assert executor.submit(turned, b"ab" * MIB).result(LIMIT) == b"ba" * MIB
    before = peak(live)
    data = b"there" + bytes(300 * MIB)
    back = executor.submit(turned, data).result(LIMIT)
    assert (len(back), back[-5:]) == (len(data), b"ereht")
    assert peak(live) - before < 64 * MIB


def test_what_calls_have_in_common_is_sent_once(
    executor: AbacoExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, upload = [], Transport.upload

    def counted(self: Transport, path: str, body: bytes) -> object:
        sent.append(len(body))
        return upload(self, path, body)

    monkeypatch.setattr(Transport, "upload", counted)
    large, table = bytes(range(256)) * KIB, {n: str(n) for n in range(20_000)}

    def of_closure(place: int) -> int:
        return large[place]

    assert list(executor.map(operator.getitem, repeat(large), [1, 2, 300])) == [1, 2, 44]
    assert len(sent) == 1
    assert list(executor.map(operator.getitem, repeat(large), range(4), chunksize=2)) == [
        0,
        1,
        2,
        3,
    ]
    assert [executor.submit(operator.getitem, large, n).result(LIMIT) for n in (5, 6)] == [5, 6]
    assert len(sent) == 1
    assert list(executor.map(partial(operator.getitem, table), [7, 8])) == ["7", "8"]
    assert list(executor.map(of_closure, [9, 10])) == [9, 10]
    assert list(executor.map(of_closure, [11])) == [11]
    assert len(sent) == 3
    # Nobody gets what it was before.
    table[7] = "changed"
    assert executor.submit(partial(operator.getitem, table), 7).result(LIMIT) == "changed"
    assert len(sent) == 4


def test_arguments_over_the_limit_are_refused_before_anything_runs(
    executor: AbacoExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("abaco_jupyter.executor.pickling.MAX_PAYLOAD", MIB)
    future = executor.submit(turned, bytes(MIB))
    with pytest.raises(PicklingError) as caught:
        future.result(LIMIT)
    assert future.execution_id is None
    for words in ("The call of turned", "its arguments", "1,048,576 bytes", "such as a mount"):
        assert words in str(caught.value)
