"""What one execution of a resident interpreter leaves to the next: nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

from abaco_runtime.resident import execution

_RUNTIME = Path(execution.__file__).parents[2]
_SCRIPT = """
import json, os, shutil, struct, sys
from abaco_runtime.resident import execution, job

shared, spoil, *members = sys.argv[1:]
execution.plain()
execution.make_home(shared)
bodies = [json.loads(one)["body"].encode() for one in members]
heads = [
    {"env": json.loads(one)["env"], "kind": "text", "size": len(body), "timeout": None, "name": ""}
    for one, body in zip(members, bodies)
]
head = json.dumps({"do": "run", "g": 1, "env": {}, "state": False, "members": heads}).encode()
frame = struct.pack("<IQ", len(head), sum(map(len, bodies))) + head + b"".join(bodies)
all_of_them = execution.Executions(job.Job(frame), None, shared, is_call=False)
all_of_them.enter(0)
if spoil == "remove":
    shutil.rmtree(os.environ["_abaco_dir"])
all_of_them.collect()
all_of_them.enter(1)
home = os.environ["_abaco_dir"]
print(json.dumps([os.environ.get("TOKEN"), os.environ.get("MSG"), sorted(os.listdir(home))]))
"""


def second_of(tmp_path: Path, first: dict, second: dict, spoil: str = "") -> list:
    """Its TOKEN, its MSG, and the names in its directory."""
    command = [sys.executable, "-c", _SCRIPT, str(tmp_path), spoil]
    ran = subprocess.run(
        [*command, json.dumps(first), json.dumps(second)],
        env={**os.environ, "PYTHONPATH": str(_RUNTIME)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    return json.loads(ran.stdout)


def test_a_variable_that_cannot_be_set_does_not_keep_the_last_ones_value(tmp_path: Path) -> None:
    first = {"env": {"TOKEN": "secret"}, "body": "a"}
    token, message, _ = second_of(tmp_path, first, {"env": {"TOKEN": "\0"}, "body": "b"})
    assert (token, message) == (None, "b")


def test_a_long_message_is_not_left_to_the_next(tmp_path: Path) -> None:
    first = {"env": {}, "body": "a\0b"}  # no variable holds it, so it is a file
    _, message, names = second_of(tmp_path, first, {"env": {}, "body": "b"})
    assert (message, names) == ("b", ["out", "poke.sock"])


def test_an_execution_that_removes_its_directory_spoils_no_other(tmp_path: Path) -> None:
    member = {"env": {}, "body": "b"}
    _, message, names = second_of(tmp_path, member, member, "remove")
    assert (message, names) == ("b", ["out", "poke.sock"])
