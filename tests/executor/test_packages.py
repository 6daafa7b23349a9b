"""What travels by value, what an image must have, and what is made when."""

import gc
import json
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
from local_line import LocalLine, LocalServer

from abaco_jupyter.executor import house, packages
from abaco_jupyter.executor.executor import AbacoExecutor
from abaco_jupyter.executor.pickling import Home, home_of, pickled
from abaco_jupyter.wire.errors import InvalidSpec

NUMPY = f"numpy=={numpy.__version__}"
CALLS = 20_000
MOST_BYTES = 3_500
"""A future, its lock and condition, the call and its place in the line."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> LocalServer:
    monkeypatch.setattr(house, "Line", LocalLine)
    return LocalServer()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where packages are installed that a test makes."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        del sys.modules[name]
    packages.distributions_of.cache_clear()


def install(site: Path, name: str, *, url: str | None, files: dict[str, str]) -> None:
    for path, text in files.items():
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_text(text)
    facts = site / f"{name}-1.5+here.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5+here\n")
    (facts / "RECORD").write_text("".join(f"{path},,\n" for path in files))
    if url is not None:
        (facts / "direct_url.json").write_text(json.dumps({"url": url, "dir_info": {}}))


def mean(values: list[float]) -> float:
    return float(numpy.mean(values))


def mean_inside(values: list[float]) -> float:
    import numpy as np

    return float(np.mean(values))


@pytest.mark.parametrize("function", [mean, mean_inside, lambda v: mean(v), (numpy.sin,)])
def test_a_function_says_what_it_needs(function: object) -> None:
    assert packages.requirements(pickled(function).needs) == {"numpy": NUMPY}


@pytest.mark.parametrize("value", [1, ((1, "a"), {}), len, Path("x"), json.dumps, lambda: Path()])
def test_what_python_has_needs_nothing(value: object) -> None:
    assert pickled(value).needs == frozenset()


def test_an_argument_needs_its_package(server: LocalServer) -> None:
    with AbacoExecutor(abaco=server) as executor:
        assert executor.submit(len, numpy.zeros(3)).result(60) == 3
    assert [one.pip for one in server.built] == [(NUMPY,)]


def test_nothing_is_made_before_the_first_call(server: LocalServer) -> None:
    with AbacoExecutor(abaco=server) as executor:
        assert repr(executor) == "AbacoExecutor(actor=made at the first call, max_workers=6)"
        assert server.built == []
        assert executor.submit(pow, 2, 3).result(60) == 8
        assert [one.pip for one in server.built] == [()]


def test_a_larger_image_is_made_when_more_is_needed_and_then_serves_all(
    server: LocalServer,
) -> None:
    with AbacoExecutor(abaco=server) as executor:
        executor.submit(pow, 2, 3).result(60)
        first = executor.actor
        assert executor.submit(mean, [1, 2]).result(60) == 1.5
        assert executor.actor is not first
        executor.submit(pow, 2, 3).result(60)
        executor.submit(mean_inside, [1]).result(60)
        assert [one.pip for one in server.built] == [(), (NUMPY,)]


@pytest.mark.parametrize(
    ("pip", "made"),
    [
        (["numpy<3"], [("numpy<3",)]),
        (["sniffio", "NumPy==1"], [("NumPy==1", "sniffio")]),
        (["sniffio"], [(NUMPY, "sniffio")]),
        ((), [()]),
    ],
)
def test_what_is_given_counts(server: LocalServer, pip, made) -> None:
    with AbacoExecutor(pip=pip, abaco=server) as executor:
        assert executor.submit(mean, [1, 2]).result(60) == 1.5
    assert [one.pip for one in server.built] == made


def test_a_base_image_gets_what_is_given_only(server: LocalServer) -> None:
    with AbacoExecutor(image="mine:1", abaco=server) as executor:
        assert executor.submit(mean, [1, 2]).result(60) == 1.5
    (built,) = server.built
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert (built.base, built.python, built.pip) == ("mine:1", python, ())


def test_a_text_is_no_list_of_packages(server: LocalServer) -> None:
    with pytest.raises(ValueError, match=r"pip=\['numpy'\]"):
        AbacoExecutor(pip="numpy", abaco=server)


def test_a_module_beside_the_notebook_travels_by_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "beside.py").write_text("def f():\n    return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import beside

    found = pickled(beside.f)
    assert home_of("beside") is Home.HERE
    assert found.needs == frozenset()
    assert b"return 1" not in found.body
    assert b"co_" not in found.body
    del sys.modules["beside"]


def test_a_package_of_this_machine_travels_when_it_is_python(site: Path) -> None:
    install(site, "ours", url="file:///src/ours", files={"ours/__init__.py": "def f(): return 1\n"})
    import ours

    found = pickled(ours.f, packages.travels)
    assert found.needs == frozenset()
    assert pickled(ours.f).needs == {"ours"}, "one that is asked for nothing goes by name"


def test_a_compiled_package_of_this_machine_is_refused(site: Path, server: LocalServer) -> None:
    source = {"fast/__init__.py": "def f(): return 1\n", "fast/inner.so": ""}
    install(site, "fast", url="file:///src/fast", files=source)
    import fast

    with (
        AbacoExecutor(abaco=server) as executor,
        pytest.raises(InvalidSpec, match=r"from file:///src/fast and is compiled.*pip=\["),
    ):
        executor.submit(fast.f)


def test_versions_are_those_of_an_index(site: Path) -> None:
    install(site, "Public.Name", url=None, files={"public_name/__init__.py": ""})
    assert packages.requirements(["public_name.x"]) == {"public-name": "public_name==1.5"}
    assert packages.requirements(["no_package_has_this"]) == {}


def test_many_calls_that_wait_need_little_memory(server: LocalServer) -> None:
    class Still(LocalLine):
        """It runs nothing."""

        def again(self, future, call) -> None:
            self._waiting.append((future, call))

    house.Line = Still  # type: ignore[misc]  taken back by the fixture
    executor = AbacoExecutor(pip=(), abaco=server)
    executor.submit(mean_inside, 0)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    results = executor.map(mean_inside, range(CALLS))
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    futures = list(results.gi_frame.f_locals["batch"].futures)  # type: ignore[attr-defined]
    assert len(futures) == CALLS
    assert used / CALLS < MOST_BYTES
    executor.shutdown(wait=False, cancel_futures=True)
    assert all(one.cancelled() for one in futures)
