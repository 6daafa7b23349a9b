"""What `with_options`, `retry`, `reattach` and the other ways of `map` do with real executions."""

import os
import time
from concurrent.futures import InvalidStateError, wait
from pathlib import Path

import pytest

from abaco_jupyter.client.errors import ExecutionFailed, ExecutionLost
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.executor.executor import AbacoExecutor
from abaco_jupyter.wire.errors import InvalidRequest
from live_server import LiveServer

LIMIT = 120


def nap(seconds: float, value: object = None) -> object:
    time.sleep(seconds)
    return value


def when_there(path: str, value: object) -> object:
    while not os.path.exists(path):
        time.sleep(0.01)
    return value


def odd_ones_fail(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


def works_at_try(number: int, folder: str) -> int:
    """Fails until it was tried so often."""
    tries = len(os.listdir(folder)) + 1
    Path(folder, f"try{tries}").touch()
    if tries < number:
        raise OSError(f"try {tries} failed")
    return tries


def test_a_view_is_the_same_executor(executor: AbacoExecutor) -> None:
    view = executor.with_options(timeout=60, retries=1)
    assert view.actor.id == executor.actor.id
    assert view.submit(pow, 2, 5).result(LIMIT) == 32
    with pytest.raises(ValueError, match="retries must be 0 or more"):
        executor.with_options(retries=-1)
    with pytest.raises(InvalidRequest, match="timeout must be more than 0"):
        executor.with_options(timeout=0)
    view.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(pow, 1, 1)


def test_another_memory_is_another_actor_of_the_same_image(executor: AbacoExecutor) -> None:
    with pytest.raises(InvalidRequest, match="'lots' is not a size such as 512m"):
        executor.with_options(memory="lots")
    with pytest.raises(ValueError, match="not 'nowhere'"):
        executor.with_options(isolation="nowhere")
    small = executor.with_options(memory="900m", max_workers=1)
    assert small.actor.id != executor.actor.id
    assert small.actor.image == executor.actor.image
    assert (small.actor.known["memLimit"], small._max_workers) == ("900m", 1)
    assert small.with_options(timeout=9).actor.id == small.actor.id


def test_the_server_ends_a_call_that_takes_too_long(executor: AbacoExecutor) -> None:
    future = executor.with_options(timeout=1).submit(nap, 300)
    with pytest.raises(ExecutionFailed, match="its time limit") as caught:
        future.result(LIMIT)
    assert not isinstance(caught.value, ExecutionLost)


def test_a_call_is_tried_again_until_it_returns(executor: AbacoExecutor, tmp_path: Path) -> None:
    future = executor.with_options(retries=3).submit(works_at_try, 3, str(tmp_path))
    assert future.result(LIMIT) == 3
    assert len(future.earlier) == 2
    first = future.earlier[0][0]
    assert future.execution_id not in [execution for execution, _ in future.earlier]
    assert future.execution.record["id"] != first


def test_the_last_exception_tells_of_those_before(executor: AbacoExecutor, tmp_path: Path) -> None:
    future = executor.with_options(retries=1).submit(works_at_try, 9, str(tmp_path))
    with pytest.raises(OSError, match="try 2 failed") as caught:
        future.result(LIMIT)
    assert len(os.listdir(tmp_path)) == 2
    (note,) = caught.value.__notes__
    assert note.startswith("Try 1 (execution ")
    assert note.endswith("ended in OSError: try 1 failed")


def test_retries_after_the_shutdown_are_waited_for(executor: AbacoExecutor, tmp_path: Path) -> None:
    future = executor.with_options(retries=2).submit(works_at_try, 2, str(tmp_path))
    executor.shutdown()
    assert future.done()
    assert future.result() == 2


def test_retry_is_a_new_execution_and_a_new_future(executor: AbacoExecutor, tmp_path: Path) -> None:
    slow = executor.submit(nap, 300)
    with pytest.raises(InvalidStateError, match="has not ended yet"):
        slow.retry()
    first = executor.submit(works_at_try, 2, str(tmp_path))
    assert isinstance(first.exception(LIMIT), OSError)
    second = first.retry()
    assert second.result(LIMIT) == 2
    assert isinstance(first.exception(), OSError)
    assert second.execution_id != first.execution_id
    never_sent = executor.submit(nap, 0, (x for x in ()))
    with pytest.raises(InvalidRequest, match="it could not be sent"):
        never_sent.retry()
    slow.cancel(force=True)


def test_exceptions_can_be_results(executor: AbacoExecutor) -> None:
    found = executor.map(odd_ones_fail, [2, 3, 4], timeout=LIMIT, return_exceptions=True)
    kinds = [one if isinstance(one, int) else str(one) for one in found]
    assert kinds == [2, "3 is odd", 4]
    chunks = executor.map(odd_ones_fail, [2, 3, 4], chunksize=2, return_exceptions=True)
    assert [type(one) for one in chunks] == [ValueError, ValueError, int]


def test_unordered_results_come_as_calls_end(executor: AbacoExecutor, tmp_path: Path) -> None:
    gate = str(tmp_path / "open")
    calls = [(gate, "slow"), ("/", "quick")]
    found = executor.starmap(when_there, calls, timeout=LIMIT, ordered=False)
    assert next(found) == "quick"
    open(gate, "w").close()
    assert list(found) == ["slow"]
    chunks = executor.map(odd_ones_fail, [0, 2, 4], chunksize=2, ordered=False)
    assert sorted(chunks) == [0, 2, 4]


def test_as_completed_of_the_executor(executor: AbacoExecutor) -> None:
    futures = [executor.submit(nap, 0, number) for number in range(3)]
    assert {one.result() for one in executor.as_completed(futures, LIMIT)} == {0, 1, 2}


def test_labelled_calls_are_found_by_another_executor(
    executor: AbacoExecutor, live: LiveServer, tmp_path: Path
) -> None:
    label = f"sweep {tmp_path}"
    labelled = executor.with_options(label=label)
    done = labelled.submit(nap, 0, "done")
    assert done.result(LIMIT) == "done"
    failed = labelled.submit(odd_ones_fail, 1)
    again = labelled.with_options(retries=1).submit(works_at_try, 2, str(tmp_path))
    wait([failed, again], timeout=LIMIT)
    running = labelled.submit(nap, 4, "later")
    executor.submit(nap, 0, "other")
    with Abaco(live.url, live.token) as abaco, AbacoExecutor(abaco=abaco) as other:
        found = other.reattach(label)
        assert [one.execution_id for one in found] == [
            *(one.execution_id for one in (done, failed, again, running)),
        ]
        assert found[0].result(LIMIT) == "done"
        assert isinstance(found[1].exception(LIMIT), ValueError)
        assert found[2].result(LIMIT) == 2
        assert found[3].result(LIMIT) == "later"
        assert other.reattach("sweep 8") == []
        with pytest.raises(InvalidRequest, match="comes from reattach"):
            found[1].retry()
    with Abaco(live.url, live.token) as abaco:
        by_actor = AbacoExecutor(actor=executor.actor.id, abaco=abaco)
        assert len(by_actor.reattach(label)) == 4
        by_actor.shutdown()


def test_wait_interactive_shows_the_log(executor: AbacoExecutor, capsys) -> None:
    future = executor.submit(print, "hello from there")
    assert future.wait_interactive(LIMIT) is future
    assert future.result() is None
    assert "hello from there" in capsys.readouterr().out
    slow = executor.submit(nap, 300)
    with pytest.raises(TimeoutError):
        slow.wait_interactive(0.5)
    assert not slow.done()
    slow.cancel(force=True)
    slow.wait_interactive(LIMIT)
    assert slow.done()
