"""The program itself, in a shell, against a real server with a real engine."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from live_server import LiveServer

pytestmark = pytest.mark.docker

SLOW = """
import time

def reactor(message):
    for n in range(int(message)):
        print("second", n, flush=True)
        time.sleep(1)
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("live"), "--AbacoApp.runner=docker") as server:
        yield server


class Shell:
    """A directory, and a server in its variables."""

    def __init__(self, live: LiveServer, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {"ABACO_URL": live.url, "ABACO_TOKEN": live.token}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "abaco_jupyter.cli", *words],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, code: int = 0) -> str:
        """What it wrote on its standard output."""
        with self.start(*words) as child:
            out, err = child.communicate(timeout=300)
        assert child.returncode == code, (words, out, err)
        return out

    def json(self, *words: str) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.run(*words, "--json"))
        return found


@pytest.fixture
def shell(live: LiveServer, tmp_path: Path) -> Shell:
    return Shell(live, tmp_path)


def test_from_an_empty_directory_to_a_result_and_back(shell: Shell) -> None:
    abaco = shell.run
    abaco("init", "words", "--description", "Counts words")
    actor = abaco("deploy", "words").strip()
    assert abaco("submit", "words", "one two", "--wait") == '{"message": "one two"}\n'
    log = abaco("submit", "words", '{"n": 1}', "--follow")
    assert f"of actor {actor}" in log
    assert abaco("logs", "words") == log
    assert len(abaco("executions", "words").splitlines()) == 2
    assert len(abaco("executions", "words", "--all").splitlines()) == 2
    assert abaco("list").startswith(f"words\t{actor}\tREADY\t1\t")

    nonce = abaco("nonces", "create", "words", "--max-uses", "1").strip()
    assert abaco("submit", actor, "n", "-Z", nonce, "--sync") == '{"message": "n"}\n'
    assert abaco("submit", actor, "n", "-Z", nonce, code=4) == ""
    abaco("nonces", "delete", "words", nonce)

    assert "bob\tEXECUTE" in abaco("share", "words", "bob")
    abaco("aliases", "create", "words", "counter")
    assert abaco("submit", "counter", "via its alias", "-x") == '{"message": "via its alias"}\n'
    assert abaco("aliases", "list").startswith(f"counter\t{actor}\t")
    abaco("configs", "create", "key", "s3cret", "--actor", "counter", "--secret")
    assert "s3cret" not in abaco("configs", "list") + abaco("configs", "show", "key")

    assert abaco("workers", "words").split("\t")[1] in ("READY", "BUSY")
    told = abaco("workers", "words", "-n", "2")
    assert told.startswith(("Scheduled 1 new worker(s) to start.", "Actor "))
    worker = abaco("workers", "words").split("\t")[0]
    assert f"id\t{worker}" in abaco("workers", "words", "-w", worker)
    assert abaco("workers", "words", "-w", worker, "--stop") == "Worker scheduled to be stopped.\n"
    assert "\tstart\t" in abaco("decisions", "words")
    assert "currentActors\t1" in abaco("utilization")
    assert f"\t{actor}\twords\t" in abaco("admin")
    assert f"{actor}\t" in abaco("admin", "executions")
    abaco("admin", "workers")
    assert abaco("search", "executions", "status=COMPLETE", f"actorId={actor}").count("\n") == 4
    assert "cronOn\ttrue" in abaco("cron", "words", "now + 1 month")
    assert "cronOn\tfalse" in abaco("cron", "words", "--off")
    schedule = abaco("schedules", "create", "words", "0 0 1 1 *").strip()
    abaco("schedules", "delete", "words", schedule)

    abaco("configs", "delete", "key")
    abaco("aliases", "delete", "counter")
    abaco("delete", "words")
    assert abaco("list") == ""
    assert abaco("show", "words", code=3) == ""


def test_the_dockerfile_of_a_project_makes_the_same_actor(shell: Shell) -> None:
    shell.run("init", "own", "--template", "script")
    base = "base=abaco-jupyter/python:3.11"
    words = ("deploy", "own", "--docker", "--build-arg", base, "--network", "host")
    try:
        actor = shell.run(*words).strip()
        image = shell.json("show", "own")["image"]
        assert image.startswith("abaco-project/own:")
        assert (
            shell.run("submit", "own", '{"n": [1, null]}', "-w")
            == '{"message": {"n": [1, null]}}\n'
        )
        with shell.start(*words) as again:
            out, err = again.communicate(timeout=300)
        assert (out.strip(), "own is unchanged (revision 1)." in err) == (actor, True), err
    finally:
        shell.run("delete", "own")
        listing = ["docker", "images", "-q", "abaco-project/own"]
        found = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()
        subprocess.run(["docker", "rmi", "-f", *found], capture_output=True, check=False)


def test_ctrl_c_leaves_the_execution_and_says_how_to_see_it_again(shell: Shell) -> None:
    shell.run("init", "slow")
    (shell.folder / "slow/reactor.py").write_text(SLOW)
    shell.run("deploy", "slow")
    with shell.start("submit", "slow", "600", "--follow") as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "second 0\n"
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "goes on: `abaco logs -f " in err
    assert "Traceback" not in err
    assert shell.run("logs", "slow", "--follow", "--timeout", "10", code=6).startswith("second 0\n")
    execution = shell.run("executions", "slow").split("\t")[0]
    assert shell.run("executions", "slow", execution, "--json").count('"RUNNING"') == 1
    shell.run("halt", "slow")
    shell.run("logs", "slow", "--follow", code=1)
    shell.run("delete", "slow")
