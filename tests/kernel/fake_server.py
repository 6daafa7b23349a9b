"""A server of the wire contract in memory, behind `httpx.MockTransport`."""

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cloudpickle
import httpx

from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.wire import envelope, spec
from abaco_jupyter.wire.errors import (
    HEADER,
    AbacoError,
    ActorNotFound,
    ExecutionNotFound,
    ExecutionNotRunning,
)
from abaco_jupyter.wire.ids import new_id

URL = "http://fake.example:8888/user/ann"
TOKEN = "s3cret"


def frame(event: str, data: Any, mark: int | None = None) -> bytes:
    head = f"event: {event}\n" + (f"id: {mark}\n" if mark is not None else "")
    return (head + f"data: {json.dumps(data, ensure_ascii=False)}\n\n").encode()


def exception_of(error: BaseException, *, pickled: bool = True) -> dict[str, Any]:
    """As `abaco_runtime.failure` reports it."""
    return {
        "type": type(error).__qualname__,
        "module": type(error).__module__,
        "message": str(error),
        "traceback": f"Traceback (most recent call last):\n  line 3\n{type(error).__name__}: x\n",
        "pickle": base64.b64encode(cloudpickle.dumps(error)).decode() if pickled else None,
    }


@dataclass(kw_only=True)
class Script:
    """What the next execution does."""

    log: tuple[str, ...] = ("hello\n",)
    results: tuple[bytes, ...] = ()
    end: dict[str, Any] = field(default_factory=lambda: {"status": "COMPLETE", "exitCode": 0})
    interrupt: bool = False
    """A kernel interrupt comes while the notebook waits."""
    waits: bool = False
    """It stays SUBMITTED for as long as anybody looks."""
    taken: bool = False
    """A worker has it before anybody can take it back. It runs until it is halted."""


class FakeServer:
    def __init__(self, runner: str = "docker") -> None:
        self.runner = runner
        self.actors: dict[str, dict[str, Any]] = {}
        self.executions: dict[str, dict[str, Any]] = {}
        self.scripts: list[Script] = []
        self.images: set[str] = set()
        self.build_error: str | None = None
        self.build_gate: Path | None = None
        """No build goes on before this file exists."""
        self.requests: list[httpx.Request] = []
        self.interrupt: Callable[[], None] = lambda: None
        self.halted = threading.Event()

    @property
    def http(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.handle)

    def connect(self) -> Abaco:
        return Abaco(URL, TOKEN, http=self.http)

    def add_actor(self, name: str, **fields: Any) -> dict[str, Any]:
        record = {"id": new_id(), "name": name, "image": "img:1", "owner": "ann", "revision": 1}
        record |= {"status": "READY", "stateless": True, "description": "", "state": {}} | fields
        self.actors[record["id"]] = record
        return record

    def seen(self, method: str, pattern: str) -> list[httpx.Request]:
        return [
            request
            for request in self.requests
            if request.method == method and re.search(pattern, request.url.path)
        ]

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.path.removeprefix("/user/ann")
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return httpx.Response(403, text="<html>who are you</html>")
        for method, pattern, answer in _ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == request.method:
                try:
                    result = answer(self, request, *found.groups())
                except AbacoError as error:
                    return httpx.Response(
                        400, content=envelope.failure(str(error)), headers={HEADER: error.code}
                    )
                if isinstance(result, httpx.Response):
                    return result
                return httpx.Response(200, content=envelope.success(result, "done"))
        return httpx.Response(404, text="<html>not here</html>")

    # ---- answers --------------------------------------------------------------------------

    def status(self, _: httpx.Request) -> Any:
        return {"runner": self.runner, "engine": "20.10", "ready": True, "username": "ann"}

    def build(self, request: httpx.Request) -> Any:
        what = spec.decode(request.content)
        image = what.image()
        cached = image in self.images
        record = {"id": "b1", "digest": what.digest(), "image": image, "cached": cached}
        record |= {"error": None, "status": "READY" if cached else "BUILDING"}
        self.built = record
        return record

    def plan(self, request: httpx.Request) -> Any:
        what = spec.decode(request.content)
        facts = {"image": what.image(), "digest": what.digest(), "dockerfile": "FROM base\n"}
        return facts | {"cached": what.image() in self.images}

    def build_stream(self, _: httpx.Request) -> httpx.Response:
        while self.build_gate is not None and not self.build_gate.exists():
            time.sleep(0.01)
        body = frame("log", {"text": "Step 1/2\n"}, 9) + frame("log", {"text": "Step 2/2\n"}, 18)
        if self.build_error is None:
            self.images.add(self.built["image"])
            end = self.built | {"status": "READY"}
        else:
            end = self.built | {"status": "ERROR", "error": self.build_error}
        return _stream(body + frame("end", end))

    def list_actors(self, _: httpx.Request) -> Any:
        return list(self.actors.values())

    def create(self, request: httpx.Request) -> Any:
        return self.add_actor(**json.loads(request.content) | {"status": "SUBMITTED"})

    def actor(self, _: httpx.Request, actor_id: str) -> dict[str, Any]:
        if actor_id not in self.actors:
            raise ActorNotFound(f"Actor with identifier '{actor_id}' not found")
        return self.actors[actor_id]

    def put(self, request: httpx.Request, actor_id: str) -> Any:
        old, new = self.actors[actor_id], json.loads(request.content)
        changed = bool(new.pop("force", False)) or new["image"] != old["image"]
        kept = {key: old[key] for key in ("id", "name", "owner")}
        record = {"stateless": True, "description": "", "state": {}, "status": "READY"} | new
        self.actors[actor_id] = kept | record | {"revision": old["revision"] + changed}
        return self.actors[actor_id]

    def delete(self, _: httpx.Request, actor_id: str) -> None:
        del self.actors[actor_id]

    def set_state(self, request: httpx.Request, actor_id: str) -> Any:
        self.actors[actor_id]["state"] = json.loads(request.content)
        return self.actors[actor_id]

    def get_state(self, _: httpx.Request, actor_id: str) -> Any:
        return {"state": self.actors[actor_id]["state"]}

    def send(self, request: httpx.Request, actor_id: str) -> Any:
        self.actor(request, actor_id)
        script = self.scripts.pop(0) if self.scripts else Script()
        record = {"id": new_id(), "actorId": actor_id, "status": "SUBMITTED", "cpu": 250_000_000}
        record |= {"messageReceivedTime": "2026-11-21T17:18:35.464Z", "script": script}
        record |= {"left": list(script.results), "body": request}
        self.executions[record["id"]] = record
        return {"executionId": record["id"], "msg": "...", "_links": {}}

    def stream(self, _: httpx.Request, __: str, execution_id: str) -> httpx.Response:
        record = self.executions[execution_id]
        return httpx.Response(
            200,
            headers={"Content-Type": "text/event-stream"},
            content=self._frames(record, record["script"]),
        )

    def _frames(self, record: dict[str, Any], script: Script) -> Iterator[bytes]:
        record["status"] = "SUBMITTED" if script.waits else "RUNNING"
        yield frame("status", _public(record))
        if script.waits:
            self.halted.wait(0.5)
        if script.taken:
            self.halted.wait(60)
        yield b": still here\n\n"
        offset = 0
        for text in script.log:
            offset += len(text)
            yield frame("log", {"text": text}, offset)
        if script.interrupt:
            self.interrupt()
            self.halted.wait(10)
        record |= {"finishTime": "2026-11-21T17:18:38.5Z"} | script.end
        if record["status"] != "ERROR":  # that is: it began
            record["startTime"] = "2026-11-21T17:18:36Z"
        ours = {"reason": None, "exception": None}
        yield frame("end", ours | _public(record))

    def execution(self, _: httpx.Request, __: str, execution_id: str) -> Any:
        if execution_id not in self.executions:
            raise ExecutionNotFound(f"No executions found with execution id of {execution_id}.")
        return _public(self.executions[execution_id])

    def newest(self, request: httpx.Request, actor_id: str) -> Any:
        limit = int(request.url.params["limit"])
        found = [_public(e) for e in self.executions.values() if e["actorId"] == actor_id]
        return {"executions": found[::-1][:limit]}

    def some(self, request: httpx.Request, _: str) -> Any:
        wanted = json.loads(request.content)["executions"]
        return {"executions": [_public(e) for id_, e in self.executions.items() if id_ in wanted]}

    def logs(self, _: httpx.Request, __: str, execution_id: str) -> Any:
        return {"logs": "".join(self.executions[execution_id]["script"].log)}

    def results(self, _: httpx.Request, __: str, execution_id: str) -> httpx.Response:
        left = self.executions[execution_id]["left"]
        return httpx.Response(200, content=left.pop(0) if left else b"")

    def cancel(self, request: httpx.Request, _: str) -> Any:
        wanted = json.loads(request.content)["executions"]
        taken = [
            each
            for each in wanted
            if self.executions[each]["status"] == "SUBMITTED"
            and not self.executions[each]["script"].taken
        ]
        for each in taken:
            self.executions[each]["status"] = "ERROR"
        return {"cancelled": taken}

    def halt(self, _: httpx.Request, __: str, execution_id: str) -> None:
        record = self.executions[execution_id]
        if record["status"] != "RUNNING":
            raise ExecutionNotRunning(
                "Cannot force quit an execution not in RUNNING status. Execution was found in "
                f"status: {record['status']}"
            )
        record |= {"status": "COMPLETE", "exitCode": 143}
        self.halted.set()


def _public(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in ("script", "left", "body")}


def _stream(body: bytes) -> httpx.Response:
    return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=body)


_ID = "([^/]+)"
_E = f"/actors/v2/{_ID}/executions/{_ID}"
_ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("GET", "/abaco/v1/status", FakeServer.status),
    ("POST", "/abaco/v1/builds", FakeServer.build),
    ("POST", "/abaco/v1/builds/plan", FakeServer.plan),
    ("GET", "/abaco/v1/builds/b1/stream", FakeServer.build_stream),
    ("GET", f"/abaco/v1/actors/{_ID}/executions", FakeServer.newest),
    ("POST", f"/abaco/v1/actors/{_ID}/executions", FakeServer.some),
    ("GET", f"/abaco/v1/actors/{_ID}/executions/{_ID}/stream", FakeServer.stream),
    ("GET", "/actors/v2", FakeServer.list_actors),
    ("POST", "/actors/v2", FakeServer.create),
    ("GET", f"/actors/v2/{_ID}", FakeServer.actor),
    ("PUT", f"/actors/v2/{_ID}", FakeServer.put),
    ("DELETE", f"/actors/v2/{_ID}", FakeServer.delete),
    ("POST", f"/actors/v2/{_ID}/state", FakeServer.set_state),
    ("GET", f"/actors/v2/{_ID}/state", FakeServer.get_state),
    ("POST", f"/actors/v2/{_ID}/messages", FakeServer.send),
    ("POST", f"/abaco/v1/actors/{_ID}/messages/cancel", FakeServer.cancel),
    ("GET", _E, FakeServer.execution),
    ("DELETE", _E, FakeServer.halt),
    ("GET", f"{_E}/logs", FakeServer.logs),
    ("GET", f"{_E}/results", FakeServer.results),
]
