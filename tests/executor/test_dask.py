"""Dask's collections on an executor: the typical graphs of dask's documentation."""

import operator
import signal
import threading
import time
import warnings
from concurrent.futures import Executor, Future

import cloudpickle
import dask
import dask.array as da
import dask.bag as db
import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of packages that dask.dataframe imports
    import dask.dataframe as dd
    import pandas as pd

from abaco_jupyter.client.errors import RemoteTraceback
from abaco_jupyter.executor.dask import run_graph
from abaco_jupyter.executor.executor import AbacoExecutor
from abaco_jupyter.wire.errors import Unavailable

LIMIT = 60


class Elsewhere(Executor):
    """Runs calls as a container does: what goes there and comes back has been pickled."""

    _max_workers = 3

    def __init__(self) -> None:
        self.futures: list[Cancellable] = []

    def submit(self, fn, /, *args, **kwargs):
        future = Cancellable()
        self.futures.append(future)
        self.run(future, cloudpickle.dumps((fn, args, kwargs)))
        return future

    def run(self, future: Future, call: bytes) -> None:
        fn, args, kwargs = cloudpickle.loads(call)
        try:
            future.set_result(cloudpickle.loads(cloudpickle.dumps(fn(*args, **kwargs))))
        except Exception as error:  # noqa: BLE001  as every executor does
            future.set_exception(error)

    def __call__(self, graph, keys, **options):
        return run_graph(self, graph, keys, **options)


class Cancellable(Future):
    stopped = False

    def cancel(self, force: bool = False) -> bool:
        self.stopped = force
        return True


class Never(Elsewhere):
    """Ends no call; the user loses patience when it has three."""

    def run(self, future: Future, call: bytes) -> None:
        if len(self.futures) == 3:
            raise KeyboardInterrupt


def frame(npartitions: int = 3):
    numbers = pd.DataFrame({"name": list("abcabcabca"), "x": range(10), "y": [0.5] * 10})
    return numbers, dd.from_pandas(numbers, npartitions=npartitions)


# ---- graphs, as dask's documentation draws them ------------------------------------------------


def test_delayed_functions_that_use_each_others_results() -> None:
    inc, add = dask.delayed(lambda x: x + 1), dask.delayed(operator.add)
    total = dask.delayed(sum)([add(inc(n), 2 * n) for n in range(5)])
    same = dask.delayed({"total": total, "list": [total, 1]})
    assert dask.compute(total, same, scheduler=Elsewhere()) == (
        35,
        {"total": 35, "list": [35, 1]},
    )


def test_bags() -> None:
    people = [{"name": f"n{n % 4}", "age": n} for n in range(20)]
    bag = db.from_sequence(people, npartitions=4)
    with dask.config.set(scheduler=Elsewhere()):
        adults = bag.filter(lambda one: one["age"] >= 18).pluck("name")
        assert adults.compute() == ["n2", "n3"]
        assert dict(bag.pluck("name").frequencies().compute()) == dict.fromkeys(
            ["n0", "n1", "n2", "n3"], 5
        )
        folded = bag.foldby("name", lambda sum_, one: sum_ + one["age"], 0, operator.add, 0)
        assert dict(folded.compute())["n1"] == 1 + 5 + 9 + 13 + 17
        assert bag.pluck("age").topk(2).compute() == [19, 18]
        pairs = db.zip(bag.pluck("age"), db.range(20, npartitions=4))
        assert pairs.starmap(operator.add).sum().compute() == 380


@pytest.mark.parametrize("method", ["disk", "tasks"])
def test_groups_of_a_bag_whose_files_no_container_sees(method: str) -> None:
    bag = db.from_sequence(range(12), npartitions=3)
    groups = bag.groupby(lambda n: n % 3, shuffle=method).compute(scheduler=Elsewhere())
    assert {key: sorted(found) for key, found in groups} == {
        0: [0, 3, 6, 9],
        1: [1, 4, 7, 10],
        2: [2, 5, 8, 11],
    }


def test_arrays() -> None:
    values = np.arange(64.0).reshape(8, 8)
    array = da.from_array(values, chunks=(4, 3))
    with dask.config.set(scheduler=Elsewhere()):
        assert np.allclose(array.dot(array.T).compute(), values @ values.T)
        assert np.allclose(
            (array - array.mean(axis=0)).std().compute(), (values - values.mean(0)).std()
        )
        assert np.allclose(array.rechunk((2, 8)).cumsum(axis=1).compute(), values.cumsum(1))
        assert np.allclose(array.map_overlap(lambda x: x, depth=1, boundary=0).compute(), values)
        assert array[array > 60].compute().tolist() == [61.0, 62.0, 63.0]
        kept = array.persist()
        assert kept.sum().compute() == values.sum()


def test_dataframes() -> None:
    numbers, frames = frame()
    with dask.config.set(scheduler=Elsewhere()):
        means = frames.groupby("name").x.mean().compute()
        assert means.sort_index().to_dict() == numbers.groupby("name").x.mean().to_dict()
        assert frames.x.value_counts().compute().sum() == 10
        joined = frames.merge(frames, on="x").compute()
        assert len(joined) == 10
        assert frames.assign(z=frames.x * 2)[frames.x > 7].z.compute().tolist() == [16, 18]


@pytest.mark.parametrize("method", ["disk", "tasks"])
def test_a_shuffle_of_a_dataframe_whose_files_no_container_sees(method: str) -> None:
    numbers, frames = frame(2)
    with dask.config.set({"scheduler": Elsewhere(), "dataframe.shuffle.method": method}):
        sizes = frames.shuffle("name").map_partitions(lambda part: part.name.unique().tolist())
        assert sorted(name for names in sizes.compute() for name in names) == ["a", "b", "c"]
        assert frames.set_index("x").compute().index.tolist() == numbers.x.tolist()


def test_a_chunk_of_tasks_is_one_call() -> None:
    executor = Elsewhere()
    tasks = [dask.delayed(operator.add)(n, 1) for n in range(12)]
    assert dask.compute(*tasks, scheduler=executor, chunksize=4) == tuple(range(1, 13))
    assert len(executor.futures) == 3


def test_no_more_calls_at_once_than_it_is_told() -> None:
    class Fails(Elsewhere):
        def run(self, future: Future, call: bytes) -> None:
            if len(self.futures) == 2:
                self.futures[0].set_exception(OSError("enough"))

    fails = Fails()
    with pytest.raises(OSError, match="enough"):
        dask.compute(*map(dask.delayed(abs), range(9)), scheduler=fails, num_workers=2)
    assert [one.stopped for one in fails.futures] == [False, True]


def test_a_graph_that_is_given_up_leaves_no_call_behind() -> None:
    never = Never()
    with pytest.raises(KeyboardInterrupt):
        dask.compute(*map(dask.delayed(abs), range(9)), scheduler=never)
    assert [one.stopped for one in never.futures[:2]] == [True, True]


def test_what_ended_the_graph_is_raised_when_the_server_is_gone_too() -> None:
    class Gone(Never):
        def submit(self, fn, /, *args, **kwargs):
            future = super().submit(fn, *args, **kwargs)
            future.cancel = self.cancel
            return future

        def cancel(self, force: bool = False) -> bool:
            raise Unavailable("it is gone")

    with pytest.raises(KeyboardInterrupt) as caught:
        dask.compute(*map(dask.delayed(abs), range(9)), scheduler=Gone())
    assert caught.value.__notes__ == ["A call of the graph could not be cancelled: it is gone"]


# ---- a real server -----------------------------------------------------------------------------


class Broken(Exception):
    """Defined in a module that no container has."""


def test_a_graph_on_a_server_and_what_its_tasks_printed(executor: AbacoExecutor) -> None:
    def square(x: int) -> int:
        print("square of", x)
        return x * x

    bag = db.from_sequence(range(4), npartitions=1).map(square)
    with dask.config.set(scheduler=executor):
        assert bag.compute() == [0, 1, 4, 9]
    newest = executor.actor.executions()[-2:]
    logs = sorted(one.logs for one in newest)
    assert logs[-1] == "".join(f"square of {n}\n" for n in range(4))
    assert set(logs[:-1]) <= {""}, "a task that prints nothing has no log"


def test_an_error_of_a_task_is_the_functions_own(executor: AbacoExecutor) -> None:
    def fail(x: int) -> int:
        raise Broken(f"no {x}")

    with pytest.raises(Broken, match="no 7") as caught:
        dask.delayed(fail)(7).compute(scheduler=executor)
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert "in fail" in str(caught.value.__cause__)


def test_an_interrupt_stops_the_calls_of_the_graph(executor: AbacoExecutor) -> None:
    before = {one.id for one in executor.actor.executions()}
    naps = [dask.delayed(time.sleep)(300 + n) for n in range(4)]

    def interrupt_when_one_runs() -> None:
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            ours = [one for one in executor.actor.executions() if one.id not in before]
            if any(one.status == "RUNNING" for one in ours):
                break
            time.sleep(0.05)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    watch = threading.Thread(target=interrupt_when_one_runs)
    watch.start()
    with pytest.raises(KeyboardInterrupt):
        dask.compute(*naps, scheduler=executor)
    watch.join()
    executor.shutdown()
    ours = [one for one in executor.actor.executions() if one.id not in before]
    assert 1 <= len(ours) <= 2, "dask has as many calls under way as there are workers"
    assert all(one.record["status"] in ("ERROR", "COMPLETE") for one in ours)
