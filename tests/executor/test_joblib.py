"""joblib's loops on an executor."""

import subprocess
import sys
import time

import joblib
import pytest

from abaco_jupyter.client.errors import RemoteTraceback
from abaco_jupyter.executor.executor import AbacoExecutor


class Broken(Exception):
    """Defined in a module that no container has."""


def half(number: int) -> float:
    if number == 13:
        raise Broken("13 brings bad luck")
    return number / 2


def test_a_loop_keeps_the_order_and_batches(executor: AbacoExecutor) -> None:
    before = {one.id for one in executor.actor.executions()}
    with joblib.parallel_config(backend="abaco", executor=executor):
        assert joblib.effective_n_jobs() == 2
        found = joblib.Parallel(batch_size=6, pre_dispatch="all")(
            joblib.delayed(half)(n) for n in range(12)
        )
    assert found == [n / 2 for n in range(12)]
    assert len({one.id for one in executor.actor.executions()} - before) == 2


def test_results_as_they_come(executor: AbacoExecutor) -> None:
    with joblib.parallel_config(backend="abaco", executor=executor, n_jobs=2):
        loop = joblib.Parallel(return_as="generator_unordered")
        assert sorted(loop(joblib.delayed(half)(n) for n in range(3))) == [0, 0.5, 1]


def test_an_error_ends_the_loop_and_stops_the_others(executor: AbacoExecutor) -> None:
    before = {one.id for one in executor.actor.executions()}
    calls = [joblib.delayed(half)(13), *[joblib.delayed(time.sleep)(300)] * 3]
    with (
        joblib.parallel_config(backend="abaco", executor=executor),
        pytest.raises(Broken, match="bad luck") as caught,
    ):
        joblib.Parallel()(calls)
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    executor.shutdown()
    ours = [one for one in executor.actor.executions() if one.id not in before]
    assert ours
    assert all(one.record["status"] in ("ERROR", "COMPLETE") for one in ours)


@pytest.mark.parametrize("first", ["abaco_jupyter", "joblib"])
def test_the_name_is_known_whichever_is_imported_first(first: str) -> None:
    script = f"""
import sys
import {first}
if {first!r} == "abaco_jupyter":
    assert "joblib" not in sys.modules
import joblib, abaco_jupyter
class Executor:
    _max_workers = 5
with joblib.parallel_config(backend="abaco", executor=Executor()):
    print(joblib.effective_n_jobs(), joblib.effective_n_jobs(-2), joblib.effective_n_jobs(3))
assert len([one for one in sys.meta_path if "abaco" in type(one).__module__]) == 0
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("5 4 3\n", "")


def test_no_workers_at_all_make_no_sense() -> None:
    with (
        joblib.parallel_config(backend="abaco", executor=object()),
        pytest.raises(ValueError, match="n_jobs == 0"),
    ):
        joblib.Parallel(n_jobs=0)(joblib.delayed(half)(n) for n in range(2))
