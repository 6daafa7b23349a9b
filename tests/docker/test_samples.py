"""The samples of images/samples/, each doing on a real server what images/README.md says."""

import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any

import cloudpickle
import pytest

from live_server import REPOSITORY, LiveServer

pytestmark = pytest.mark.docker
TIMEOUT = 60


class Samples:
    """The samples on a server: register one, send it something, look at what came of it."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.images = dict(line.split() for line in _listed())

    def register(self, sample: str, **fields: Any) -> str:
        body = {"image": self.images[sample], **fields}
        actor: str = self.server.api("POST", "actors/v2", body)["id"]
        return actor

    def send(self, actor: str, message: Any) -> str:
        """`message` goes as it is when it is bytes, else as JSON; the execution's id."""
        kind = "application/octet-stream" if isinstance(message, bytes) else "application/json"
        path = f"actors/v2/{actor}/messages"
        status, answer = self.server.request("POST", path, message, content_type=kind)
        assert status == 200, answer
        execution: str = json.loads(answer)["result"]["executionId"]
        return execution

    def ended(self, actor: str, execution: str) -> tuple[int, str]:
        """Exit code and log, once there are such."""
        self.server.follow(actor, execution)
        path = f"actors/v2/{actor}/executions/{execution}"
        record = self.server.api("GET", path)
        assert record["status"] == "COMPLETE", record
        return record["exitCode"], self.server.api("GET", f"{path}/logs")["logs"]

    def run(self, actor: str, message: Any) -> tuple[int, str, bytes]:
        """Exit code, log and result."""
        execution = self.send(actor, message)
        return *self.ended(actor, execution), self.server.result(actor, execution)


class Receiver:
    """A URL that containers reach. It refuses as often as it is told to, then accepts."""

    def __init__(self, *refusals: int) -> None:
        self.received: SimpleQueue[tuple[dict[str, str], Any]] = SimpleQueue()
        answers = iter(refusals)
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                received.put((dict(self.headers), body))
                self.send_response(next(answers, 200))
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer((_gateway(), 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/hook"

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _listed() -> list[str]:
    listed = (REPOSITORY / "images" / "manifest.toml").read_text().split("[samples]")[1]
    lines = [line for line in listed.splitlines() if " = " in line]
    return [line.replace('"', "").replace(" =", "") for line in lines]


def _gateway() -> str:
    """The host's address on the engine's default network."""
    command = ["docker", "network", "inspect", "bridge"]
    network = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)[0]
    gateway: str = network["IPAM"]["Config"][0]["Gateway"]
    return gateway


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samples]:
    subprocess.run([REPOSITORY / "images" / "build.sh", "--samples"], check=True)
    home = tmp_path_factory.mktemp("samples")
    with LiveServer(home, "--AbacoApp.runner=docker") as server:
        yield Samples(server)


def in_image(image: str, *command: str) -> bytes:
    ran = ["docker", "run", "--rm", image, *command]
    return subprocess.run(ran, check=True, capture_output=True).stdout


def ended_all(samples: Samples, actor: str, *, count: int) -> list[tuple[int, str]]:
    """Exit codes and logs of all executions, when there are so many and all have ended."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        listed = samples.server.api("GET", f"actors/v2/{actor}/executions")["executions"]
        ended = [samples.ended(actor, execution["id"]) for execution in listed]
        if len(ended) >= count:
            return ended
        time.sleep(0.1)
    raise AssertionError(f"{len(ended)} executions, not {count}: {ended}")


def test_each_sample_is_listed_and_described(samples: Samples) -> None:
    folders = {path.parent.name for path in (REPOSITORY / "images/samples").glob("*/Dockerfile")}
    assert set(samples.images) == folders
    readme = (REPOSITORY / "images" / "README.md").read_text()
    assert [name for name in folders if f"| `{name}` |" not in readme] == []


def test_env_echo_shows_message_and_environment_but_no_secret(samples: Samples) -> None:
    actor = samples.register("env_echo", defaultEnvironment={"COLOUR": "dark red"}, token=True)
    exit_code, log, _ = samples.run(actor, {"message": "two  words"})
    assert exit_code == 0
    assert log.startswith("Message: two  words\nEnvironment:\n")
    lines = log.splitlines()
    assert f"_abaco_actor_id={actor}" in lines
    assert "COLOUR=dark red" in lines
    assert lines[-1] == "User: 0:0"
    tokens = [line for line in lines if line.startswith("_abaco_access_token")]
    assert set(tokens) <= {"_abaco_access_token=", "_abaco_access_token=(not shown)"}


def test_env_echo_without_a_text(samples: Samples) -> None:
    _, log, _ = samples.run(samples.register("env_echo"), b"\0")
    assert log.startswith("Message: none; it is binary, or there is none\n")


def test_json_message(samples: Samples) -> None:
    actor = samples.register("json_message")
    exit_code, log, result = samples.run(actor, {"numbers": [3, 1, 4, 1, 5], "note": None})
    assert exit_code == 0
    assert log == "application/json: {'numbers': [3, 1, 4, 1, 5], 'note': None}\n"
    assert json.loads(result) == {
        "count": 5,
        "smallest": 1,
        "largest": 5,
        "mean": 2.8,
        "deviation": 1.6,
    }


def test_json_message_says_what_it_takes(samples: Samples) -> None:
    exit_code, log, result = samples.run(samples.register("json_message"), {"message": "3 1 4"})
    assert (exit_code, result) == (1, b"")
    assert 'this actor takes a JSON object such as {"numbers"' in log


def test_digit_classifier_reads_digits_it_has_never_seen(samples: Samples) -> None:
    actor = samples.register("digit_classifier")
    image = samples.images["digit_classifier"]
    sent = {
        digit: samples.send(actor, in_image(image, "cat", f"/app/examples/{digit}.png"))
        for digit in (1, 4, 7)
    }
    for digit, execution in sent.items():
        exit_code, log = samples.ended(actor, execution)
        result = json.loads(samples.server.result(actor, execution))
        assert (exit_code, result["digit"]) == (0, digit)
        assert f"This is a {digit} (" in log
        assert 0.95 < result["accuracy"] < 1
        assert result["probability"] == max(result["probabilities"]) > 0.5


def test_digit_classifier_is_right_about_most_of_its_examples(samples: Samples) -> None:
    script = """
import json
from PIL import Image
from reading import pixels, probabilities
model = json.load(open("model.json"))
for digit in range(10):
    likely = probabilities(model, pixels(Image.open(f"examples/{digit}.png")))
    print(likely.index(max(likely)))
"""
    read = in_image(samples.images["digit_classifier"], "python3", "-c", script).split()
    assert sum(int(guess) == digit for digit, guess in enumerate(read)) >= 9


def test_digit_classifier_refuses_what_is_no_image(samples: Samples) -> None:
    exit_code, log, _ = samples.run(samples.register("digit_classifier"), b"not an image")
    assert exit_code == 1
    assert "the message of 12 bytes is no image that Pillow reads" in log


def test_function_call(samples: Samples) -> None:
    """The image's own Python makes the message: a function's bytecode is of one version."""
    script = """
import sys, cloudpickle
def outer(factor):
    return lambda a, b, c=1: factor * (a + b + c)
call = {"func": outer(2), "args": [5, 7], "kwargs": {"c": 5}}
sys.stdout.buffer.write(cloudpickle.dumps(call))
"""
    message = in_image(samples.images["function_call"], "python3", "-c", script)
    exit_code, log, result = samples.run(samples.register("function_call"), message)
    assert (exit_code, cloudpickle.loads(result)) == (0, 34)
    assert log == "Calling <lambda> with 2 and 1 keyword arguments\n"


def test_function_call_that_raises(samples: Samples) -> None:
    message = cloudpickle.dumps({"func": int, "args": ["three"]})
    exit_code, log, result = samples.run(samples.register("function_call"), message)
    assert (exit_code, result) == (1, b"")
    assert "\nValueError: invalid literal for int() with base 10: 'three'\n" in log


@pytest.mark.parametrize("message", [b"junk", cloudpickle.dumps(["no", "call"]), {"message": "x"}])
def test_function_call_says_what_it_takes(samples: Samples, message: Any) -> None:
    exit_code, log, _ = samples.run(samples.register("function_call"), message)
    assert exit_code == 1
    assert "cloudpickle.dumps({'func': f" in log


def test_sleep_loop(samples: Samples) -> None:
    actor = samples.register("sleep_loop")
    exit_code, log, _ = samples.run(actor, {"sleep": 0.1, "iterations": 2})
    assert (exit_code, log) == (0, "Iteration 1 of 2\nIteration 2 of 2\n")


def test_sleep_loop_stops_when_it_is_halted(samples: Samples) -> None:
    server = samples.server
    actor = samples.register("sleep_loop")
    execution = samples.send(actor, {"sleep": 0.5, "iterations": 1000})
    path = f"actors/{actor}/executions/{execution}/stream"
    request = urllib.request.Request(f"{server.url}abaco/v1/{path}")
    request.add_header("Authorization", f"Bearer {server.token}")
    with urllib.request.urlopen(request, timeout=TIMEOUT) as frames:
        next(frame for frame in frames if b"Iteration 1 of" in frame)
    server.api("DELETE", f"actors/v2/{actor}/executions/{execution}")
    exit_code, log = samples.ended(actor, execution)
    assert exit_code == 143
    assert log.endswith("Asked to stop.\n")


def test_webhook_posts_the_events_of_an_actor_that_links_to_it(samples: Samples) -> None:
    with Receiver() as receiver:
        environment = {"URL": receiver.url, "HEADERS": {"X-Room": "B 12"}}
        hook = samples.register("webhook", defaultEnvironment=environment)
        watched = samples.register("json_message", link=hook)
        execution = samples.send(watched, {"numbers": [1]})
        events = {}
        while "EXECUTION_COMPLETE" not in events:
            headers, body = receiver.received.get(timeout=TIMEOUT)
            assert (headers["X-Room"], headers["Content-Type"]) == ("B 12", "application/json")
            events[body["event_type"]] = body
    assert events["EXECUTION_COMPLETE"]["execution_id"] == execution
    assert events["EXECUTION_COMPLETE"]["actor_id"] == watched


def test_webhook_tries_again_when_the_receiver_is_busy(samples: Samples) -> None:
    with Receiver(503) as receiver:
        environment = {"URL": receiver.url, "BACKOFF_FAC": 0.1}
        hook = samples.register("webhook", defaultEnvironment=environment)
        exit_code, log, result = samples.run(hook, {"message": "hello"})
        assert (exit_code, log) == (0, "Try 1: 503\nTry 2: 200\n")
        assert json.loads(result) == {"tries": 2, "outcome": 200}
        assert [receiver.received.get(timeout=60)[1] for _ in range(2)] == [
            {"message": "hello"}
        ] * 2


def test_webhook_gives_up_on_a_refusal(samples: Samples) -> None:
    with Receiver(403) as receiver:
        hook = samples.register("webhook", defaultEnvironment={"URL": receiver.url})
        exit_code, log, _ = samples.run(hook, {"message": "hello"})
    # Its two outputs come in any order: the engine reads each on its own.
    assert (exit_code, sorted(log.splitlines())) == (1, ["Try 1: 403", "not delivered"])


def test_state_counter_counts_messages_sent_at_once(samples: Samples) -> None:
    actor = samples.register("state_counter", stateless=False)
    sent = [samples.send(actor, {"message": "one more"}) for _ in range(4)]
    samples.ended(actor, sent[-1])
    results = [json.loads(samples.server.result(actor, execution)) for execution in sent]
    assert results == [1, 2, 3, 4]
    assert samples.server.api("GET", f"actors/v2/{actor}/state") == {"state": {"count": 4}}


def test_nonce_recursion_to_itself(samples: Samples) -> None:
    server = samples.server
    actor = samples.register("nonce_recursion", token=True)
    samples.send(actor, {"start": True, "iterations": 3})
    ended = ended_all(samples, actor, count=4)
    assert [log for _, log in ended] == ["3 left\n", "2 left\n", "1 left\n", "0 left\n"]
    (nonce,) = server.api("GET", f"actors/v2/{actor}/nonces")
    assert (nonce["level"], nonce["remainingUses"]) == ("EXECUTE", 0)


def test_nonce_recursion_between_two_of_which_one_has_no_token(samples: Samples) -> None:
    server = samples.server
    first = samples.register("nonce_recursion", token=True)
    second = samples.register("nonce_recursion", token=False)
    nonce = server.api("POST", f"actors/v2/{second}/nonces", {"level": "EXECUTE"})["id"]
    partner = {"actor": second, "nonce": nonce}
    samples.send(first, {"start": True, "iterations": 3, "partner": partner})
    assert [log for _, log in ended_all(samples, second, count=2)] == ["2 left\n", "0 left\n"]
    assert [log for _, log in ended_all(samples, first, count=2)] == ["3 left\n", "1 left\n"]
    last = server.api("GET", f"actors/v2/{second}/executions")["executions"][-1]["id"]
    assert server.result(second, last) == b'"done"'


def test_nonce_recursion_without_a_token_says_what_is_missing(samples: Samples) -> None:
    actor = samples.register("nonce_recursion", token=False)
    exit_code, log, _ = samples.run(actor, {"start": True})
    assert exit_code == 1
    assert 'register this actor with "token": true' in log
