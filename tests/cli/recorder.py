"""The fake server of the kernel's tests, and beside it every noun that a kernel never asks for."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
from fake_server import FakeServer

from abaco_jupyter.wire import envelope
from abaco_jupyter.wire.errors import HEADER, AliasNotFound

_TIME = "2026-11-21T17:18:35.464Z"
NONCE = {"id": "DEV_n1", "level": "EXECUTE", "remainingUses": -1, "lastUseTime": "None"}
WORKER = {"id": "w1", "status": "READY", "createTime": _TIME, "lastExecutionTime": "None"}
SCHEDULE = {"id": "s1", "cron": "0 * * * *", "timeZone": "UTC", "nextTime": _TIME}
EXECUTION = {"id": "e1", "status": "COMPLETE", "messageReceivedTime": _TIME, "actorId": "a1"}
CONFIG = {"name": "c", "value": "1", "isSecret": False, "actors": "a1"}


class Ran:
    """What a command left: its exit code, and both outputs."""

    def __init__(self, code: int, out: bytes, err: str) -> None:
        self.code = code
        self.raw = out
        self.out = out.decode(errors="replace")
        self.err = err


Run = Callable[..., Ran]


class Recorder(FakeServer):
    def __init__(self) -> None:
        super().__init__()
        self.aliases: dict[str, str] = {}

    def handle(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/user/ann")
        for method, pattern, answer in _ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == request.method:
                self.requests.append(request)
                result = answer(self, request, *found.groups())
                if isinstance(result, httpx.Response):
                    return result
                return httpx.Response(200, content=envelope.success(result, "Said by the server."))
        return super().handle(request)

    def body(self, method: str, pattern: str) -> Any:
        """What was sent last to such a path, as JSON."""
        return json.loads(self.seen(method, pattern)[-1].content)

    # ---- answers --------------------------------------------------------------------------

    def put_alias(self, request: httpx.Request, name: str = "") -> Any:
        sent = json.loads(request.content)
        name = sent.get("alias", name)
        self.aliases[name] = sent["actorId"]
        return self.alias(request, name)

    def alias(self, _: httpx.Request, name: str) -> Any:
        if name not in self.aliases:
            headers = {HEADER: AliasNotFound.code}
            body = envelope.failure(f"No alias found: {name}.")
            return httpx.Response(404, content=body, headers=headers)
        return {"alias": name, "actorId": self.aliases[name], "owner": "ann"}

    def all_aliases(self, request: httpx.Request) -> Any:
        return [self.alias(request, name) for name in self.aliases]

    def nonce_sent(self, request: httpx.Request, actor_id: str) -> Any:
        """A message of a caller without a token."""
        if request.url.params.get("x-nonce") is None:
            if request.url.params.get("_abaco_synchronous") == "true":
                return httpx.Response(200, content=b"answer of " + actor_id.encode())
            super_answer: httpx.Response = FakeServer.handle(self, request)
            self.requests.pop()
            return super_answer
        assert "Authorization" not in request.headers
        return {"executionId": "e1", "msg": "m"}


def _always(result: Any) -> Callable[..., Any]:
    return lambda server, request, *parts: result


def _found(*records: Any) -> dict[str, Any]:
    counts = {"totalCount": 7, "countReturned": len(records)}
    return {"search": list(records), "_metadata": counts}


_ID = "([^/]+)"
_A = f"/actors/v2/{_ID}"
_ALIAS = f"/actors/v2/aliases/{_ID}"
_CONFIG = f"/actors/v2/configs/{_ID}"
_OURS = f"/abaco/v1/actors/{_ID}"
_ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("GET", "/actors/v2/aliases", Recorder.all_aliases),
    ("POST", "/actors/v2/aliases", Recorder.put_alias),
    ("GET", _ALIAS, Recorder.alias),
    ("PUT", _ALIAS, Recorder.put_alias),
    ("DELETE", _ALIAS, _always(None)),
    ("GET", "/actors/v2/configs", _always([CONFIG])),
    ("POST", "/actors/v2/configs", _always(CONFIG)),
    ("GET", _CONFIG, _always(CONFIG)),
    ("PUT", _CONFIG, _always(CONFIG)),
    ("DELETE", _CONFIG, _always(None)),
    *[
        (method, f"{place}/permissions", _always({"ann": "UPDATE", "bob": "READ"}))
        for method in ("GET", "POST")
        for place in (_A, _ALIAS, _CONFIG)
    ],
    *[
        route
        for place in (_A, _ALIAS)
        for route in (
            ("GET", f"{place}/nonces", _always([NONCE])),
            ("POST", f"{place}/nonces", _always(NONCE)),
            ("GET", f"{place}/nonces/{_ID}", _always(NONCE)),
            ("DELETE", f"{place}/nonces/{_ID}", _always(None)),
        )
    ],
    ("GET", "/actors/v2/utilization", _always({"currentActors": 1, "workers": 2})),
    ("GET", f"/actors/v2/search/{_ID}", _always(_found(EXECUTION))),
    ("GET", "/actors/v2/admin", _always([{"id": "a1", "tenant": "DEV"}])),
    ("GET", "/actors/v2/admin/workers", _always({"summary": {}, "workers": [WORKER]})),
    ("GET", "/actors/v2/admin/executions", _always({"summary": {}, "actors": []})),
    (
        "GET",
        "/actors/v2/openapi.yaml",
        _always(httpx.Response(200, content=b"openapi: 3.1.0\n")),
    ),
    ("GET", "/abaco/v1/metrics", _always(httpx.Response(200, content=b"abaco_actors 1\n"))),
    ("GET", f"{_A}/workers", _always([WORKER])),
    ("POST", f"{_A}/workers", _always(None)),
    ("GET", f"{_A}/workers/{_ID}", _always(WORKER)),
    ("DELETE", f"{_A}/workers/{_ID}", _always(None)),
    ("GET", f"{_A}/executions", _always({"executions": [EXECUTION], "totalExecutions": 1})),
    ("POST", f"{_A}/executions", _always(EXECUTION)),
    ("POST", f"{_A}/messages", Recorder.nonce_sent),
    ("GET", f"{_A}/messages", _always({"messages": 3})),
    ("DELETE", f"{_A}/messages", _always({"msg": "Actor mailbox purged."})),
    ("GET", f"{_OURS}/schedules", _always({"schedules": [SCHEDULE]})),
    ("POST", f"{_OURS}/schedules", _always(SCHEDULE)),
    ("GET", f"{_OURS}/schedules/{_ID}", _always(SCHEDULE)),
    ("DELETE", f"{_OURS}/schedules/{_ID}", _always(None)),
    ("GET", f"{_OURS}/deliveries", _always({"deliveries": []})),
    ("GET", f"{_OURS}/decisions", _always({"decisions": []})),
]
