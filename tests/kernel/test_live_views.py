"""Live views on the kernel's side: what they keep, what they send, what they leave behind."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import httpx
import pytest

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.execution import Execution
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.client.transport import Transport
from abaco_jupyter.show.views import feed as feeds
from abaco_jupyter.show.views import view as base
from abaco_jupyter.show.views.actor import ActorView
from abaco_jupyter.show.views.board import MOST_EXECUTIONS, Board, times
from abaco_jupyter.show.views.calls import MapProgress
from abaco_jupyter.show.views.dashboard import Dashboard
from abaco_jupyter.show.views.execution import ExecutionView
from abaco_jupyter.show.views.executions import ExecutionsTable
from abaco_jupyter.show.views.feed import Feed
from abaco_jupyter.show.views.tail import AT_ONCE, KEPT, Tail
from abaco_jupyter.show.views.view import View

PATIENCE = 60.0


def actor_record(name: str = "words", **fields: Any) -> dict[str, Any]:
    return {
        "id": f"id-of-{name}",
        "name": name,
        "image": "img:1",
        "owner": "ann",
        "status": "READY",
        "statusMessage": "",
        "revision": 1,
        "stateless": True,
        "maxWorkers": None,
        "hints": [],
        "cronSchedule": None,
        "cronOn": False,
        "cronNextEx": None,
        "createTime": "2026-11-21T17:18:35.464Z",
        "lastUpdateTime": "2026-11-21T17:18:35.464Z",
        "waiting": 0,
        "inHand": 0,
        "workerCount": 1,
        "workers": [{"id": "w1", "status": "READY"}],
        "totalExecutions": 5,
        "totalCpu": 0,
        "totalIo": 0,
        "totalRuntime": 0,
    } | fields


def execution_record(number: int, status: str = "COMPLETE", **fields: Any) -> dict[str, Any]:
    return {
        "id": f"e{number}",
        "actorId": "id-of-words",
        "executor": "ann",
        "status": status,
        "workerId": "w1",
        "messageReceivedTime": f"2026-11-21T17:18:{number % 60:02d}.000Z",
        "startTime": f"2026-11-21T17:18:{number % 60:02d}.500Z",
        "finishTime": f"2026-11-21T17:19:{number % 60:02d}.500Z" if status == "COMPLETE" else None,
        "runtime": 60,
        "cpu": 10**9,
        "io": 0,
        "exitCode": 0 if status == "COMPLETE" else None,
        "reason": None,
        "error": None,
    } | fields


def frame(event: str, mark: str = "", **data: Any) -> bytes:
    head = f"id: {mark}\n" if mark else ""
    return f"event: {event}\n{head}data: {json.dumps(data)}\n\n".encode()


class Server:
    """Answers by path; a stream is a list of pieces, and an event that lets them go on."""

    def __init__(self) -> None:
        self.streams: dict[str, list[list[bytes]]] = {}
        self.answers: dict[tuple[str, str], Any] = {}
        self.asked: list[httpx.Request] = []
        self.left = threading.Event()

    def transport(self) -> Transport:
        return Transport("http://fake:1", http=httpx.MockTransport(self.handle))

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.path
        if path in self.streams:
            connections = self.streams[path]
            if not connections:
                raise httpx.ConnectError("connection refused", request=request)
            return httpx.Response(200, content=self._pieces(connections.pop(0)))
        result = self.answers.get((request.method, path))
        if isinstance(result, bytes):
            return httpx.Response(200, content=result)
        if result is None:
            return httpx.Response(200, content=b"" if path.endswith("/results") else b"{}")
        body = {"message": "m", "status": "success", "version": "v", "result": result}
        return httpx.Response(200, json=body)

    def _pieces(self, pieces: list[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            if piece == b"":
                self.left.wait(PATIENCE)  # it stays open until the test is over


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.left.set()


@pytest.fixture(autouse=True)
def _notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "in_notebook", lambda: True)
    monkeypatch.delenv("ABACO_PLAIN", raising=False)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What all views send to their pages."""
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(View, "send", lambda self, content, buffers=None: messages.append(content))
    return messages


def until(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)
    return found


def an_actor(server: Server, transport: Transport | None = None) -> Actor:
    return Actor(transport or server.transport(), actor_record())


# ---- what the stream has told ------------------------------------------------------------------


def test_a_board_keeps_the_newest_of_ten_thousand_and_more() -> None:
    board = Board()
    board.take("snapshot", {"actors": [actor_record()]})
    many = [execution_record(number) for number in range(MOST_EXECUTIONS + 500)]
    board.take("update", {"executions": many})
    assert len(board.executions) == MOST_EXECUTIONS
    assert "e0" not in board.executions
    assert f"e{MOST_EXECUTIONS + 499}" in board.executions


def test_a_board_samples_what_ended_each_second() -> None:
    board = Board()
    board.take("snapshot", {"actors": [actor_record(waiting=7)]})
    board.take("update", {"ends": {"id-of-words": {"COMPLETE": 900, "FAILED": 3, "ERROR": 1}}})
    board.sample()
    board.sample()
    lane = board.lanes["id-of-words"]
    assert (list(lane.ended), list(lane.failed), list(lane.waiting)) == ([904, 0], [4, 0], [7, 7])
    board.take("update", {"gone": ["id-of-words"]})
    assert not board.actors
    assert not board.lanes


def test_times_of_an_execution_as_far_as_it_got() -> None:
    assert times(execution_record(3)) == (0.5, 60.0)
    assert times(execution_record(3, "RUNNING")) == (0.5, None)
    assert times({"messageReceivedTime": "None", "startTime": None}) == (None, None)


def test_the_end_of_a_log_is_bounded_and_says_what_it_left_out() -> None:
    tail = Tail()
    tail.add("x" * 50_000_000)
    tail.add("the end")
    news = tail.news()
    assert news is not None
    assert len(news["text"]) == AT_ONCE
    assert news["at"] == 50_000_007 - AT_ONCE
    assert news["text"].endswith("the end")
    assert tail.news() is None
    assert len(tail.all()["text"]) == KEPT
    tail.add("!")
    assert tail.news() == {"at": 50_000_007, "text": "!"}


# ---- the feed ----------------------------------------------------------------------------------


def test_one_stream_feeds_all_views_and_ends_with_the_last(server: Server) -> None:
    server.streams["/abaco/v1/events"] = [[frame("snapshot", "m-1", actors=[actor_record()]), b""]]
    transport = server.transport()
    feed = Feed.of(transport)
    seen: list[set[str]] = []

    def look(board: Board) -> None:
        seen.append(set(board.actors))

    def other(board: Board) -> None:
        raise RuntimeError("a view that fails")

    feed.add(other)
    feed.add(look)
    until(lambda: {"id-of-words"} in seen)
    assert len([one for one in server.asked if one.url.path == "/abaco/v1/events"]) == 1
    feed.drop(look)
    server.left.set()
    until(lambda: feed._thread is None)


def test_a_server_that_goes_away_is_said_and_comes_back(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "PATIENCE", 0.0)
    connections = [[frame("snapshot", "m-1", actors=[actor_record()])]]
    server.streams["/abaco/v1/events"] = connections
    transport = server.transport()
    feed = Feed.of(transport)
    said: list[str | None] = []

    def look(board: Board) -> None:
        said.append(board.away)

    feed.add(look)
    until(lambda: said and said[-1] is not None)
    connections.append([frame("resumed", "m-1"), frame("update", "m-2", gone=["x"]), b""])
    until(lambda: said[-1] is None)
    last = [one.headers.get("Last-Event-ID") for one in server.asked]
    assert last[0] is None
    assert last[-1] == "m-1"
    feed.drop(look)


# ---- the views ---------------------------------------------------------------------------------


def test_only_what_differs_is_sent(sent: list[dict[str, Any]]) -> None:
    class Small(View):
        def text(self) -> str:
            return "small"

        def standing(self) -> str:
            return "<i>small</i>"

    view = Small({"rows": {"a": 1, "b": 2}, "away": None})
    view.publish(rows={"a": 1, "c": 3}, away=None)
    assert sent == [{"patch": {}, "rows": {"rows": {"set": {"c": 3}, "drop": ["b"]}}}]
    view.publish(rows={"a": 1, "c": 3}, away="away")
    assert sent[1:] == [{"patch": {"away": "away"}, "rows": {}}]
    view.publish(away="away")
    assert len(sent) == 2
    view._hear(None, {"do": "ready"}, None)
    assert sent[-1] == {"full": {"rows": {"a": 1, "c": 3}, "away": "away"}}
    bundle, _ = view._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", base.WIDGET}


def test_an_execution_from_its_log_to_its_result(
    server: Server, sent: list[dict[str, Any]]
) -> None:
    running = execution_record(1, "RUNNING")
    ended = execution_record(1, finalState={}, exception=None)
    place = "/abaco/v1/actors/id-of-words/executions/e1/stream"
    server.streams[place] = [
        [
            frame("status", **running),
            frame("log", "9", text="\x1b[32mone\n"),
            frame("log", "13", text="two\n"),
            frame("end", **ended),
        ]
    ]
    execution = Execution(an_actor(server), "e1", {"status": "SUBMITTED"})
    view = ExecutionView(execution)
    until(lambda: view._told["result"] is not None)
    view._thread.join(PATIENCE)
    logs = [message["log"] for message in sent if "log" in message]
    assert "".join(one["text"] for one in logs) == "\x1b[32mone\ntwo\n"
    assert view._told["record"]["status"] == "COMPLETE"
    assert view._told["result"]["none"]
    assert "COMPLETE" in view.text()
    assert "two" in view.standing()
    view.close()


def test_the_stop_button_halts(server: Server, sent: list[dict[str, Any]]) -> None:
    place = "/abaco/v1/actors/id-of-words/executions/e1/stream"
    server.streams[place] = [[frame("status", **execution_record(1, "RUNNING")), b""]]
    server.answers["POST", "/abaco/v1/actors/id-of-words/messages/cancel"] = {"cancelled": []}
    server.answers["DELETE", "/actors/v2/id-of-words/executions/e1"] = {}
    view = ExecutionView(Execution(an_actor(server), "e1", {"status": "RUNNING"}))
    view._hear(None, {"do": "stop"}, None)
    until(lambda: view._told["notice"])
    assert view._told["notice"] == {"text": "Execution e1 of words was halted.", "failed": False}
    assert [one.method for one in server.asked if one.method != "GET"] == ["POST", "DELETE"]
    view.close()


def test_a_table_begins_with_what_is_there_and_goes_on(
    server: Server, sent: list[dict[str, Any]]
) -> None:
    newest = [execution_record(number) for number in (2, 1)]
    server.answers["GET", "/abaco/v1/actors/id-of-words/executions"] = {"executions": newest}
    server.streams["/abaco/v1/events"] = [
        [
            frame("snapshot", actors=[actor_record()]),
            frame(
                "update",
                executions=[
                    execution_record(3, "RUNNING"),
                    execution_record(4, "ERROR", reason="no image", actorId="another"),
                ],
            ),
            b"",
        ]
    ]
    table = ExecutionsTable(an_actor(server), limit=2)
    until(lambda: "e3" in table._told["rows"])
    assert set(table._told["rows"]) == {"e2", "e3"}
    assert table.text() == "words: 2 executions (1 COMPLETE, 1 RUNNING)"
    assert "e3" in table.standing()
    table.close()
    with pytest.raises(ValueError, match="limit is 1 to 10000 rows, not 0"):
        ExecutionsTable(an_actor(server), limit=0)


def test_an_actor_with_its_queue_and_a_form(server: Server, sent: list[dict[str, Any]]) -> None:
    here = "/actors/v2/id-of-words"
    server.answers["GET", here] = actor_record(description="counts")
    server.answers["GET", f"{here}/permissions"] = {"ann": "UPDATE"}
    nonce = {"id": "DEV_secret", "level": "EXECUTE", "remainingUses": 3, "description": "for bob"}
    server.answers["GET", f"{here}/nonces"] = [nonce]
    server.answers["GET", "/abaco/v1/actors/id-of-words/schedules"] = {"schedules": []}
    server.answers["POST", f"{here}/messages"] = {"executionId": "e9", "msg": "hello"}
    first = frame("snapshot", actors=[actor_record(waiting=3)])
    server.streams["/abaco/v1/events"] = [[first, b""]]
    view = ActorView(an_actor(server))
    until(lambda: view._told["details"])
    assert view._told["details"]["permissions"] == {"ann": "UPDATE"}
    assert "secret" not in json.dumps(view._told)
    assert view._told["live"]["waiting"] == 3
    view._hear(None, {"do": "send", "text": "{x", "kind": "json"}, None)
    until(lambda: view._told["notice"])
    assert view._told["notice"]["failed"]
    assert "This is no JSON" in view._told["notice"]["text"]
    view._hear(None, {"do": "send", "text": "hello", "kind": "text"}, None)
    until(lambda: view._told["notice"]["text"] == "Sent as e9.")
    view.close()


def test_a_dashboard_shows_the_busiest_first(
    server: Server, sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = {"id-of-words": {"COMPLETE": 30, "FAILED": 2}}
    broken = execution_record(7, exitCode=1, error="ValueError: no")
    server.answers["GET", "/abaco/v1/status"] = {"ready": True, "username": "ann"}
    server.streams["/abaco/v1/events"] = [
        [
            frame("snapshot", actors=[actor_record("idle"), actor_record(waiting=4)]),
            frame("update", ends=ends, executions=[broken]),
            b"",
        ]
    ]
    dashboard = Dashboard(Abaco("http://fake:1", "t", http=httpx.MockTransport(server.handle)))
    until(lambda: dashboard._told["totals"].get("failed"))
    assert [one["name"] for one in dashboard._told["actors"].values()] == ["words", "idle"]
    assert dashboard._told["totals"]["waiting"] == 4
    assert dashboard._told["failures"][0]["why"] == "ValueError: no"
    assert "2 actors" in dashboard.text()
    assert "words" in dashboard.standing()
    monkeypatch.setenv("ABACO_PLAIN", "1")
    assert dashboard._bundle() == {"text/plain": "Dashboard"}
    dashboard.close()


class Call(Future):
    """A future that has not been sent."""

    execution = None

    def cancel(self, force: bool = False) -> bool:
        return super().cancel()


def test_a_map_counts_what_ended_and_how(sent: list[dict[str, Any]]) -> None:
    calls = [Call() for _ in range(5)]
    progress = MapProgress(calls, title="simulate")  # type: ignore[arg-type]
    calls[0].set_result(1)
    calls[1].set_exception(ValueError("no"))
    until(lambda: progress._told["bad"])
    assert progress.cancel() == "Cancelled 3 of 3 calls."
    until(lambda: progress._told["over"])
    told = {name: progress._told[name] for name in ("good", "bad", "dropped", "total")}
    assert told == {"good": 1, "bad": 1, "dropped": 3, "total": 5}
    assert progress._told["failures"] == [{"number": 1, "why": "ValueError: no"}]
    assert "5 of 5 calls ended, 1 failed, 3 cancelled" in progress.text()
    assert "ValueError: no" in progress.standing()
    progress._thread.join(PATIENCE)
    with pytest.raises(ValueError, match="no calls to watch"):
        MapProgress([])
