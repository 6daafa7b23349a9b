"""Images that we build, run by the real engine: alone, and with the mounts of a runner."""

import json
import os
import socket
import subprocess
import uuid
from pathlib import Path

import pytest

import docker
from abaco_jupyter.wire.call import decode_result
from abaco_jupyter.wire.errors import BuildFailed
from abaco_jupyter.wire.spec import BuildSpec
from abaco_server.builds.builder import Cancellation
from abaco_server.builds.docker import DockerBuilder

pytestmark = pytest.mark.docker
IMAGES = Path(__file__).parents[2] / "images"
OWN_BASE = "abaco-jupyter/python:3.11"


class Engine:
    """The real engine; images made through it are removed at the end."""

    def __init__(self) -> None:
        self.client = docker.from_env()
        self.builder = DockerBuilder(self.client.api)
        self.made: list[str] = []

    def build(self, spec: BuildSpec) -> str:
        image = spec.image(uuid.uuid4().hex)
        self.builder.build(spec, image, lambda _: None, Cancellation())
        self.made.append(image)
        return image

    def base(self, dockerfile: str) -> str:
        """An image that somebody else made."""
        tag = f"abaco-jupyter/test-base:{uuid.uuid4().hex[:12]}"
        command = ["docker", "build", "-q", "-t", tag, "-"]
        subprocess.run(command, input=dockerfile.encode(), check=True, capture_output=True)
        self.made.append(tag)
        return tag

    def run(self, image: str, *options: str) -> subprocess.CompletedProcess:
        command = ["docker", "run", "--rm", *options, image]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def close(self) -> None:
        for image in reversed(self.made):
            self.client.images.remove(image, force=True)
        self.client.close()


@pytest.fixture(scope="module")
def engine():
    made = Engine()
    yield made
    made.close()


@pytest.fixture(scope="module")
def echo(engine):
    source = """
import os, time
from abaco_runtime import get_context, get_binary_message, send_result
def f(x):
    print("pid", os.getpid(), flush=True)
    if x == "sleep":
        time.sleep(60)
    if x == "raise":
        raise KeyError(x)
    return [len(x), x[:2] if isinstance(x, str) else list(x[:2])]
"""
    return engine.build(BuildSpec(source=source, entry="f"))


def shared(tmp_path):
    """The directory of an execution, as the runner mounts it."""
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(0o777)
    tmp_path.chmod(0o711)
    mounts = ["-v", f"{tmp_path}:/_abaco:ro", "-v", f"{out}:/_abaco/out:rw"]
    return out, [*mounts, "-e", "_abaco_dir=/_abaco"]


def test_alone_it_answers_one_message_and_exits(engine, echo):
    ran = engine.run(echo, "-e", "MSG=hello")
    assert (ran.returncode, ran.stdout) == (0, 'pid 1\n[5, "he"]\n')
    assert "the result is printed: there is no /_abaco_results.sock" in ran.stderr


def test_alone_without_a_message_it_says_so(engine, echo):
    ran = engine.run(echo)
    assert ran.returncode == 1
    assert "f() needs 'x', and no message came: set MSG" in ran.stderr


def test_labels_tell_what_is_in_it(engine, echo):
    labels = engine.client.images.get(echo).labels
    assert labels["abaco.runtime"] == engine.builder.revision
    assert len(labels["abaco.digest"]) == 64


def test_spool_of_any_user(engine, echo, tmp_path):
    out, options = shared(tmp_path)
    ran = engine.run(echo, *options, "-e", "MSG=hello", "--user", "4711:4711")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert decode_result((out / "000001.result").read_bytes()) == [5, "he"]


def test_binary_message_as_a_plain_file(engine, echo, tmp_path):
    out, options = shared(tmp_path)
    (tmp_path / "message").write_bytes(b"\0" * 3_000_000)
    file = ["-v", f"{tmp_path}/message:/_abaco_binary_data:ro"]
    kind = ["-e", "_abaco_Content_Type=application/octet-stream"]
    assert engine.run(echo, *options, *file, *kind).returncode == 0
    assert decode_result((out / "000001.result").read_bytes()) == [3_000_000, [0, 0]]


def test_an_exception_shows_the_cells_line(engine, echo, tmp_path):
    out, options = shared(tmp_path)
    ran = engine.run(echo, *options, "-e", "MSG=raise")
    assert ran.returncode == 1
    assert ran.stderr.startswith('Traceback (most recent call last):\n  File "/app/actor.py"')
    assert "raise KeyError(x)" in ran.stderr
    assert json.loads((out / "exception.json").read_bytes())["type"] == "KeyError"


def test_stopping_takes_no_grace(echo):
    name = f"abaco-test-{uuid.uuid4().hex[:12]}"
    command = ["docker", "run", "--rm", "--name", name, "-e", "MSG=sleep", echo]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
        assert running.stdout.readline() == b"pid 1\n"
        subprocess.run(["docker", "stop", "-t", "60", name], check=True, capture_output=True)
    assert running.returncode == 143, "ended by TERM, not by the KILL after the grace"


AGAVEPY = """
from agavepy.actors import get_binary_message, get_context
from agavepy.actors import send_bytes_result, send_python_result
context = get_context()
print(context.raw_message, context.message_dict, context.content_type, context.actor_id)
if context.raw_message is None:
    print(len(get_binary_message()))
send_bytes_result(b"raw bytes")
send_python_result({"n": 1})
"""


@pytest.fixture(scope="module")
def agavepy(engine):
    return engine.build(BuildSpec(source=AGAVEPY, pip=("agavepy==0.9.5",)))


@pytest.fixture
def results(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "results.sock"))
        os.chmod(tmp_path / "results.sock", 0o777)
        bound.settimeout(60)
        yield bound


def test_agavepy_reads_text_and_sends_results(engine, agavepy, results, tmp_path):
    ran = engine.run(
        agavepy,
        *["-v", f"{tmp_path}/results.sock:/_abaco_results.sock"],
        *["-e", "MSG={'a': None}", "-e", "_abaco_actor_id=A1"],
        *["-e", "_abaco_Content-Type=application/json"],
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "{'a': None} {'a': None} application/json A1\n"
    assert results.recv(1000) == b"raw bytes"
    assert decode_result(results.recv(1000)) == {"n": 1}


def test_agavepy_reads_a_binary_message(engine, agavepy, results, tmp_path):
    (tmp_path / "message").write_bytes(os.urandom(200_000))
    ran = engine.run(
        agavepy,
        *["-v", f"{tmp_path}/results.sock:/_abaco_results.sock"],
        *["-v", f"{tmp_path}/message:/_abaco_binary_data:ro"],
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "None {} None None\n200000\n"


def test_a_base_with_its_own_user_entrypoint_and_path(engine):
    """Packages of both kinds go in, and the base's own settings stay."""
    base = engine.base(
        f"FROM {OWN_BASE}\n"
        "RUN useradd --create-home worker && mkdir /theirs && echo N=7 >/theirs/theirs.py\n"
        "ENV PYTHONPATH=/theirs\n"
        "ENV PIP_BREAK_SYSTEM_PACKAGES=1\n"
        "USER worker\n"
        'ENTRYPOINT ["false"]\n'
    )
    source = """
import getpass, subprocess
import iniconfig, theirs
def f(text):
    tree = subprocess.run(["tree", "--version"], capture_output=True, text=True).stdout
    return [getpass.getuser(), theirs.N, tree.split()[0], text]
"""
    spec = BuildSpec(source=source, entry="f", base=base, pip=("iniconfig<3",), apt=("tree",))
    ran = engine.run(engine.build(spec), "-e", "MSG=x")
    assert json.loads(ran.stdout or "null") == ["worker", 7, "tree", "x"], ran.stderr


def test_the_base_image_lets_agavepy_reach_the_server(engine):
    """Also in what somebody else builds on it, without our runtime."""
    source = "import sys; print([type(one).__name__ for one in sys.meta_path][0])"
    command = json.dumps(["python3", "-c", source])
    image = engine.base(f"FROM {OWN_BASE}\nCMD {command}\n")
    assert engine.run(image, "-e", "_abaco_api_server=http://x:1").stdout == "_Watch\n"
    assert engine.run(image).stdout != "_Watch\n"


def test_a_base_without_python_fails_with_the_reason(engine):
    base = engine.base(f"FROM {OWN_BASE}\nRUN rm /usr/bin/python*\n")
    with pytest.raises(BuildFailed, match=r"executable file not found|No such file|returned a"):
        engine.build(BuildSpec(source="x = 1", base=base))


def test_a_syntax_error_for_the_bases_python_fails_the_build(engine):
    log = []
    spec = BuildSpec(source="def f(:\n", base=OWN_BASE)
    with pytest.raises(BuildFailed):
        engine.builder.build(spec, spec.image(uuid.uuid4().hex), log.append, Cancellation())
    assert 'File "/app/actor.py", line 1' in "".join(log)
    assert "SyntaxError" in "".join(log)


def test_the_sample_counts_words(engine):
    subprocess.run([IMAGES / "build.sh", "--samples"], check=True)
    ran = engine.run("abaco-jupyter/word-count:1", "-e", "MSG=Ein Wort, ein WORT: don't.")
    assert ran.returncode == 0
    log, result = ran.stdout.splitlines()
    assert log == "5 words, 3 different ones"
    assert json.loads(result) == {
        "words": 5,
        "different": 3,
        "most_common": [["ein", 2], ["wort", 2], ["don't", 1]],
    }


def test_the_base_image_is_not_made_twice():
    made = subprocess.run([IMAGES / "build.sh"], check=True, capture_output=True)
    assert (made.stdout, made.stderr) == (b"", b"")
