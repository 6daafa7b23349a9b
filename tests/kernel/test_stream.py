import threading
from collections.abc import Callable

import httpx
import pytest
from fake_server import frame

from abaco_jupyter.client import stream
from abaco_jupyter.client.errors import ServerUnreachable
from abaco_jupyter.client.follow import LogText, Quiet, to_end
from abaco_jupyter.client.stream import EventStream, Following, Frame, Lost, parse
from abaco_jupyter.client.transport import Transport
from abaco_jupyter.wire import envelope
from abaco_jupyter.wire.errors import HEADER, ExecutionNotFound

END = frame("end", {"status": "COMPLETE"})


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_PAUSES", (0.0,))


def events(answer: Callable[[httpx.Request], httpx.Response], **options: object) -> EventStream:
    transport = Transport("http://h:1", http=httpx.MockTransport(answer))
    return EventStream(transport, "/s", **options)


def ok(body: bytes) -> httpx.Response:
    return httpx.Response(200, content=body, headers={"Content-Type": "text/event-stream"})


def test_frames_are_read_out_of_lines() -> None:
    lines = ["event: log", "id: 5", "data: a", "data: b", "", ": heartbeat", "", "data:c", "", "x"]
    assert list(parse(lines)) == [
        Frame(event="log", data="a\nb", id="5"),
        Frame(event="message", data="c"),
    ]


def test_an_unfinished_frame_is_left_out() -> None:
    assert list(parse(["event: log", "data: half"])) == []


def test_text_with_line_separators_of_unicode_is_one_line() -> None:
    body = frame("log", {"text": "a\u2028b\x85c"}, 5) + END
    frames = list(events(lambda _: ok(body)))
    assert [each.event for each in frames if isinstance(each, Frame)] == ["log", "end"]


def test_a_dropped_connection_is_resumed_after_the_last_id() -> None:
    bodies = [
        frame("log", {"text": "one "}, 4) + b"event: log\nid: 8\ndata: {cut",
        frame("log", {"text": "two"}, 7) + END,
    ]
    asked: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("Last-Event-ID"))
        return ok(bodies.pop(0))

    heard = Quiet()
    assert to_end(events(answer), heard) == {"status": "COMPLETE"}
    assert asked == [None, "4"]
    assert heard.tail == "one two"


def test_a_server_that_restarts_is_waited_for() -> None:
    refused = httpx.ConnectError("refused")
    starting = httpx.Response(
        503, content=envelope.failure("it starts"), headers={HEADER: "not_ready"}
    )
    answers: list[httpx.Response | Exception] = [refused, starting, ok(END)]

    def answer(_: httpx.Request) -> httpx.Response:
        item = answers.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    items = list(events(answer))
    assert [type(item) for item in items] == [Lost, Lost, Frame]


def test_a_server_that_stays_away_is_an_error_in_the_end() -> None:
    now = iter(range(0, 1000, 30))

    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(ServerUnreachable, match="refused"):
        list(events(answer, clock=lambda: float(next(now))))


def test_streams_that_only_end_are_an_error_in_the_end() -> None:
    now = iter(range(0, 1000, 30))
    with pytest.raises(ServerUnreachable, match="end early"):
        list(events(lambda _: ok(b""), clock=lambda: float(next(now))))


def test_what_does_not_exist_is_an_error_at_once() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        body = envelope.failure("No executions found")
        return httpx.Response(400, content=body, headers={HEADER: "execution_not_found"})

    with pytest.raises(ExecutionNotFound), Following(events(answer)) as following:
        following.next(5)


def test_text_that_comes_twice_is_told_once() -> None:
    log = LogText()
    told = [log.new("abc", "3"), log.new("abc", "3"), log.new("bcde", "5"), log.new("f", "6")]
    assert told == ["abc", "", "de", "f"]


def test_waiting_ends_at_the_deadline_although_the_stream_is_silent() -> None:
    release = threading.Event()

    class Silent(httpx.SyncByteStream):
        def __iter__(self):  # type: ignore[no-untyped-def]
            yield frame("status", {"status": "RUNNING"})
            release.wait(10)

    with pytest.raises(TimeoutError):
        to_end(events(lambda _: httpx.Response(200, stream=Silent())), Quiet(), timeout=0.05)
    release.set()


def test_a_listener_is_ticked_while_nothing_comes() -> None:
    ticks = iter([0.01, 0.01, None, None, None])
    release = threading.Event()
    count = 0

    class Listener(Quiet):
        def tick(self) -> float | None:
            nonlocal count
            count += 1
            due = next(ticks)
            if due is None:
                release.set()
            return due

    class Silent(httpx.SyncByteStream):
        def __iter__(self):  # type: ignore[no-untyped-def]
            release.wait(10)
            yield END

    to_end(events(lambda _: httpx.Response(200, stream=Silent())), Listener())
    assert count >= 3


def test_only_the_end_of_a_long_log_is_kept() -> None:
    quiet = Quiet(characters=10)
    for number in range(100):
        quiet.log(f"{number:03d}\n")
    assert quiet.tail == "97\n098\n099\n"[-10:]
