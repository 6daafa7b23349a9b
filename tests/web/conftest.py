"""Our routes in a tornado application with Jupyter's own identity provider, on a real store.

The application has what our handlers use of a Jupyter server; `test_jupyter.py` has a whole one.
"""

import asyncio
import json
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from jupyter_server.auth import AllowAllAuthorizer, PasswordIdentityProvider, User
from jupyter_server.utils import ensure_async, url_path_join
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from abaco_jupyter.wire import ids
from abaco_jupyter.wire.codes import BuildStatus
from abaco_jupyter.wire.spec import BuildSpec
from abaco_server.cron.five_fields import next_time
from abaco_server.events.news import News
from abaco_server.events.stream import Hub
from abaco_server.model.actor import Actor
from abaco_server.model.build import Build, BuildPlan
from abaco_server.model.decision import Decision
from abaco_server.service import Desk, Service, ServiceConfig, open_service
from abaco_server.store import Store
from abaco_server.telling import HubTell, waking
from abaco_server.web import identity
from abaco_server.web.routes import handlers
from abaco_server.web.served import SETTING, Web

START = datetime(2026, 11, 21, 17, 18, 35, 464052, tzinfo=UTC)
TOKEN = "the-token-of-the-server"
BASE = "/a%40b/"
LIMIT = 200_000
"""Bytes of the largest body here."""


class FakeClock:
    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def turn(self, by: timedelta) -> None:
        self.time += by


class FakeWorkbench:
    """Builds that end when the test says so."""

    def __init__(self) -> None:
        self.builds: dict[str, Build] = {}
        self.steps: list[Any] = []

    async def start(self, spec: BuildSpec, owner: str, tenant: str) -> Build:
        build = Build(
            id=ids.new_id(),
            digest=spec.digest(),
            image=spec.image(),
            owner=owner,
            tenant=tenant,
            status=BuildStatus.BUILDING,
            create_time=START,
            log="Step 1\n",
        )
        self.builds[build.id] = build
        return build

    async def plan(self, spec: BuildSpec) -> BuildPlan:
        return BuildPlan(
            image=spec.image(), digest=spec.digest(), cached=False, dockerfile="FROM x\n"
        )

    async def get(self, build_id: str) -> Build | None:
        return self.builds.get(build_id)

    async def cancel(self, build_id: str) -> Build | None:
        cancelled = replace(self.builds[build_id], status=BuildStatus.CANCELLED)
        self.builds[build_id] = cancelled
        return cancelled

    async def follow(self, build_id: str, offset: int = 0) -> AsyncIterator[Any]:
        for step in self.steps:
            yield step


@dataclass
class Calls:
    """The callables of a desk, and what they were told."""

    woken: list[str]
    halted: list[str]
    logs: dict[str, str]
    clean: bool = True
    had: int = 0
    """Workers that an actor has when more are asked for."""
    ensured: list[tuple[str, int]] = field(default_factory=list)
    removed: list[tuple[str, str]] = field(default_factory=list)
    decided: dict[str, list[Decision]] = field(default_factory=dict)

    async def ensure_workers(self, actor: Actor, at_least: int) -> int:
        self.ensured.append((actor.id, at_least))
        return self.had

    def remove_worker(self, actor_id: str, worker_id: str) -> None:
        self.removed.append((actor_id, worker_id))

    async def retire(self, actor_id: str) -> bool:
        return self.clean


@dataclass
class Answer:
    """What came back; `body` are the very bytes."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def result(self) -> Any:
        return self.json["result"]

    @property
    def message(self) -> str:
        return self.json["message"]


class Api:
    """A client of one server; `token=None` asks without credentials."""

    def __init__(self, root: str, client: AsyncHTTPClient, token: str = TOKEN) -> None:
        self.root = root
        self.client = client
        self.token = token

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        kind: str | None = None,
        token: str | None = "",
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Answer:
        sent = dict(headers or {})
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token or self.token}")
        if body is not None and not isinstance(body, bytes | str):
            body, kind = json.dumps(body), kind or "application/json"
        if kind is not None:
            sent["Content-Type"] = kind
        response: HTTPResponse = await self.client.fetch(
            self.root + path,
            method=method,
            body=body,
            headers=sent,
            raise_error=False,
            allow_nonstandard_methods=True,
            follow_redirects=False,
            **options,
        )
        return Answer(response.code, response.headers, response.body)


class People(PasswordIdentityProvider):
    """Knows people by name: `Bearer as-bob` is bob, and the server's token is its owner's."""

    async def get_user(self, handler: Any) -> Any:
        name = handler.request.headers.get("Authorization", "").removeprefix("Bearer as-")
        if name and " " not in name:
            handler._token_authenticated = True
            return User(username=name)
        user = await ensure_async(super().get_user(handler))
        return user and User(username=identity.owner())


@dataclass
class Place:
    """One running server of ours."""

    api: Api
    app: Application
    service: Service
    hub: Hub
    news: News
    calls: Calls
    bench: FakeWorkbench
    clock: FakeClock

    @property
    def origin(self) -> str:
        return self.api.root.removesuffix("/a%40b")

    @property
    def web(self) -> Web:
        return self.app.settings[SETTING]

    def as_user(self, name: str) -> "Api":
        """A client that is somebody else; from now on the server knows people by name."""
        if not isinstance(self.app.settings["identity_provider"], People):
            self.app.settings["identity_provider"] = People(token=TOKEN)
        return Api(self.api.root, self.api.client, token=f"as-{name}")

    def change(self, **fields: Any) -> None:
        self.app.settings[SETTING] = replace(self.web, **fields)

    async def actor(self, **fields: Any) -> str:
        answer = await self.api("POST", "/actors/v2", {"image": "x", **fields})
        assert answer.status == 200, answer.body
        return answer.result["id"]

    async def execution(self, actor_id: str) -> str:
        answer = await self.api("POST", f"/actors/v2/{actor_id}/messages", {"message": "m"})
        assert answer.status == 200, answer.body
        return answer.result["executionId"]


def application(
    web: Web,
    token: str = TOKEN,
    kind: type[PasswordIdentityProvider] = PasswordIdentityProvider,
    **settings: Any,
) -> Application:
    provider = kind(token=token)
    routes = [(url_path_join(BASE, pattern), handler) for pattern, handler in handlers()]
    return Application(
        routes,
        base_url=BASE,
        **{SETTING: web},
        identity_provider=provider,
        authorizer=AllowAllAuthorizer(identity_provider=provider),
        cookie_secret="secret of the cookies",
        xsrf_cookies=True,
        local_hostnames=["localhost"],
        allow_unauthenticated_access=False,
        log_function=lambda handler: None,
        **settings,
    )


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with its schema: making one takes longer than most tests."""
    folder = tmp_path_factory.mktemp("database")
    store = Store.open(
        f"sqlite:///{folder / 'empty.db'}", payload_dir=folder / "payloads", clock=FakeClock()
    )
    loop = asyncio.new_event_loop()
    loop.run_until_complete(store.close())
    loop.close()
    return folder / "empty.db"


def start(app: Application) -> tuple[HTTPServer, str]:
    """Serves an application; its root URL."""
    server = HTTPServer(app, max_buffer_size=10_000_000)
    socket, port = bind_unused_port()
    server.add_socket(socket)
    return server, f"http://127.0.0.1:{port}/a%40b"


async def stop(server: HTTPServer) -> None:
    server.stop()
    await server.close_all_connections()


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Callable[[Application], str]]:
    """Serves an application until the test ends; its root URL."""
    servers = []

    def serve(app: Application) -> str:
        server, root = start(app)
        servers.append(server)
        return root

    yield serve
    for server in servers:
        await stop(server)


@pytest_asyncio.fixture
async def client() -> AsyncIterator[AsyncHTTPClient]:
    found = AsyncHTTPClient(force_instance=True)
    yield found
    found.close()


@pytest.fixture(autouse=True)
def owner(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("JUPYTERHUB_USER", "ada")
    identity.owner.cache_clear()
    return "ada"


@asynccontextmanager
async def open_place(
    folder: Path, database: Path, serve: Callable[[Application], str], client: AsyncHTTPClient
) -> AsyncIterator[Place]:
    clock, calls, bench, hub = FakeClock(), Calls([], [], {}), FakeWorkbench(), Hub()
    news = News()
    path = shutil.copy(database, folder / "abaco.db")
    store = Store.open(f"sqlite:///{path}", payload_dir=folder / "payloads", clock=clock)
    desk = Desk(
        store=store,
        clock=clock,
        new_id=ids.new_id,
        config=ServiceConfig(tenant="DEV"),
        wake=waking(calls.woken.append, news),
        halt=calls.halted.append,
        retire=calls.retire,
        ensure_workers=calls.ensure_workers,
        remove_worker=calls.remove_worker,
        decisions=lambda actor_id: calls.decided.get(actor_id, []),
        stirred=news.stirred,
        failed=HubTell(hub, lambda _: None, news).failed,
        next_time=next_time,
        live_log=calls.logs.get,
        describe=lambda: {"runner": "fake"},
        workbench=bench,
    )
    service = open_service(desk)
    web = Web(tenant="DEV", service=service, hub=hub, news=news, ready=True, max_body=LIMIT)
    app = application(web)
    yield Place(Api(serve(app), client), app, service, hub, news, calls, bench, clock)
    await store.close()


@pytest_asyncio.fixture
async def place(
    tmp_path: Path, database: Path, serve: Callable[[Application], str], client: AsyncHTTPClient
) -> AsyncIterator[Place]:
    async with open_place(tmp_path, database, serve, client) as place:
        yield place


@dataclass(frozen=True)
class Standing:
    """A place in a thread of its own, for clients that block."""

    place: Place
    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What `work` returns, done on the server's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Iterator[Standing]:
    """It stands while a module's tests come and go."""
    opened: Future[tuple[Standing, asyncio.Event]] = Future()

    async def stand() -> None:
        client, leave = AsyncHTTPClient(force_instance=True), asyncio.Event()
        servers: list[HTTPServer] = []

        def serve(app: Application) -> str:
            server, root = start(app)
            servers.append(server)
            return root

        folder = tmp_path_factory.mktemp("standing")
        async with open_place(folder, database, serve, client) as place:
            opened.set_result((Standing(place, asyncio.get_running_loop()), leave))
            await leave.wait()
            for server in servers:
                await stop(server)
        client.close()

    thread = threading.Thread(target=asyncio.run, args=(stand(),))
    thread.start()
    standing, leave = opened.result(60)
    yield standing
    standing.loop.call_soon_threadsafe(leave.set)
    thread.join()


@pytest.fixture
def make_place(serve: Callable[[Application], str], client: AsyncHTTPClient) -> Callable[..., Api]:
    """Another server, with whatever `Web` it is given; with `people` it knows them by name."""

    def make(web: Web, token: str, *, people: bool = False) -> Api:
        kind = People if people else PasswordIdentityProvider
        return Api(serve(application(web, token, kind)), client)

    return make


@pytest.fixture(autouse=True)
def _forget_owner() -> Iterator[None]:
    yield
    identity.owner.cache_clear()
