"""Execution tokens as credentials, and the port on which containers show them."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from test_envelope import is_failure

from abaco_jupyter.wire.codes import Level, Role
from abaco_server.model.principal import Principal
from abaco_server.service import execution_tokens
from abaco_server.store import executions
from abaco_server.web.base import NoEndpoint
from abaco_server.web.listener import Listener
from abaco_server.web.routes import TABLE
from abaco_server.web.served import Reach

pytestmark = pytest.mark.asyncio

NO_CREDENTIALS = "No JWT or nonce provided."
NO_ACCESS = "Not authorized -- you do not have access to this actor."
NO_ENDPOINT = (
    "Invalid request: the API endpoint does not exist or the provided HTTP method is not allowed."
)


async def at_work(place, actor_id: str) -> tuple[str, str]:
    """The id and the token of an execution of this actor that is RUNNING."""
    store, now = place.service.desk.store, place.clock.now()
    execution_id = await place.execution(actor_id)
    actor = await place.service.actors.get(ADMIN, actor_id)

    def start(conn):
        executions.set_worker(conn, execution_id, "w")
        return executions.start(conn, execution_id, now)

    assert await store.write(start)
    vault = place.service.desk.vault
    return execution_id, execution_tokens.for_run(vault, actor, execution_id, default=True)


ADMIN = Principal(username="ada", tenant="DEV", roles=frozenset({Role.ADMIN}), api_server="")


async def by(place, token: str, method: str, path: str, body=None, **options):
    return await place.api(method, path, body, token=token, **options)


@pytest_asyncio.fixture
async def listener(place, tmp_path: Path) -> AsyncIterator[Listener]:
    made = Listener.bind("127.0.0.1", tmp_path / "port")
    made.serve(place.web)
    yield made
    await made.close()


@pytest.fixture
def inside(place, listener) -> Callable[..., object]:
    """Asks as a container does."""
    root = listener.url

    async def ask(token: str | None, method: str, path: str, body=None, **options):
        api = replace_root(place.api, root)
        return await api(method, path, body, token=token, **options)

    return ask


def replace_root(api, root: str):
    return type(api)(root, api.client)


# ---- what it is good for -----------------------------------------------------------------------


async def test_it_acts_as_the_owner_on_its_own_actor(place) -> None:
    actor_id = await place.actor(stateless=False)
    execution_id, token = await at_work(place, actor_id)
    path = f"/actors/v2/{actor_id}"
    assert token.startswith(f"abaco_x_{execution_id}_")
    assert (await by(place, token, "GET", path)).result["owner"] == "ada"
    assert (await by(place, token, "POST", f"{path}/state", {"n": 1})).status == 200
    sent = await by(place, token, "POST", f"{path}/messages", {"message": "m"})
    assert sent.status == 200
    follow = f"/abaco/v1/actors/{actor_id}/deliveries"
    assert (await by(place, token, "GET", follow)).status == 200


async def test_an_alias_of_its_actor_is_its_actor(place) -> None:
    mine, other = await place.actor(), await place.actor()
    for alias, actor_id in (("mine", mine), ("other", other)):
        given = {"alias": alias, "actorId": actor_id}
        assert (await place.api("POST", "/actors/v2/aliases", given)).status == 200
    _, token = await at_work(place, mine)
    assert (await by(place, token, "GET", "/actors/v2/mine")).result["id"] == mine
    is_failure(await by(place, token, "GET", "/actors/v2/other"), 400, NO_ACCESS)


async def test_everything_else_of_its_owner_is_closed(place) -> None:
    mine, other = await place.actor(), await place.actor()
    _, token = await at_work(place, mine)
    for method, path in (
        ("GET", "/actors/v2"),
        ("POST", "/actors/v2"),
        ("GET", f"/actors/v2/{other}"),
        ("POST", f"/actors/v2/{other}/messages"),
        ("GET", "/actors/v2/nobody"),
        ("GET", "/actors/v2/aliases"),
        ("GET", "/abaco/v1/status"),
        ("POST", "/abaco/v1/builds"),
        ("GET", f"/abaco/v1/actors/{other}/schedules"),
    ):
        body = {} if method == "POST" else None
        is_failure(await by(place, token, method, path, body), 400, NO_ACCESS)
    assert (await by(place, token, "GET", "/actors/v2/x/nothing")).status == 404


async def test_a_link_does_not_take_it_to_another_actor(place) -> None:
    mine, other, third = [await place.actor() for _ in range(3)]
    path = f"/actors/v2/{mine}"
    _, token = await at_work(place, mine)
    refused = (
        "Invalid link parameter. The link must be a valid actor id or alias for which you have "
        f"EXECUTE permission. Additional info: {NO_ACCESS}"
    )
    is_failure(await by(place, token, "PUT", path, {"image": "x", "link": other}), 400, refused)
    # Its owner may; and what the owner has set stays when the execution updates the rest.
    assert (await place.api("PUT", path, {"image": "x", "link": other})).status == 200
    kept = await by(place, token, "PUT", path, {"image": "x", "link": other, "hints": "h"})
    assert (kept.result["link"], kept.result["hints"]) == (other, ["h"])
    is_failure(await by(place, token, "PUT", path, {"image": "x", "link": third}), 400, refused)


async def test_no_nonce_of_its_making_reaches_further(place) -> None:
    mine = await place.actor()
    path = f"/actors/v2/{mine}/nonces"
    _, token = await at_work(place, mine)
    refused = (
        "Not authorized -- an execution makes nonces of the levels READ and EXECUTE only: one of "
        "UPDATE would reach further than the execution's own token."
    )
    is_failure(await by(place, token, "POST", path, {"level": "UPDATE"}), 400, refused)
    assert (await by(place, token, "POST", path, {"level": "EXECUTE"})).status == 200
    assert (await place.api("POST", path, {"level": "UPDATE"})).status == 200


async def test_it_is_not_shown_a_nonce_that_is_an_admins(place) -> None:
    mine = await place.actor()
    path = f"/actors/v2/{mine}/nonces"
    _, token = await at_work(place, mine)
    made = {}
    for level in (Level.UPDATE, Level.EXECUTE):
        made[level] = (await place.api("POST", path, {"level": level})).result["id"]
    shown = (await by(place, token, "GET", path)).result
    ids = {one["level"]: one["id"] for one in shown}
    assert ids[Level.EXECUTE] == made[Level.EXECUTE]
    assert ids[Level.UPDATE] == made[Level.UPDATE][:8] + "*" * (len(made[Level.UPDATE]) - 8)


async def test_it_may_reach_as_far_as_its_owner(place) -> None:
    desk = place.service.desk
    config = replace(desk.config, execution_token_scope="owner")
    place.service.credentials._desk = replace(desk, config=config)
    mine, other = await place.actor(), await place.actor()
    _, token = await at_work(place, mine)
    assert (await by(place, token, "GET", f"/actors/v2/{other}")).status == 200
    made = await by(place, token, "POST", "/actors/v2", {"image": "y"})
    assert made.result["owner"] == "ada"


async def test_it_is_never_an_admins(place) -> None:
    actor_id = await place.actor()
    _, token = await at_work(place, actor_id)
    body = {"image": "x", "maxWorkers": 2}
    answer = await by(place, token, "PUT", f"/actors/v2/{actor_id}", body)
    text = "Not authorized -- only admins and privileged users can set max workers."
    is_failure(answer, 400, text)


# ---- how long ------------------------------------------------------------------------------------


async def test_it_ends_with_its_execution(place) -> None:
    actor_id = await place.actor()
    execution_id, token = await at_work(place, actor_id)
    path = f"/actors/v2/{actor_id}"
    assert (await by(place, token, "GET", path)).status == 200
    store = place.service.desk.store
    now = place.clock.now() + timedelta(seconds=1)
    await store.write(
        lambda conn: executions.complete(conn, execution_id, finish_time=now, exit_code=0)
    )
    is_failure(await by(place, token, "GET", path), 400, NO_CREDENTIALS)


async def test_it_is_good_from_the_moment_a_worker_starts_it(place) -> None:
    """A container may ask before its start is on record; a message that waits has no container."""
    actor_id = await place.actor()
    execution_id = await place.execution(actor_id)
    actor = await place.service.actors.get(ADMIN, actor_id)
    desk, path = place.service.desk, f"/actors/v2/{actor_id}"
    token = execution_tokens.for_run(desk.vault, actor, execution_id, default=True)
    is_failure(await by(place, token, "GET", path), 400, NO_CREDENTIALS)
    await desk.store.write(lambda conn: executions.set_worker(conn, execution_id, "w"))
    assert (await by(place, token, "GET", path)).status == 200


async def test_nobody_makes_one(place) -> None:
    actor_id = await place.actor()
    execution_id, token = await at_work(place, actor_id)
    other = await place.execution(actor_id)
    mark = token.rpartition("_")[2]
    for forged in (
        f"abaco_x_{execution_id}_{'0' * 64}",
        f"abaco_x_{execution_id}_",
        f"abaco_x_{execution_id}",
        f"abaco_x_{other}_{mark}",
        f"abaco_x__{mark}",
        "abaco_x_",
        f"abaco_x_{execution_id}_{mark}\xe9",
    ):
        answer = await by(place, forged, "GET", f"/actors/v2/{actor_id}")
        is_failure(answer, 400, NO_CREDENTIALS)


async def test_an_actor_that_wants_none_gets_none(place) -> None:
    vault = place.service.desk.vault
    for given, default, has_one in (
        (None, True, True),
        (None, False, False),
        (True, False, True),
        (False, True, False),
    ):
        actor_id = await place.actor(**({} if given is None else {"token": given}))
        actor = await place.service.actors.get(ADMIN, actor_id)
        assert bool(execution_tokens.for_run(vault, actor, "e", default=default)) is has_one


# ---- the containers' own port ----------------------------------------------------------------


async def test_the_port_takes_an_execution(place, listener, inside) -> None:
    actor_id = await place.actor()
    _, token = await at_work(place, actor_id)
    answer = await inside(token, "GET", f"/actors/v2/{actor_id}")
    assert answer.status == 200
    assert answer.result["_links"]["self"] == f"{listener.url}/actors/v2/{actor_id}"
    assert "Set-Cookie" not in answer.headers


async def test_the_port_takes_a_nonce(place, inside) -> None:
    actor_id = await place.actor()
    path = f"/actors/v2/{actor_id}"
    nonce = (await place.api("POST", f"{path}/nonces", {"level": Level.EXECUTE})).result["id"]
    sent = await inside(None, "POST", f"{path}/messages?x-nonce={nonce}", {"message": "m"})
    assert sent.status == 200


async def test_the_port_takes_nothing_else(place, inside) -> None:
    actor_id = await place.actor()
    admin = Principal(username="root", tenant="DEV", roles=frozenset({Role.ADMIN}), api_server="")
    made = await place.service.tokens.create(admin, username="ada", roles=[Role.ADMIN])
    path = f"/actors/v2/{actor_id}"
    for token in (None, place.api.token, made.secret, "abaco_x_1_2"):
        is_failure(await inside(token, "GET", path), 400, NO_CREDENTIALS)
    answer = await inside(None, "GET", f"{path}?token={place.api.token}")
    is_failure(answer, 400, NO_CREDENTIALS)


async def test_the_port_has_nothing_of_ours_or_jupyters(place, inside) -> None:
    actor_id = await place.actor()
    _, token = await at_work(place, actor_id)
    for path in ("/", "/api", "/abaco/v1/status", "/actors", "/lab", "/x" * 50):
        is_failure(await inside(token, "GET", path), 404, NO_ENDPOINT)
        is_failure(await inside(None, "GET", path), 400, NO_CREDENTIALS)


async def test_who_connects_early_is_answered_once_there_is_a_service(
    place, tmp_path: Path
) -> None:
    actor_id = await place.actor()
    _, token = await at_work(place, actor_id)
    listener = Listener.bind("127.0.0.1", tmp_path / "port")
    api = replace_root(place.api, listener.url)
    asked = asyncio.ensure_future(api("GET", f"/actors/v2/{actor_id}", token=token))
    await asyncio.sleep(0.05)
    assert not asked.done()
    listener.serve(place.web)
    assert (await asked).status == 200
    await listener.close()


async def test_the_port_is_the_same_after_a_restart(tmp_path: Path) -> None:
    first = Listener.bind("127.0.0.1", tmp_path / "port")
    await first.close()
    again = Listener.bind("127.0.0.1", tmp_path / "port")
    assert again.url == first.url
    # Somebody has it: another one is found, and remembered.
    other = Listener.bind("127.0.0.1", tmp_path / "port")
    assert other.url != first.url
    assert other.url.endswith(f":{(tmp_path / 'port').read_text().strip()}")
    await again.close()
    await other.close()


@pytest.mark.parametrize("left", ["", "x", "0", "-1", "70000"])
async def test_a_port_file_that_says_nothing(tmp_path: Path, left: str) -> None:
    (tmp_path / "port").write_text(left)
    made = Listener.bind("127.0.0.1", tmp_path / "port")
    await made.close()
    assert made.url == f"http://127.0.0.1:{int((tmp_path / 'port').read_text())}"


async def test_an_address_of_another_machine_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="assign"):
        Listener.bind("192.0.2.1", tmp_path / "port")


async def test_an_execution_may_ask_who_it_acts_as(place, inside) -> None:
    _, token = await at_work(place, await place.actor())
    for ask in (inside, lambda *asked: by(place, *asked)):
        answer = await ask(token, "GET", "/profiles/v2/me")
        assert (answer.status, answer.result["username"]) == (200, "ada")
    is_failure(await by(place, token, "GET", "/profiles/v2/ada"), 400, NO_ACCESS)
    is_failure(await inside(token, "GET", "/profiles/v2/ada"), 404, NO_ENDPOINT)


@pytest.mark.parametrize(("path", "handler"), TABLE)
async def test_every_path_says_whose_token_it_takes(path: str, handler) -> None:
    """A handler that served two paths of different kinds would say the last one's for both."""
    about_an_actor = re.match(r"/actors/v2/\(|/abaco/v1/actors/\(", path)
    anybody = path == "/profiles/v2/me" or handler is NoEndpoint
    expected = Reach.EVERYBODY if anybody else Reach.ITS_ACTOR if about_an_actor else Reach.NOBODY
    assert getattr(handler, "reach", Reach.NOBODY) is expected
