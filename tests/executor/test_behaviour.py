"""What CPython's test_concurrent_futures asks of an executor and its futures, asked of ours.

The behaviours are those of its classes ExecutorTest, ExecutorShutdownTest, WaitTests,
AsCompletedTests, FutureTests and ExecutorDeadlockTest (Python 3.11); left out is what is about
threads and processes of a pool alone: names, initializers, start methods, dynamic spawning. The
calls run in threads here, pickled both ways; `test_behaviour_containers` asks a part again of
real containers, and `test_executor` of a real server.
"""

import gc
import os
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    BrokenExecutor,
    CancelledError,
    Future,
    InvalidStateError,
    as_completed,
    wait,
)
from concurrent.futures import TimeoutError as FuturesTimeout
from pickle import PicklingError

import pytest
from local_line import LocalLine, LocalServer

from abaco_jupyter.client.errors import ExecutionFailed
from abaco_jupyter.executor import house
from abaco_jupyter.executor.executor import AbacoExecutor
from abaco_jupyter.executor.future import AbacoFuture, drop, fail, succeed

LIMIT = 60


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Iterator[AbacoExecutor]:
    monkeypatch.setattr(house, "Line", LocalLine)
    executor = AbacoExecutor(2, pip=(), abaco=LocalServer())
    yield executor
    executor.shutdown(wait=False, cancel_futures=True)


def mul(x: int, y: int) -> int:
    return x * y


def nap(seconds: float, value: object = None) -> object:
    time.sleep(seconds)
    return value


def fail_after(seconds: float) -> None:
    time.sleep(seconds)
    raise ValueError("this is an exception")


def capture(*args: object, **kwargs: object) -> tuple[object, object]:
    return args, kwargs


def until(condition) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def gate(tmp_path) -> Iterator[str]:
    """A file: calls given it wait until it is there."""
    path = str(tmp_path / "open")
    yield path
    open(path, "w").close()


def wait_for(path: str, value: object = None) -> object:
    while not os.path.exists(path):
        time.sleep(0.01)
    return value


# ---- ExecutorTest ------------------------------------------------------------------------------


def test_submit(executor: AbacoExecutor) -> None:
    assert executor.submit(pow, 2, 8).result(LIMIT) == 256


def test_submit_keywords(executor: AbacoExecutor) -> None:
    assert executor.submit(mul, 2, y=8).result(LIMIT) == 16
    sent = executor.submit(capture, 1, self=2, fn=3, timeout=4)
    assert sent.result(LIMIT) == ((1,), {"self": 2, "fn": 3, "timeout": 4})
    with pytest.raises(TypeError):
        executor.submit(fn=capture, arg=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        executor.submit(arg=1)  # type: ignore[call-arg]


def test_map(executor: AbacoExecutor) -> None:
    assert list(executor.map(pow, range(10), range(10))) == list(map(pow, range(10), range(10)))
    assert list(executor.map(pow, range(4), range(9), chunksize=3)) == [1, 1, 4, 27]


def test_map_exception(executor: AbacoExecutor) -> None:
    found = executor.map(divmod, [1, 1, 1, 1], [2, 3, 0, 5])
    assert next(found) == (0, 1)
    assert next(found) == (0, 1)
    with pytest.raises(ZeroDivisionError):
        next(found)
    with pytest.raises(StopIteration):
        next(found)


def test_map_timeout(executor: AbacoExecutor, gate: str) -> None:
    results = executor.map(wait_for, [__file__, gate], timeout=1.5)
    found: list[object] = []
    with pytest.raises(FuturesTimeout):
        found.extend(iter(lambda: next(results), object()))
    assert found in ([None], []), "a slow machine has not even the first"


@pytest.mark.parametrize("size", [0, -1])
def test_map_chunksize(executor: AbacoExecutor, size: int) -> None:
    with pytest.raises(ValueError, match="chunksize must be >= 1"):
        list(executor.map(pow, [1], [1], chunksize=size))


def test_max_workers_too_low() -> None:
    for number in (0, -1):
        with pytest.raises(ValueError, match="max_workers must be greater than 0"):
            AbacoExecutor(max_workers=number)


def test_no_references_to_results_are_kept(executor: AbacoExecutor) -> None:
    class Value:
        pass

    results = executor.map(lambda _: Value(), range(3))
    executor.shutdown()
    for found in results:
        last = weakref.ref(found)
        del found
        gc.collect()
        assert last() is None


def test_no_references_to_arguments_are_kept(executor: AbacoExecutor) -> None:
    class Argument:
        pass

    argument = Argument()
    gone = weakref.ref(argument)
    executor.submit(id, argument).result(LIMIT)
    del argument
    gc.collect()
    assert gone() is None


def test_exceptions_that_are_false_or_empty(executor: AbacoExecutor) -> None:
    class Falsey(Exception):
        def __bool__(self) -> bool:
            return False

    class Empty(Exception):
        def __len__(self) -> int:
            return 0

    def throw(kind):
        raise kind("really")

    for kind in (Falsey, Empty):
        error = executor.submit(throw, kind).exception(LIMIT)
        assert type(error).__name__ == kind.__name__
        with pytest.raises(Exception, match="really"):
            list(executor.map(throw, [kind]))


def test_callbacks_see_a_result_while_calls_are_submitted(executor: AbacoExecutor) -> None:
    told: list[object] = []
    for number in range(20):
        executor.submit(mul, number, 1).add_done_callback(lambda f: told.append(f.result()))
    executor.shutdown()
    assert sorted(told) == list(range(20))


# ---- ExecutorShutdownTest ----------------------------------------------------------------------


def test_nothing_is_taken_after_the_shutdown(executor: AbacoExecutor) -> None:
    executor.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.submit(pow, 2, 5)
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.map(pow, [2], [5])


def test_a_shutdown_at_once_waits_for_all(executor: AbacoExecutor) -> None:
    futures = [executor.submit(nap, 0.01, n) for n in range(30)]
    executor.shutdown()
    assert [one.result() for one in futures] == list(range(30))


def test_a_shutdown_twice(executor: AbacoExecutor) -> None:
    executor.submit(pow, 1, 1)
    executor.shutdown()
    executor.shutdown()
    executor.shutdown(wait=False, cancel_futures=True)


def test_shutdown_cancels_what_waits(executor: AbacoExecutor, gate: str) -> None:
    futures = [executor.submit(wait_for, gate, n) for n in range(12)]
    until(lambda: sum(one.running() for one in futures) == 2)

    def open_then() -> None:
        until(lambda: all(one.cancelled() or one.running() for one in futures))
        open(gate, "w").close()

    threading.Thread(target=open_then).start()
    executor.shutdown(cancel_futures=True)
    ended = [one for one in futures if not one.cancelled()]
    assert all(one.done() for one in futures)
    assert [one.result() for one in ended] == list(range(len(ended)))
    assert 2 <= len(ended) < 12


def test_shutdown_without_waiting(executor: AbacoExecutor, gate: str) -> None:
    futures = [executor.submit(wait_for, gate, n) for n in range(3)]
    executor.shutdown(wait=False)
    assert not any(one.done() for one in futures)
    open(gate, "w").close()
    assert [one.result(LIMIT) for one in futures] == [0, 1, 2]


def test_the_context_manager_waits(executor: AbacoExecutor) -> None:
    with executor as entered:
        assert entered is executor
        results = entered.map(nap, [0.05] * 4, range(4))
    assert list(results) == [0, 1, 2, 3]
    with pytest.raises(RuntimeError):
        executor.submit(pow, 1, 1)


def test_an_executor_that_nobody_has_any_more_ends_its_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(house, "Line", LocalLine)
    executor = AbacoExecutor(2, pip=(), abaco=LocalServer())
    futures = [executor.submit(nap, 0.05, n) for n in range(4)]
    threads = executor._line._threads
    del executor
    gc.collect()
    assert [one.result(LIMIT) for one in futures] == [0, 1, 2, 3]
    until(lambda: not any(one.is_alive() for one in threads))


# ---- WaitTests ---------------------------------------------------------------------------------


def test_wait_for_the_same_future_twice(executor: AbacoExecutor) -> None:
    future = executor.submit(pow, 1, 1)
    done, rest = wait([future, future], timeout=LIMIT, return_when=ALL_COMPLETED)
    assert (done, rest) == ({future}, set())


def test_wait_for_the_first(executor: AbacoExecutor, gate: str) -> None:
    slow, quick = executor.submit(wait_for, gate), executor.submit(mul, 21, 2)
    done, rest = wait([slow, quick], timeout=LIMIT, return_when=FIRST_COMPLETED)
    assert (done, rest) == ({quick}, {slow})
    again = wait([slow, quick], timeout=LIMIT, return_when=FIRST_COMPLETED)
    assert tuple(again) == ({quick}, {slow})


def test_wait_for_the_first_exception(executor: AbacoExecutor, gate: str) -> None:
    good, bad = executor.submit(mul, 2, 21), executor.submit(fail_after, 0.1)
    slow = executor.submit(wait_for, gate)
    done, rest = wait([good, bad, slow], timeout=LIMIT, return_when=FIRST_EXCEPTION)
    assert bad in done
    assert slow in rest
    # One that has failed already is enough; a cancelled one is not.
    done, rest = wait([bad, slow], timeout=LIMIT, return_when=FIRST_EXCEPTION)
    assert (done, rest) == ({bad}, {slow})


def test_wait_for_all_with_those_that_were_dropped(executor: AbacoExecutor, gate: str) -> None:
    busy = [executor.submit(wait_for, gate) for _ in range(2)]
    until(lambda: all(one.running() for one in busy))
    dropped, failing = executor.submit(mul, 1, 1), executor.submit(fail_after, 0)
    assert dropped.cancel()
    open(gate, "w").close()
    done, rest = wait([*busy, dropped, failing], timeout=LIMIT)
    assert (done, rest) == ({*busy, dropped, failing}, set())


def test_wait_no_longer_than_said(executor: AbacoExecutor, gate: str) -> None:
    quick = executor.submit(mul, 6, 7)
    assert quick.result(LIMIT) == 42
    slow = executor.submit(wait_for, gate)
    done, rest = wait([quick, slow], timeout=0.1)
    assert (done, rest) == ({quick}, {slow})


# ---- AsCompletedTests --------------------------------------------------------------------------


def test_as_completed(executor: AbacoExecutor) -> None:
    futures = {executor.submit(mul, 2, n) for n in range(6)}
    assert set(as_completed(futures, LIMIT)) == futures
    assert set(as_completed(futures)) == futures
    assert set(executor.as_completed(futures, LIMIT)) == futures


@pytest.mark.parametrize("seconds", [0, 0.1])
def test_as_completed_in_time(executor: AbacoExecutor, gate: str, seconds: float) -> None:
    quick, slow = executor.submit(mul, 1, 1), executor.submit(wait_for, gate)
    quick.result(LIMIT)
    seen = set()
    with pytest.raises(FuturesTimeout, match=r"1 \(of 2\) futures unfinished"):
        seen.update(one for one in as_completed([quick, slow], seconds) if not seen.add(one))
    assert seen == {quick}


def test_as_completed_yields_a_future_once(executor: AbacoExecutor) -> None:
    future = executor.submit(mul, 1, 1)
    assert list(as_completed([future, future], LIMIT)) == [future]


def test_as_completed_keeps_no_future_that_it_has_yielded(executor: AbacoExecutor) -> None:
    futures = [executor.submit(mul, 1, n) for n in range(3)]
    assert not wait(futures, LIMIT).not_done
    executor.shutdown()
    for future in as_completed([futures.pop() for _ in range(3)], LIMIT):
        gone = weakref.ref(future)
        del future
        gc.collect()
        assert gone() is None


# ---- ExecutorDeadlockTest: what cannot travel, and what breaks on the way ------------------------


class CannotBePickled:
    def __reduce__(self):
        raise PicklingError("no")


class CannotBeRead:
    """Pickled, but not to be unpickled."""

    def __reduce__(self):
        return _raise, (MemoryError, "it cannot be read")


class EndsTheReader:
    def __reduce__(self):
        return sys.exit, (3,)


def _raise(kind, text):
    raise kind(text)


def _make(kind):
    return kind()


BROKEN = [
    (capture, (CannotBePickled(),), PicklingError, "capture cannot be sent to a container: no"),
    (capture, (CannotBeRead(),), MemoryError, "it cannot be read"),
    (capture, (EndsTheReader(),), ExecutionFailed, "exit code 3"),
    (sys.exit, (1,), ExecutionFailed, "exit code 1"),
    (_raise, (RuntimeError, "in the call"), RuntimeError, "in the call"),
    (_make, (CannotBePickled,), TypeError, "result, of type 'CannotBePickled'"),
    (_make, (CannotBeRead,), MemoryError, "it cannot be read"),
]


@pytest.mark.parametrize(
    ("function", "args", "kind", "says"),
    BROKEN,
    ids=[f"{b[2].__name__}{n}" for n, b in enumerate(BROKEN)],
)
def test_what_breaks_is_one_calls_error(
    executor: AbacoExecutor, function, args, kind, says: str
) -> None:
    bad, good = executor.submit(function, *args), executor.submit(mul, 6, 7)
    with pytest.raises(kind, match=says):
        bad.result(LIMIT)
    assert good.result(LIMIT) == 42
    executor.shutdown()


def test_of_many_calls_only_the_broken_ones_fail(executor: AbacoExecutor) -> None:
    found = executor.map(capture, [1, CannotBePickled(), 3], return_exceptions=True)
    first, second, third = found
    assert (first, third) == (((1,), {}), ((3,), {}))
    assert isinstance(second, PicklingError)


def test_a_function_that_cannot_be_pickled(executor: AbacoExecutor) -> None:
    lock = threading.Lock()
    with pytest.raises(PicklingError, match="<lambda> cannot be sent"):
        executor.submit(lambda: lock).result(LIMIT)


def test_a_broken_executor_takes_nothing(executor: AbacoExecutor) -> None:
    executor._line.broken = OSError("gone")
    with pytest.raises(BrokenExecutor):
        executor.submit(pow, 1, 1)


# ---- FutureTests: those of a call that no line knows ---------------------------------------------


def test_callbacks_of_each_end() -> None:
    for end in (
        lambda one: succeed(one, 5),
        lambda one: fail(one, OSError()),
        drop,
    ):
        future, told = AbacoFuture(None), []
        future.add_done_callback(told.append)
        end(future)
        future.add_done_callback(told.append)
        assert told == [future, future]
        assert future.done()


def test_a_callback_that_raises_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    future, told = AbacoFuture(None), []
    future.add_done_callback(lambda _: 1 / 0)
    future.add_done_callback(told.append)
    succeed(future, 5)
    future.add_done_callback(lambda _: 1 / 0)
    assert told == [future]
    assert caplog.text.count("ZeroDivisionError") == 2


def test_states_of_a_future() -> None:
    future = AbacoFuture(None)
    assert (future.done(), future.running(), future.cancelled()) == (False, False, False)
    assert "state=pending" in repr(future)
    future.begin()
    assert (future.done(), future.running(), future.cancelled()) == (False, True, False)
    assert "state=running" in repr(future)
    assert future.drop() is False
    succeed(future, 7)
    assert (future.done(), future.running(), future.cancelled()) == (True, False, False)
    assert "state=finished returned int" in repr(future)
    dropped, failed = AbacoFuture(None), AbacoFuture(None)
    assert dropped.drop()
    assert dropped.drop()
    assert (dropped.done(), dropped.cancelled(), dropped.cancel()) == (True, True, True)
    assert "state=cancelled" in repr(dropped)
    fail(failed, OSError("x"))
    assert "raised OSError" in repr(failed)
    assert failed.cancel() is False


def test_results_and_exceptions_in_time() -> None:
    future = AbacoFuture(None)
    for ask in (future.result, future.exception):
        with pytest.raises(FuturesTimeout):
            ask(timeout=0)
    dropped = AbacoFuture(None)
    dropped.drop()
    for ask in (dropped.result, dropped.exception):
        with pytest.raises(CancelledError):
            ask(timeout=0)
    threading.Timer(0.05, succeed, (future, 42)).start()
    assert future.result(LIMIT) == 42
    assert future.exception(0) is None
    late = AbacoFuture(None)
    threading.Timer(0.05, late.drop).start()
    with pytest.raises(CancelledError):
        late.result(LIMIT)


def test_only_the_first_end_counts() -> None:
    future = AbacoFuture(None)
    succeed(future, 1)
    succeed(future, 2)
    fail(future, OSError())
    assert future.result(0) == 1
    with pytest.raises(InvalidStateError):
        Future.set_result(future, 3)
    failed = AbacoFuture(None)
    fail(failed, OSError("first"))
    succeed(failed, 1)
    with pytest.raises(OSError, match="first"):
        failed.result(0)
