"""What CPython's own tests ask of an Executor and its futures, asked of ours."""

import asyncio
import signal
import sys
import threading
import time
from concurrent.futures import CancelledError, Executor, Future, as_completed, wait
from concurrent.futures import TimeoutError as FuturesTimeout
from pickle import PicklingError

import pytest

from abaco_jupyter.client.errors import ExecutionFailed, RemoteError, RemoteTraceback
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.executor.executor import AbacoExecutor
from abaco_jupyter.executor.flights import ON_SERVER
from abaco_jupyter.wire.errors import InvalidRequest
from live_server import LiveServer

LIMIT = 60


class Odd(Exception):
    """Defined in a module that no container has."""


class Point:
    def __init__(self, x: int) -> None:
        self.x = x


def half(number: int) -> int:
    if number % 2:
        raise Odd(f"{number} is odd")
    return number // 2


def nap(seconds: float, value: object = None) -> object:
    time.sleep(seconds)
    return value


def until(condition, seconds: float = LIMIT) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_it_is_an_executor_with_futures(executor: AbacoExecutor) -> None:
    future = executor.submit(pow, 2, 10)
    assert isinstance(executor, Executor)
    assert isinstance(future, Future)
    assert future.result(LIMIT) == 1024
    assert (future.done(), future.running(), future.cancelled()) == (True, False, False)
    assert future.exception() is None
    assert future.status == "COMPLETE"
    assert future.runtime is not None
    assert future.started_at is not None


def test_keywords_are_the_functions_own(executor: AbacoExecutor) -> None:
    def echo(*args, **kwargs):
        return args, kwargs

    sent = executor.submit(echo, 1, self=2, fn=3, timeout=4)
    assert sent.result(LIMIT) == ((1,), {"self": 2, "fn": 3, "timeout": 4})


@pytest.mark.parametrize("value", [None, True, (1, "a"), {1: b"\xff"}, 2.5, "é", []])
def test_values_come_back_as_they_were(executor: AbacoExecutor, value: object) -> None:
    got = executor.submit(nap, 0, value).result(LIMIT)
    assert got == value
    assert type(got) is type(value)


def test_classes_of_a_local_module_travel_both_ways(executor: AbacoExecutor) -> None:
    def double(point: Point) -> Point:
        return Point(2 * point.x)

    got = executor.submit(double, Point(4)).result(LIMIT)
    assert type(got) is Point
    assert got.x == 8


def test_the_exception_is_the_functions_with_its_traceback(executor: AbacoExecutor) -> None:
    future = executor.submit(half, 3)
    with pytest.raises(Odd, match="3 is odd") as caught:
        future.result(LIMIT)
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert "in half" in str(caught.value.__cause__)
    assert isinstance(future.exception(), Odd)


def test_prints_are_the_futures_log(executor: AbacoExecutor) -> None:
    future = executor.submit(print, "hello from there")
    assert future.result(LIMIT) is None
    assert future.logs == "hello from there\n"


def test_an_exit_is_an_error(executor: AbacoExecutor) -> None:
    with pytest.raises(ExecutionFailed, match="exit code 7"):
        executor.submit(sys.exit, 7).result(LIMIT)


def test_what_cannot_be_pickled_is_its_own_futures_error(executor: AbacoExecutor) -> None:
    lock = threading.Lock()
    good = executor.submit(pow, 2, 2)
    bad = executor.submit(nap, 0, lock)
    function = executor.submit(lambda: lock)
    result = executor.submit(threading.Lock)
    with pytest.raises(PicklingError, match="nap cannot be sent"):
        bad.result(LIMIT)
    with pytest.raises(PicklingError, match="cannot be sent"):
        function.result(LIMIT)
    with pytest.raises(TypeError, match="result, of type 'lock', cannot be pickled"):
        result.result(LIMIT)
    assert good.result(LIMIT) == 4


def test_an_exception_that_cannot_be_pickled(executor: AbacoExecutor) -> None:
    def fail():
        error = ValueError("with a lock")
        error.lock = threading.Lock()
        raise error

    with pytest.raises(RemoteError, match="ValueError: with a lock"):
        executor.submit(fail).result(LIMIT)


def test_map_keeps_the_order(executor: AbacoExecutor) -> None:
    assert list(executor.map(pow, range(6), range(6), timeout=LIMIT)) == [n**n for n in range(6)]
    assert list(executor.map(pow, [], [])) == []


@pytest.mark.parametrize("chunksize", [2, 7, 100])
def test_map_in_chunks(executor: AbacoExecutor, chunksize: int) -> None:
    found = executor.map(pow, range(9), [2] * 9, timeout=LIMIT, chunksize=chunksize)
    assert list(found) == [n**2 for n in range(9)]


def test_starmap(executor: AbacoExecutor) -> None:
    assert list(executor.starmap(pow, [(2, 3), (3, 2)], timeout=LIMIT)) == [8, 9]


def test_map_raises_at_the_one_that_raised(executor: AbacoExecutor) -> None:
    results = executor.map(half, [4, 3, 2], timeout=LIMIT)
    assert next(results) == 2
    with pytest.raises(Odd):
        next(results)


def test_map_chunksize_must_be_positive(executor: AbacoExecutor) -> None:
    with pytest.raises(ValueError, match="chunksize"):
        executor.map(pow, [1], [1], chunksize=0)


def test_map_times_out_and_drops_the_rest(executor: AbacoExecutor) -> None:
    before = {one.id for one in executor.actor.executions()}
    with pytest.raises(FuturesTimeout):
        list(executor.map(nap, [0, *[8] * 12], timeout=3))
    executor.shutdown()
    ours = [one for one in executor.actor.executions() if one.id not in before]
    assert len(ours) == 13
    assert [one.record["status"] for one in ours].count("COMPLETE") < 13


def test_an_interrupt_of_map_stops_what_runs(executor: AbacoExecutor) -> None:
    results = executor.map(nap, [0, *[120] * 6])
    futures = list(results.gi_frame.f_locals["batch"].futures)
    assert next(results) is None
    until(lambda: any(one.running() for one in futures[1:]))
    main = threading.main_thread().ident
    timer = threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        next(results)
    timer.join()
    executor.shutdown()
    ends = {type(one.exception()) if not one.cancelled() else None for one in futures[1:]}
    assert ends <= {None, ExecutionFailed}
    assert ExecutionFailed in ends


def test_a_callback_may_cancel_its_neighbours(executor: AbacoExecutor) -> None:
    first = executor.submit(nap, 0)
    rest = [executor.submit(nap, 60) for _ in range(8)]
    first.add_done_callback(lambda _: [one.cancel(force=True) for one in rest])
    executor.shutdown()
    assert all(one.cancelled() or isinstance(one.exception(), ExecutionFailed) for one in rest)


def test_result_times_out_and_the_call_goes_on(executor: AbacoExecutor) -> None:
    future = executor.submit(nap, 2, "slept")
    with pytest.raises(FuturesTimeout):
        future.result(0.2)
    assert future.result(LIMIT) == "slept"


def test_running_calls_are_cancelled_by_force_only(executor: AbacoExecutor) -> None:
    future = executor.submit(nap, 120)
    until(future.running)
    assert future.cancel() is False
    assert future.cancel(force=True) is True
    with pytest.raises(ExecutionFailed, match="was halted"):
        future.result(LIMIT)


def test_waiting_calls_are_cancelled_before_they_run(executor: AbacoExecutor) -> None:
    busy = [executor.submit(nap, 4) for _ in range(2)]
    until(lambda: all(one.running() for one in busy))
    waiting = executor.submit(nap, 0)
    heard = []
    waiting.add_done_callback(heard.append)
    until(lambda: waiting.execution_id is not None)
    assert waiting.cancel() is True
    assert waiting.cancel() is True
    assert (waiting.cancelled(), waiting.done(), heard) == (True, True, [waiting])
    with pytest.raises(CancelledError):
        waiting.result(LIMIT)
    done, _ = wait([waiting], timeout=60)
    assert done == {waiting}
    assert list(as_completed([waiting], timeout=60)) == [waiting]
    assert waiting.status == "ERROR"
    assert waiting.execution.record.get("startTime") is None
    wait(busy, timeout=LIMIT)


def test_a_finished_call_cannot_be_cancelled(executor: AbacoExecutor) -> None:
    future = executor.submit(pow, 1, 1)
    future.result(LIMIT)
    assert future.cancel(force=True) is False


def test_done_callbacks_before_and_after(executor: AbacoExecutor) -> None:
    future, told = executor.submit(nap, 0.5, 1), []
    future.add_done_callback(lambda f: told.append(("before", f.result())))
    assert future.result(LIMIT) == 1
    future.add_done_callback(lambda f: told.append(("after", f.result())))
    until(lambda: len(told) == 2)
    assert sorted(told) == [("after", 1), ("before", 1)]


def test_futures_can_be_awaited(executor: AbacoExecutor) -> None:
    async def both():
        return await asyncio.gather(executor.submit(pow, 2, 3), executor.submit(pow, 3, 2))

    assert asyncio.run(both()) == [8, 9]


def test_after_the_shutdown_nothing_is_taken(executor: AbacoExecutor) -> None:
    with executor:
        future = executor.submit(nap, 1, "done")
    assert future.done()
    assert future.result() == "done"
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(pow, 1, 1)
    executor.shutdown()


def test_shutdown_without_wait_lets_calls_end(executor: AbacoExecutor) -> None:
    future = executor.submit(nap, 1, "done")
    executor.shutdown(wait=False)
    assert not future.done()
    assert future.result(LIMIT) == "done"


def test_shutdown_can_drop_what_waits(executor: AbacoExecutor) -> None:
    futures = [executor.submit(nap, 3, n) for n in range(8)]
    until(lambda: any(one.running() for one in futures))
    executor.shutdown(cancel_futures=True)
    assert all(one.done() for one in futures)
    kept = [one for one in futures if not one.cancelled()]
    assert 0 < len(kept) < 8
    assert all(isinstance(one.result(), int) for one in kept)


def test_its_threads_end_with_it(executor: AbacoExecutor) -> None:
    before = {one.name for one in threading.enumerate()}
    executor.submit(pow, 1, 1).result(LIMIT)
    executor.shutdown()
    until(lambda: not any("abaco" in t.name for t in threading.enumerate()), 5)
    assert not any("abaco" in name for name in before)


def test_thousands_are_taken_at_once(executor: AbacoExecutor) -> None:
    futures = [executor.submit(nap, 0) for _ in range(3000)]
    until(lambda: any(one.done() for one in futures))
    assert len(executor._line.on_server) <= ON_SERVER
    executor.shutdown(wait=False, cancel_futures=True)
    assert sum(one.cancelled() for one in futures) > 2000


def test_an_executors_actor_is_found_again(executor: AbacoExecutor, live: LiveServer) -> None:
    with Abaco(live.url, live.token) as abaco:
        same = AbacoExecutor(2, abaco=abaco)
        assert same.actor.id == executor.actor.id
        with AbacoExecutor(actor=executor.actor.name, abaco=abaco) as by_name:
            assert by_name.submit(pow, 2, 2).result(LIMIT) == 4
        assert by_name._max_workers == 2


def test_other_actors_and_other_pythons_are_refused(live: LiveServer) -> None:
    with Abaco(live.url, live.token) as abaco:
        other = abaco.create("x", name="no-executor")
        with pytest.raises(InvalidRequest, match="was not made by an AbacoExecutor"):
            AbacoExecutor(actor=other.id, abaco=abaco)
        old = abaco.create("x", defaultEnvironment={"ABACO_EXECUTOR_PYTHON": "3.2"})
        with pytest.raises(InvalidRequest, match=r"calls of Python 3\.2, and this kernel"):
            AbacoExecutor(actor=old.id, abaco=abaco)


def test_arguments_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="max_workers"):
        AbacoExecutor(0)
    with pytest.raises(ValueError, match="only actor="):
        AbacoExecutor(actor="x", pip=["numpy"])
