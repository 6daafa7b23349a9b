"""Live views: what is on record first, then what is new, and never twice."""

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from abaco_jupyter.wire import paths
from abaco_jupyter.wire.codes import BuildStatus, ExecutionStatus
from abaco_server.events.stream import Ended, LogAdded, StatusChanged, execution_topic
from abaco_server.store import executions, logs
from abaco_server.web import streams

pytestmark = pytest.mark.asyncio


@dataclass
class Frame:
    event: str
    data: dict
    mark: str | None


class Viewer:
    """Reads a stream as it comes."""

    def __init__(self, place, path: str, **headers: str) -> None:
        self.text = ""
        self.more = asyncio.Event()
        self.left = False
        self.task = asyncio.ensure_future(
            place.api(
                "GET",
                path,
                headers=headers,
                streaming_callback=self._read,
                header_callback=lambda line: None,
                request_timeout=60,
            )
        )

    def _read(self, chunk: bytes) -> None:
        self.text += chunk.decode()
        self.more.set()
        if self.left:
            raise ConnectionAbortedError

    @property
    def frames(self) -> list[Frame]:
        found = []
        for block in self.text.split("\n\n")[:-1]:
            if block.startswith(":"):
                continue
            lines = dict(line.split(": ", 1) for line in block.split("\n"))
            found.append(Frame(lines["event"], json.loads(lines["data"]), lines.get("id")))
        return found

    async def until(self, count: int) -> list[Frame]:
        async with asyncio.timeout(60):
            while len(self.frames) < count:
                self.more.clear()
                await self.more.wait()
        return self.frames

    async def end(self) -> list[Frame]:
        async with asyncio.timeout(60):
            self.answer = await self.task
        return self.frames


class Run:
    """An execution that is being run by nobody but the test."""

    def __init__(self, place, actor_id: str, execution_id: str) -> None:
        self.place, self.actor_id, self.execution_id = place, actor_id, execution_id
        self.path = paths.execution_stream(actor_id, execution_id)
        self.log = ""

    async def start(self) -> None:
        now = self.place.clock.now()
        await self.place.service.desk.store.write(
            lambda conn: executions.start(conn, self.execution_id, now)
        )
        self._publish(StatusChanged(status="RUNNING"))

    def add(self, text: str) -> None:
        offset = len(self.log)
        self.log += text
        self.place.calls.logs[self.execution_id] = self.log
        self._publish(LogAdded(offset=offset, text=text))

    async def end(self, **fields) -> None:
        now = self.place.clock.now()
        expires = now + timedelta(hours=1)

        def record(conn) -> None:
            executions.end(
                conn, self.execution_id, status=ExecutionStatus.COMPLETE, finish_time=now, **fields
            )
            logs.put(conn, self.execution_id, self.actor_id, self.log, expires)

        await self.place.service.desk.store.write(record)
        self.place.calls.logs.pop(self.execution_id, None)
        self._publish(Ended(status="COMPLETE"))

    def _publish(self, item: object) -> None:
        self.place.hub.publish(execution_topic(self.execution_id), item)


async def a_run(place) -> Run:
    actor_id = await place.actor()
    return Run(place, actor_id, await place.execution(actor_id))


def told(frames: list[Frame]) -> str:
    return "".join(frame.data["text"] for frame in frames if frame.event == "log")


async def test_from_beginning_to_end(place) -> None:
    run = await a_run(place)
    viewer = Viewer(place, run.path)
    await viewer.until(1)
    await run.start()
    await viewer.until(2)
    run.add("one\n")
    await viewer.until(3)
    run.add("zwei é\n")
    await viewer.until(4)
    await run.end(exit_code=1, exception={"type": "ValueError"})
    frames = await viewer.end()
    assert [(f.event, f.mark) for f in frames] == [
        ("status", None),
        ("status", None),
        ("log", "4"),
        ("log", "11"),
        ("end", None),
    ]
    assert told(frames) == "one\nzwei é\n"
    assert [f.data["status"] for f in frames if f.event != "log"] == [
        "SUBMITTED",
        "RUNNING",
        "COMPLETE",
    ]
    one = await place.api("GET", paths.execution(run.actor_id, run.execution_id))
    assert frames[-1].data == one.result | {"reason": None, "exception": {"type": "ValueError"}}
    headers = viewer.answer.headers
    assert headers["Content-Type"] == "text/event-stream"
    assert headers["Cache-Control"] == "no-cache"
    assert headers["X-Accel-Buffering"] == "no"


async def test_who_comes_late_gets_what_is_on_record(place) -> None:
    run = await a_run(place)
    await run.start()
    run.add("so far ")
    viewer = Viewer(place, run.path)
    await viewer.until(2)
    run.add("and more")
    await run.end()
    frames = await viewer.end()
    assert told(frames) == "so far and more"
    again = Viewer(place, run.path)
    frames = await again.end()
    assert [f.event for f in frames] == ["status", "log", "end"]
    assert told(frames) == "so far and more"


@pytest.mark.parametrize(
    ("last", "rest"),
    [
        ("0", "0123456789"),
        ("4", "456789"),
        ("10", ""),
        ("99", ""),
        ("-3", "0123456789"),
        ("x", "0123456789"),
        ("9" * 50, "0123456789"),
    ],
)
async def test_a_stream_goes_on_where_it_broke(place, last, rest) -> None:
    run = await a_run(place)
    await run.start()
    run.add("0123456789")
    await run.end()
    viewer = Viewer(place, run.path, **{"Last-Event-ID": last})
    frames = await viewer.end()
    assert told(frames) == rest
    assert frames[-1].event == "end"


async def test_text_on_record_and_published_is_told_once(place) -> None:
    run = await a_run(place)
    await run.start()
    run.add("abc")
    viewer = Viewer(place, run.path)
    await viewer.until(2)
    topic = execution_topic(run.execution_id)
    place.hub.publish(topic, LogAdded(offset=0, text="abc"))
    await asyncio.sleep(0)
    place.hub.publish(topic, LogAdded(offset=1, text="bcde"))
    run.log = "abcde"
    await viewer.until(3)
    # One that was missed is fetched.
    run.log = "abcdefgh"
    place.calls.logs[run.execution_id] = run.log
    place.hub.publish(topic, LogAdded(offset=6, text="gh"))
    await viewer.until(4)
    await run.end()
    assert told(await viewer.end()) == "abcdefgh"


async def test_silence_is_broken_by_a_heartbeat(place, monkeypatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    run = await a_run(place)
    viewer = Viewer(place, run.path)
    await viewer.until(1)
    async with asyncio.timeout(60):
        while viewer.text.count(": still here\n\n") < 3:
            viewer.more.clear()
            await viewer.more.wait()
    await run.end()
    frames = await viewer.end()
    assert [f.event for f in frames] == ["status", "end"]


async def test_a_viewer_who_leaves_is_forgotten(place, monkeypatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    run = await a_run(place)
    viewer = Viewer(place, run.path)
    await viewer.until(1)
    assert len(place.hub._listeners) == 1
    viewer.left = True
    await asyncio.wait([viewer.task])
    assert viewer.task.exception() or viewer.task.result().status == 599
    async with asyncio.timeout(60):
        while place.hub._listeners:
            await asyncio.sleep(0.01)
    left = [t for t in asyncio.all_tasks() if "stream" in repr(t.get_coro()).lower()]
    assert left == []


async def test_who_may_not_look_gets_the_envelope(place) -> None:
    actor_id = await place.actor()
    answer = await place.api("GET", paths.execution_stream(actor_id, "none"))
    assert answer.status == 400
    assert answer.message.startswith("No executions found")
    answer = await place.api("GET", paths.execution_stream("nobody", "none"))
    assert (answer.status, answer.message) == (404, "Actor with identifier 'nobody' not found")
    answer = await place.api("GET", paths.execution_stream(actor_id, "none"), token=None)
    assert (answer.status, answer.message) == (400, "No JWT or nonce provided.")


# ---- builds ----------------------------------------------------------------------------------


@dataclass
class Step:
    offset: int
    text: str


async def test_a_plan_of_a_build_begins_none(place) -> None:
    answer = await place.api("POST", "/abaco/v1/builds/plan", {"source": "x"})
    assert answer.result["dockerfile"] == "FROM x\n"
    assert place.bench.builds == {}
    refused = await place.api("POST", "/abaco/v1/builds/plan", {"sauce": "x"})
    assert (refused.status, "sauce" in refused.message) == (400, True)


async def test_a_build_from_its_log_to_its_end(place) -> None:
    started = await place.api("POST", "/abaco/v1/builds", {"source": "x"})
    build_id = started.result["id"]
    ended = replace(place.bench.builds[build_id], status=BuildStatus.ERROR, error="no such package")
    place.bench.steps = [Step(0, "Step 1\n"), Step(7, "é\n"), ended]
    viewer = Viewer(place, paths.build_stream(build_id))
    frames = await viewer.end()
    assert [(f.event, f.mark) for f in frames] == [("log", "7"), ("log", "9"), ("end", None)]
    assert told(frames) == "Step 1\né\n"
    record = started.result | {"status": "ERROR", "error": "no such package"}
    del record["log"]
    assert frames[-1].data == record
    none = await place.api("GET", paths.build_stream("nobody"))
    assert (none.status, none.message) == (404, "No build found with id: nobody.")


async def test_a_viewer_who_leaves_a_build_ends_its_following(place, monkeypatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    closed = asyncio.Event()

    async def slow(build_id: str, offset: int = 0):
        try:
            yield Step(offset, "begun\n")
            await asyncio.Event().wait()
        finally:
            closed.set()

    started = await place.api("POST", "/abaco/v1/builds", {"source": "x"})
    monkeypatch.setattr(place.bench, "follow", slow)
    viewer = Viewer(place, paths.build_stream(started.result["id"]), **{"Last-Event-ID": "3"})
    frames = await viewer.until(1)
    assert frames[0].mark == "9"
    viewer.left = True
    async with asyncio.timeout(60):
        await closed.wait()
        await asyncio.wait([viewer.task])
    assert viewer.task.exception() or viewer.task.result().status == 599
