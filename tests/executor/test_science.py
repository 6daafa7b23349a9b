"""Dask's collections and scikit-learn's searches in real containers, all with one image."""

import operator
from collections.abc import Iterator
from pathlib import Path

import dask
import dask.array as da
import dask.bag as db
import joblib
import numpy as np
import pytest
from kernel_packages import make_image, remove_image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.executor.executor import AbacoExecutor
from live_server import LiveServer

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def science(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AbacoExecutor]:
    image = make_image(["dask", "numpy", "scikit-learn", "joblib"])
    home: Path = tmp_path_factory.mktemp("science")
    with (
        LiveServer(home, "--AbacoApp.runner=docker") as server,
        Abaco(server.url, server.token) as abaco,
        AbacoExecutor(2, image=image, abaco=abaco) as executor,
    ):
        yield executor
    remove_image()


def test_collections_of_dask(science: AbacoExecutor) -> None:
    values = np.arange(16.0).reshape(4, 4)
    array = da.from_array(values, chunks=(2, 4))
    bag = db.from_sequence(range(6), npartitions=2)
    total = dask.delayed(operator.add)(dask.delayed(abs)(-40), 2)
    with dask.config.set(scheduler=science):
        found = dask.compute(array.sum(), bag.map(lambda n: n * n).sum(), total)
    assert found == (120.0, 55, 42)


def test_a_grid_search_of_scikit_learn(science: AbacoExecutor) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = (x[:, 0] > 0).astype(int)
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0]}, cv=2, n_jobs=-1)
    before = len(science.actor.executions())
    with joblib.parallel_config(backend="abaco", executor=science):
        search.fit(x, y)
    assert search.best_score_ > 0.8
    assert len(science.actor.executions()) > before
    alone = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0]}, cv=2).fit(x, y)
    assert search.best_params_ == alone.best_params_
    assert np.allclose(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
