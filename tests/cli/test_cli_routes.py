"""What the API can do, the command line can do: every route is reached by some command."""

import re

import pytest
from recorder import Recorder, Run
from tornado.web import RequestHandler

from abaco_server.web.base import NoEndpoint
from abaco_server.web.routes import TABLE

METHODS = ("GET", "POST", "PUT", "DELETE")

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("list",),
    ("show", "{id}"),
    ("create", "img:1", "--name", "other"),
    ("update", "{id}", "--description", "d"),
    ("state", "{id}", '{"n": 1}'),
    ("submit", "{id}", "text"),
    ("submit", "{id}", "text", "--wait"),
    ("messages", "{id}"),
    ("purge", "{id}"),
    ("executions", "{id}"),
    ("executions", "{id}", "--all"),
    ("executions", "{id}", "{execution}"),
    ("account", "{id}", "--runtime", "1", "--cpu", "2", "--io", "3"),
    ("logs", "{id}", "{execution}"),
    ("results", "{id}", "{execution}"),
    ("halt", "{id}", "{running}"),
    ("permissions", "{id}"),
    ("share", "{id}", "bob"),
    ("nonces", "list", "{id}"),
    ("nonces", "create", "{id}"),
    ("nonces", "show", "{id}", "DEV_n1"),
    ("nonces", "delete", "{id}", "DEV_n1"),
    ("aliases", "create", "{id}", "words"),
    ("aliases", "list"),
    ("aliases", "show", "words"),
    ("aliases", "update", "words", "{id}"),
    ("aliases", "permissions", "words"),
    ("aliases", "permissions", "words", "-u", "bob", "-p", "READ"),
    ("nonces", "list", "words", "--alias"),
    ("nonces", "create", "words", "--alias"),
    ("nonces", "show", "words", "DEV_n1", "--alias"),
    ("nonces", "delete", "words", "DEV_n1", "--alias"),
    ("aliases", "delete", "words"),
    ("configs", "list"),
    ("configs", "create", "c", "1", "-a", "{id}"),
    ("configs", "show", "c"),
    ("configs", "update", "c", "2"),
    ("configs", "permissions", "c"),
    ("configs", "permissions", "c", "-u", "bob", "-p", "READ"),
    ("configs", "delete", "c"),
    ("workers", "{id}"),
    ("workers", "{id}", "-n", "2"),
    ("workers", "{id}", "-w", "w1"),
    ("workers", "{id}", "-w", "w1", "--stop"),
    ("search", "executions", "status=COMPLETE"),
    ("utilization",),
    ("admin",),
    ("admin", "workers"),
    ("admin", "executions"),
    ("metrics",),
    ("openapi",),
    ("status",),
    ("schedules", "list", "{id}"),
    ("schedules", "create", "{id}", "0 * * * *"),
    ("schedules", "show", "{id}", "s1"),
    ("schedules", "delete", "{id}", "s1"),
    ("deliveries", "{id}"),
    ("decisions", "{id}"),
    ("scale", "{id}", "2"),
    ("cancel", "{id}", "{execution}"),
    ("call", "{id}", "text"),
    ("clean", "--dry-run"),
    ("delete", "{id}"),
)
"""One after the other on one server."""

ELSEWHERE = {
    ("POST", "/abaco/v1/builds"): "abaco deploy",
    ("POST", "/abaco/v1/builds/plan"): "abaco build --dry-run",
    ("GET", "/abaco/v1/builds/([^/]+)/stream"): "abaco deploy",
    ("DELETE", "/abaco/v1/builds/([^/]+)"): "Ctrl-C during abaco deploy",
    ("GET", "/abaco/v1/builds/([^/]+)"): "the stream of abaco deploy tells the same",
    ("GET", "/abaco/v1/actors/([^/]+)/stream"): "AbacoExecutor",
    ("GET", "/abaco/v1/events"): "the live views of a notebook",
    ("GET", "/abaco/v1/actors/([^/]+)/calls"): "AbacoExecutor",
    ("GET", "/abaco/v1/actors/([^/]+)/executions/([^/]+)/results/([^/]+)"): "AbacoExecutor",
    ("PUT", "/abaco/v1/payloads/([^/]+)"): "AbacoExecutor",
    ("POST", "/abaco/v1/actors/([^/]+)/messages/batch"): "AbacoExecutor",
    ("POST", "/abaco/v1/actors/([^/]+)/executions"): "AbacoExecutor",
}
"""Routes of ours that belong to a project's build, which test_cli_project goes through, or to
the executor."""


def _routes() -> list[tuple[str, str]]:
    return [
        (method, path)
        for path, handler in TABLE
        if handler is not NoEndpoint and path.startswith(("/actors/v2", "/abaco/v1"))
        for method in METHODS
        if getattr(handler, method.lower()) is not RequestHandler._unimplemented_method
        and getattr(handler, method.lower()) is not getattr(RequestHandler, method.lower())
    ]


@pytest.fixture
def reached(run: Run, server: Recorder) -> set[tuple[str, str]]:
    """Method and path of every request that all the commands made."""
    actor = server.add_actor("words", stateless=False)["id"]
    execution = run("submit", actor, "first").out.strip()
    running = run("submit", actor, "second").out.strip()
    server.executions[running]["status"] = "RUNNING"
    words = {"{id}": actor, "{execution}": execution, "{running}": running}
    for command in COMMANDS:
        ran = run(*(words.get(word, word) for word in command))
        assert ran.code == 0, (command, ran.err)
    return {
        (request.method, request.url.path.removeprefix("/user/ann")) for request in server.requests
    }


def test_every_route_is_reached_by_a_command(reached: set[tuple[str, str]]) -> None:
    literal = [path for _, path in _routes() if "(" not in path]
    missing = []
    for method, path in _routes():
        hits = [
            asked
            for verb, asked in reached
            if verb == method
            and re.fullmatch(path, asked)
            and (asked == path or asked not in literal)
        ]
        if not hits and (method, path) not in ELSEWHERE:
            missing.append((method, path))
    assert not missing, "no command reaches these: write one, and name it in COMMANDS"


def test_what_is_left_out_is_there() -> None:
    assert set(ELSEWHERE) <= set(_routes())
