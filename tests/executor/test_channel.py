"""An executor's calls on the channel of calls, which is lost, refused, and found again."""

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path

import pytest

from abaco_jupyter.client.channel import NoChannel
from abaco_jupyter.client.errors import ServerUnreachable
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.client.transport import Transport
from abaco_jupyter.executor.batches import Batches
from abaco_jupyter.executor.courier import Courier
from abaco_jupyter.executor.executor import AbacoExecutor
from abaco_jupyter.wire import paths
from abaco_jupyter.wire.errors import AbacoError
from live_server import LiveServer

LIMIT = 120


def nap(seconds: float, value: object = None) -> object:
    time.sleep(seconds)
    return value


def until(condition) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def total(executor: AbacoExecutor) -> int:
    path = paths.executions(executor.actor.id)
    return executor.actor.transport.call("GET", path)["totalExecutions"]


def courier(executor: AbacoExecutor) -> Courier:
    way = executor._line._known_way()
    assert isinstance(way, Courier)
    return way


@pytest.fixture
def uploads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of all uploads."""
    seen: list[str] = []
    call = Transport.call

    def counted(self: Transport, method: str, path: str, **request):
        if method == "PUT":
            seen.append(path)
        return call(self, method, path, **request)

    monkeypatch.setattr(Transport, "call", counted)
    return seen


def test_connections_that_drop_lose_nothing_and_run_nothing_twice(
    executor: AbacoExecutor,
) -> None:
    before = total(executor)
    futures = [executor.submit(nap, 0, number) for number in range(10)]
    way = courier(executor)
    for number in range(10, 30):
        if number % 5 == 0:
            way._channel.drop()
        futures.append(executor.submit(nap, 0, number))
    assert [one.result(LIMIT) for one in futures] == list(range(30))
    assert total(executor) - before == 30


def refuse(way: Courier, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """As a proxy does while the server behind it is started again."""
    connect, refusals = way._channel.connect, iter([NoChannel("HTTP 424")] * times)

    def refused_at_first() -> None:
        for refusal in refusals:
            raise refusal
        connect()

    monkeypatch.setattr(way._channel, "connect", refused_at_first)
    way._channel.drop()


def test_a_channel_that_is_refused_for_a_moment_is_found_again(
    executor: AbacoExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert executor.submit(nap, 0, 1).result(LIMIT) == 1
    refuse(courier(executor), monkeypatch, times=2)
    assert executor.submit(nap, 0, 2).result(LIMIT) == 2


def test_a_channel_that_is_refused_for_good_ends_its_calls(
    executor: AbacoExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = executor.submit(nap, 600)
    until(running.running)
    monkeypatch.setattr(executor._line, "patience", 1.0)
    refuse(courier(executor), monkeypatch, times=1000)
    says = r"its channel of calls is gone: HTTP 424.*start it again"
    with pytest.raises(ServerUnreachable, match=says):
        running.result(LIMIT)
    assert running.execution is not None
    running.execution.halt()


def test_large_arguments_and_results_go_by_reference(
    executor: AbacoExecutor, uploads: list[str]
) -> None:
    large = bytes(range(256)) * 20_000

    def echo(data: bytes, number: int) -> tuple[bytes, int]:
        return data, number

    futures = [executor.submit(echo, large, number) for number in (1, 1)]
    assert [one.result(LIMIT) for one in futures] == [(large, 1), (large, 1)]
    assert len(uploads) == 1, "the same arguments are sent once"


def test_a_large_constant_of_a_function_is_sent_once(
    executor: AbacoExecutor, uploads: list[str]
) -> None:
    table = list(range(100_000))

    def look_up(place: int) -> int:
        return table[place]

    futures = [executor.submit(look_up, place) for place in (7, 70, 700)]
    assert [one.result(LIMIT) for one in futures] == [7, 70, 700]
    assert len(uploads) == 1


def test_a_callback_that_cancels_its_neighbours_does_not_wait_for_itself(
    executor: AbacoExecutor,
) -> None:
    others = [executor.submit(nap, 0) for _ in range(2)]
    wait(others, LIMIT)
    done = threading.Event()
    waiting: list = []

    def cancel_all(_: object) -> None:
        for one in waiting:
            one.cancel()
        done.set()

    first = executor.submit(nap, 0.5)
    waiting += [executor.submit(nap, 600) for _ in range(20)]
    first.add_done_callback(cancel_all)
    assert done.wait(LIMIT)
    until(lambda: sum(one.cancelled() for one in waiting) >= 10)
    for one in waiting:
        one.cancel(force=True)


@pytest.fixture
def without_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of an earlier release."""
    monkeypatch.setattr(paths, "calls", lambda actor_id: f"/abaco/v1/actors/{actor_id}/nothing")


def test_a_server_without_a_channel_is_sent_batches(
    without_channel: None, executor: AbacoExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert executor.submit(nap, 0, 5).result(LIMIT) == 5
        assert executor.submit(nap, 0, 6).result(LIMIT) == 6
    assert isinstance(executor._line._known_way(), Batches)
    told = [one for one in caplog.messages if "has no channel of calls" in one]
    assert len(told) == 1
    assert "HTTP 404" in told[0]


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[LiveServer]:
    with LiveServer(tmp_path, "--AbacoApp.runner=process", "--AbacoApp.capacity=2") as server:
        yield server


def test_a_server_that_is_killed_in_the_middle_of_a_map(mortal: LiveServer) -> None:
    """Every call that was accepted has one outcome, and those that were not are sent again."""
    with Abaco(mortal.url, mortal.token) as abaco, AbacoExecutor(2, abaco=abaco) as executor:
        futures = [executor.submit(nap, 0.1, number) for number in range(20)]
        until(lambda: sum(one.done() for one in futures) >= 3)
        mortal.kill()
        futures += [executor.submit(nap, 0, number) for number in range(20, 30)]
        mortal.start()
        done, rest = wait(futures, timeout=LIMIT)
        assert not rest
        failed = [one for one in done if one.exception() is not None]
        assert all(isinstance(one.exception(), AbacoError) for one in failed)
        assert len(failed) <= 2, "only what ran when the server died may be lost"
        good = [one.result() for one in futures if one.exception() is None]
        assert len(set(good)) == len(good) == 30 - len(failed)
        assert len({one.execution_id for one in futures}) == 30
        assert total(executor) == 30
