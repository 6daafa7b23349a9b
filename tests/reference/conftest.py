"""For each file a server with a real engine, people of every role, and a few things to ask about;
so no file finds what another has changed. It is a walk: a row is cheap, and what is asked of a
container is asked of few."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from walking import API, Caller, Scene

from abaco_jupyter.wire.codes import Role
from abaco_jupyter.wire.ids import new_id
from abaco_server.model.clock import SystemClock
from abaco_server.model.principal import Principal
from abaco_server.service import Desk, ServiceConfig
from abaco_server.service.tokens import Tokens
from abaco_server.store import Store
from live_server import LiveServer
from runnerkit.images import BASE, built

TENANT = "DEV"
PEOPLE = {
    "bob": (Role.USER, TENANT),
    "eve": (Role.USER, TENANT),
    "lim": (Role.LIMITED, TENANT),
    "pia": (Role.PRIVILEGED, TENANT),
    "ann": (Role.ADMIN, TENANT),
    "far": (Role.ADMIN, "OTHER"),
}
"""Role and tenant by name. `ada` is the server's owner, and an admin."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here:
            item.add_marker(pytest.mark.docker)


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    dockerfile = f"""
        FROM {BASE}
        COPY act.py /act.py
        CMD ["python3", "/act.py"]
    """
    with built(dockerfile, {"act.py": (Path(__file__).parent / "act.py").read_bytes()}) as name:
        yield name


@pytest.fixture(scope="session")
def unstartable() -> Iterator[str]:
    with built(f'FROM {BASE}\nCMD ["/there/is/no/such/program"]') as name:
        yield name


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    home = tmp_path_factory.mktemp("reference")
    shared = home / "shared"
    shared.mkdir()
    (shared / "known").touch()
    options = (
        "--AbacoApp.runner=docker",
        f"--AbacoApp.tenant={TENANT}",
        "--AbacoApp.allow_private_webhooks=True",
        f"--AbacoApp.mounts={shared}:/shared:ro",
        "--AbacoApp.capacity=4",
    )
    with LiveServer(home, *options) as running:
        yield running


def tokens(server: LiveServer) -> dict[str, str]:
    """Bearer tokens by name, as `jupyter abaco token create` makes them."""

    async def make() -> dict[str, str]:
        data, clock = server.home / "data" / "abaco", SystemClock()
        store = Store.open(
            f"sqlite:///{data / 'abaco.db'}", payload_dir=data / "payloads", clock=clock
        )
        made = {}
        for name, (role, tenant) in PEOPLE.items():
            config = ServiceConfig(tenant=tenant)
            there = Tokens(Desk(store=store, clock=clock, new_id=new_id, config=config))
            admin = Principal(
                username="walk", tenant=tenant, roles=frozenset({Role.ADMIN.value}), api_server=""
            )
            token = await there.create(admin, username=name, roles=[role], expires=None, label="")
            made[name] = token.secret
        await store.close()
        return made

    return asyncio.run(make())


@pytest.fixture(scope="module")
def scene(server: LiveServer, image: str, unstartable: str) -> Scene:
    """A few actors, an execution, an alias, nonces, a config."""
    people = {name: Caller(server.url, token) for name, token in tokens(server).items()}
    people |= {"ada": Caller(server.url, server.token), "nobody": Caller(server.url, None)}
    scene = Scene(server.url.rstrip("/"), people, server.follow)
    scene.names = {"image": image, "unknown": new_id(), "url": scene.url}
    # Section 11 asks for what becomes of it, which takes half a minute.
    broken = scene.actor(image=unstartable)
    scene.names |= {"broken": broken, "failing": scene.send(broken)["executionId"]}
    actor, stateful = scene.actor(), scene.actor(stateless=False)
    private = scene.actor("bob")
    scene.names |= {"actor": actor, "stateful": stateful, "bobs": private, "alias": "walker"}
    run = scene.run(actor)
    scene.names |= {"execution": run.record["id"], "worker": run.record["workerId"]}
    scene.names["owner"] = scene.ada.ok("GET", "/abaco/v1/status")["username"]
    scene.ada.ok("POST", f"{API}/aliases", {"alias": "walker", "actorId": actor})
    scene.names["nonce"] = scene.ada.ok("POST", f"{API}/{actor}/nonces")["id"]
    scene.names["alias_nonce"] = scene.ada.ok("POST", f"{API}/aliases/walker/nonces")["id"]
    config = {"name": "known", "value": "v", "isSecret": False, "actors": actor}
    scene.ada.ok("POST", f"{API}/configs", config)
    scene.names["config"] = "known"
    return scene
