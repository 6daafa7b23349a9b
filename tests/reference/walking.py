"""How the tables of Abaco's contract are walked: a row is a request and what comes of it.

A row's `path`, `body` and `message` may name things of the scene in braces: `{actor}`, `{nobody}`.
"""

import http.client
import json
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
BINARY = "application/octet-stream"
API = "/actors/v2"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def result(self) -> Any:
        assert self.status == 200, (self.status, self.body[:2000])
        return self.json["result"]

    @property
    def message(self) -> str:
        found: str = self.json["message"]
        return found


@dataclass(frozen=True)
class Caller:
    """Somebody who asks; `token` None is nobody."""

    url: str
    token: str | None

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """`path` is sent as it stands. A body that is not bytes goes as JSON."""
        sent = dict(headers or {})
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None and not isinstance(body, bytes):
            body, kind = json.dumps(body).encode(), kind or JSON
        if kind is not None:
            sent["Content-Type"] = kind
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=90)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """The result of what must be a success."""
        return self(method, path, body).result


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a table; `id` is what a list of the tests shows."""

    id: str
    method: str
    path: str
    message: str
    status: int = 400
    body: Any = None
    kind: str | None = None
    who: str = "ada"
    starts: bool = False
    """`message` is only the beginning."""

    def __str__(self) -> str:
        return self.id


@dataclass
class Scene:
    """The running server, who asks it, and what is there to be asked about."""

    url: str
    people: dict[str, Caller]
    follow: Callable[[str, str], str]
    """Waits for the end of an execution."""
    names: dict[str, str] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Caller:
        """`scene.bob(...)` asks as bob."""
        try:
            return self.people[name]
        except KeyError:
            raise AttributeError(name) from None

    def filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.filled(one) for name, one in value.items()}
        if isinstance(value, str):
            return re.sub(r"{(\w+)}", lambda found: self.names.get(found[1], found[0]), value)
        return value

    def ask(self, row: Row) -> Answer:
        path = row.path if row.path.startswith(("/actors", "/abaco", "//")) else f"{API}{row.path}"
        return self.people[row.who](
            row.method, self.filled(path), self.filled(row.body), kind=row.kind
        )

    def check(self, row: Row) -> Answer:
        answer = self.ask(row)
        expected = self.filled(row.message)
        told = answer.message[: len(expected)] if row.starts else answer.message
        assert (answer.status, told) == (row.status, expected), answer.body[:2000]
        return answer

    def actor(self, who: str = "ada", **fields: Any) -> str:
        """A new actor of the image that does as it is told."""
        body = {"image": self.names["image"], **fields}
        found: str = self.people[who]("POST", API, body).result["id"]
        return found

    def send(
        self, actor: str, body: Any = None, query: str = "", *, kind: str | None = None
    ) -> Any:
        """The answer's result."""
        body = {"message": "hello"} if body is None else body
        return self.ada("POST", f"{API}/{actor}/messages{query}", body, kind=kind).result

    def run(self, actor: str, body: Any = None, query: str = "", **options: Any) -> "Run":
        """As `send`, and wait for the end."""
        return self.ended(actor, self.send(actor, body, query, **options)["executionId"])

    def ended(self, actor: str, execution: str) -> "Run":
        self.follow(actor, execution)
        path = f"{API}/{actor}/executions/{execution}"
        log = self.ada("GET", f"{path}/logs").result["logs"]
        return Run(path, self.ada("GET", path).result, log)

    def until(self, condition: Callable[[], Any], seconds: float = 60) -> Any:
        """What `condition` answers once it is true."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.1)
        return found


@dataclass(frozen=True)
class Run:
    """An execution that has ended."""

    path: str
    record: dict[str, Any]
    log: str

    @property
    def seen(self) -> Any:
        """What the container saw, as `act.py` shows it."""
        return json.loads(self.log)


def containers(label: str) -> list[Any]:
    """What the engine says of all containers with this label, running or not."""
    listing = ["docker", "ps", "-aq", "--filter", f"label={label}"]
    ids = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()
    if not ids:
        return []
    shown = subprocess.run(["docker", "inspect", *ids], capture_output=True, check=False)
    found: list[Any] = json.loads(shown.stdout)
    return found


def post(id: str, path: str, body: Any, message: str, **more: Any) -> Row:
    return Row(id=id, method="POST", path=path, body=body, message=message, **more)


def get(id: str, path: str, message: str, **more: Any) -> Row:
    return Row(id=id, method="GET", path=path, message=message, **more)


def put(id: str, path: str, body: Any, message: str, **more: Any) -> Row:
    return Row(id=id, method="PUT", path=path, body=body, message=message, **more)


def delete(id: str, path: str, message: str, **more: Any) -> Row:
    return Row(id=id, method="DELETE", path=path, message=message, **more)
