"""One suite for every builder: a virtual environment and an image must behave alike."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import docker
from abaco_jupyter.wire.errors import BuildFailed, InvalidSpec, RunnerUnavailable
from abaco_jupyter.wire.spec import BuildSpec
from abaco_server.builds import process
from abaco_server.builds.builder import BuildCancelled, Cancellation
from abaco_server.builds.docker import DockerBuilder
from abaco_server.builds.process import MANIFEST, ProcessBuilder

SOURCE = """
import os
def f(text):
    print("got", text)
    with open("data/x.txt") as file:
        return [text, os.environ["COLOUR"], file.read()]
"""


class ProcessBench:
    """Builds environments in a directory of the test's own and runs them as the runner does."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.builder = ProcessBuilder(home)

    def run(self, image: str, msg: str) -> subprocess.CompletedProcess:
        manifest = json.loads((self.home / image.partition(":")[2] / MANIFEST).read_text())
        return subprocess.run(
            manifest["command"],
            cwd=manifest["directory"],
            env={"PATH": os.environ["PATH"], **manifest["env"], "MSG": msg},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def left(self, image: str) -> list[str]:
        return [path.name for path in self.home.iterdir()]

    def close(self) -> None:
        pass


class DockerBench:
    """Builds images on the real engine and removes what it has built."""

    def __init__(self) -> None:
        self.client = docker.from_env()
        self.builder = DockerBuilder(self.client.api)
        self.before = self._containers()
        self.made: set[str] = set()

    def _containers(self) -> set[str]:
        return {c.id for c in self.client.containers.list(all=True, ignore_removed=True)}

    def run(self, image: str, msg: str) -> subprocess.CompletedProcess:
        self.made.add(image)
        command = ["docker", "run", "--rm", "-e", f"MSG={msg}", image]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def left(self, image: str) -> list[str]:
        names = [image] if self.builder.exists(image) else []
        return names + [
            c.name
            for c in self.client.containers.list(all=True, ignore_removed=True)
            if c.id not in self.before and "sleeps" in str(c.attrs["Config"]["Cmd"])
        ]

    def close(self) -> None:
        for image in self.made:
            if self.builder.exists(image):
                self.client.images.remove(image, force=True)
        self.client.close()


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def bench(request, tmp_path):
    made = DockerBench() if request.param == "docker" else ProcessBench(tmp_path / "environments")
    yield made
    made.close()


def named(bench, spec):
    """A name of this test's own, so that no earlier build is found."""
    image = spec.image(f"{bench.builder.revision}{time.time_ns()}")
    if isinstance(bench, DockerBench):
        bench.made.add(image)
    return image


def build(bench, spec, image=None):
    log = []
    image = image or named(bench, spec)
    bench.builder.check(spec)
    bench.builder.build(spec, image, log.append, Cancellation())
    return image, "".join(log)


def test_a_cell_with_files_and_variables_runs(bench):
    files = {"data/x.txt": "inhalt ä".encode()}
    colour = 'blue "$HOME" \\n'
    spec = BuildSpec(source=SOURCE, entry="f", files=files, env={"COLOUR": colour})
    image = named(bench, spec)
    assert not bench.builder.exists(image)
    build(bench, spec, image)
    assert bench.builder.exists(image)
    ran = bench.run(image, "hello")
    assert ran.returncode == 0, ran.stderr
    got, result = ran.stdout.splitlines()
    assert got == "got hello"
    assert json.loads(result) == ["hello", colour, "inhalt ä"]


def test_a_description_tells_all_of_a_spec_and_makes_nothing(bench):
    pip = () if isinstance(bench, ProcessBench) else ("numpy<2",)
    spec = BuildSpec(source=SOURCE, entry="f", files={"data/x.txt": b""}, env={"A": "1"}, pip=pip)
    told = bench.builder.describe(spec)
    for part in ("A=", "_abaco_entry=", *pip):
        assert part in told
    assert not bench.builder.exists(spec.image(bench.builder.revision))


def test_a_script_without_a_function_runs(bench):
    image, _ = build(bench, BuildSpec(source="import os\nprint('MSG is', os.environ['MSG'])\n"))
    ran = bench.run(image, "hi")
    assert (ran.returncode, ran.stdout) == (0, "MSG is hi\n")


def test_a_second_build_of_the_same_image_is_no_harm(bench):
    spec = BuildSpec(source="print(1)")
    image, _ = build(bench, spec)
    build(bench, spec, image)
    assert bench.run(image, "").stdout == "1\n"


def test_pip_packages_arrive(bench):
    source = "import iniconfig\ndef f(text): return iniconfig.__name__\n"
    image, log = build(bench, BuildSpec(source=source, entry="f", pip=("iniconfig<3",)))
    assert "Successfully installed iniconfig" in log
    ran = bench.run(image, "hi")
    assert ran.stdout == '"iniconfig"\n', ran.stderr


def test_a_package_that_cannot_be_had_fails_with_pips_own_words(bench):
    spec = BuildSpec(source="x = 1", pip=("iniconfig==999.9",))
    image = named(bench, spec)
    log = []
    with pytest.raises(BuildFailed):
        bench.builder.build(spec, image, log.append, Cancellation())
    assert "No matching distribution found for iniconfig==999.9" in "".join(log)
    assert not bench.builder.exists(image)
    assert bench.left(image) == []


def test_a_cancelled_build_stops_soon_and_leaves_nothing(bench, tmp_path, monkeypatch):
    """The package's build step would sleep for a minute."""
    temporary = tmp_path / "tmp-of-the-server"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    slow = SlowPackages(tmp_path)
    with slow:
        spec = BuildSpec(source="x = 1", pip=(slow.url,))
        image = named(bench, spec)
        cancelled = Cancellation()
        outcome = []

        def work():
            try:
                bench.builder.build(spec, image, lambda _: None, cancelled)
            except BuildCancelled:
                outcome.append("cancelled")

        thread = threading.Thread(target=work)
        thread.start()
        assert slow.asked.wait(60)
        cancelled.ask()
        thread.join(60)
    assert outcome == ["cancelled"]
    assert not bench.builder.exists(image)
    assert bench.left(image) == []
    assert list(temporary.iterdir()) == []


class SlowPackages:
    """A server from which a package never comes: pip waits for it."""

    def __init__(self, tmp_path: Path) -> None:
        import socket

        self.asked = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/sleeps-1.0.tar.gz"
        self._connections: list = []
        self._thread = threading.Thread(target=self._accept)

    def __enter__(self):
        self._thread.start()
        return self

    def _accept(self) -> None:
        try:
            while True:
                connection, _ = self._socket.accept()
                self._connections.append(connection)
                self.asked.set()
        except OSError:
            return

    def __exit__(self, *_) -> None:
        import socket

        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for connection in self._connections:
            connection.close()


def test_a_build_cancelled_before_it_begins(bench):
    spec = BuildSpec(source="x = 1", pip=("iniconfig",))
    image = named(bench, spec)
    cancelled = Cancellation()
    cancelled.ask()
    with pytest.raises(BuildCancelled):
        bench.builder.build(spec, image, lambda _: None, cancelled)
    assert not bench.builder.exists(image)


def test_what_pip_runs_sees_no_token_of_the_server(tmp_path, monkeypatch):
    for name in ("ABACO_TOKEN", "JUPYTER_TOKEN", "JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
    log = []
    script = "import os; print(dict(os.environ))"
    process.run([sys.executable, "-c", script], tmp_path, log.append, Cancellation())
    seen = "".join(log)
    assert "secret" not in seen
    assert "http://proxy:1" in seen


def test_an_image_that_is_not_ours_does_not_exist(bench):
    assert not bench.builder.exists("abaco-jupyter/actor:0000")
    assert not bench.builder.exists("somebody/else:1")


@pytest.mark.parametrize(
    ("fields", "word"),
    [({"apt": ("git",)}, "git"), ({"base": "x"}, "'x'"), ({"python": "3.8"}, "Python 3.8")],
)
def test_without_an_engine_some_specs_are_impossible(tmp_path, fields, word):
    with pytest.raises(InvalidSpec, match=r"asks for .*" + word + ".*takes a Docker engine"):
        ProcessBuilder(tmp_path).check(BuildSpec(source="", **fields))


def test_a_new_builder_clears_what_a_killed_one_left(tmp_path):
    builder = ProcessBuilder(tmp_path)
    spec = BuildSpec(source="x = 1")
    image = spec.image()
    builder.build(spec, image, lambda _: None, Cancellation())
    old, young = tmp_path / "abc.1111", tmp_path / "abc.2222"
    for path in (old, young):
        (path / "app").mkdir(parents=True)
    os.utime(old, (0, 0))
    assert ProcessBuilder(tmp_path).exists(image)
    assert (old.exists(), young.exists()) == (False, True)


def test_no_engine_is_said_as_such():
    # Over TCP, as docker-py leaves a socket open when a path does not answer.
    client = docker.DockerClient(base_url="tcp://127.0.0.1:9", version="1.41")
    try:
        with pytest.raises(RunnerUnavailable, match="The Docker engine does not answer"):
            DockerBuilder(client.api).exists("abaco-jupyter/actor:0000")
    finally:
        client.close()


@pytest.mark.docker
def test_a_base_that_cannot_be_had_is_named():
    bench = DockerBench()
    try:
        spec = BuildSpec(source="x = 1", base="abaco-jupyter/no-such-base:1")
        with pytest.raises(BuildFailed, match="base image abaco-jupyter/no-such-base:1 cannot"):
            build(bench, spec)
    finally:
        bench.close()
