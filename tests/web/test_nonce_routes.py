"""Nonces as they are made, shown and removed (section 9)."""

import pytest
from test_alias_routes import named
from test_envelope import is_failure

from abaco_jupyter.wire import ids

pytestmark = pytest.mark.asyncio

NOT_FOUND = "Nonce not found."
BOTH = "Not authorized -- you do not have access to this alias and actor."


def levels(*names: str) -> str:
    return f"Invalid nonce description. The level attribute must be one of: {names}"


ACTOR_LEVELS = levels("NONE", "READ", "EXECUTE", "UPDATE")
ALIAS_LEVELS = levels("NONE", "READ", "EXECUTE")


async def test_the_life_of_an_actors_nonce(place) -> None:
    actor_id, server = await place.actor(), place.api.root
    path = f"/actors/v2/{actor_id}/nonces"
    empty = await place.api("GET", path)
    assert (empty.message, empty.result) == ("Actor nonces retrieved successfully.", [])
    made = await place.api("POST", path)
    assert (made.status, made.message) == (200, "Actor nonce created successfully.")
    nonce_id = made.result["id"]
    tenant, _, own = nonce_id.rpartition("_")
    assert tenant == "DEV"
    assert ids.is_id(own)
    expected = {
        "id": nonce_id,
        "actorId": actor_id,
        "apiServer": server,
        "owner": "ada",
        "level": "EXECUTE",
        "roles": ["Internal/abaco-admin"],
        "maxUses": -1,
        "remainingUses": -1,
        "currentUses": 0,
        "description": "",
        "createTime": "2026-11-21T17:18:35.464052",
        "lastUseTime": "None",
        "_links": {
            "self": f"{server}{path}/{nonce_id}",
            "owner": f"{server}/profiles/v2/ada",
            "actor": f"{server}/actors/v2/{actor_id}",
        },
    }
    assert made.result == expected
    stored = expected | {"createTime": "2026-11-21T17:18:35.464Z"}
    got = await place.api("GET", f"{path}/{nonce_id}")
    assert (got.message, got.result) == ("Actor nonce retrieved successfully.", stored)
    assert (await place.api("GET", path)).result == [stored]
    gone = await place.api("DELETE", f"{path}/{nonce_id}")
    assert (gone.message, gone.result) == ("Actor nonce deleted successfully.", None)
    for method in ("GET", "DELETE"):
        is_failure(await place.api(method, f"{path}/{nonce_id}"), 400, NOT_FOUND)


async def test_the_life_of_an_aliass_nonce(place) -> None:
    await named(place)
    server, path = place.api.root, "/actors/v2/aliases/counter/nonces"
    body = {"level": "READ", "maxUses": 3, "description": "à b"}
    made = await place.api("POST", path, body)
    assert (made.status, made.message) == (200, "Alias nonce created successfully.")
    shown = made.result
    assert shown["alias"] == "counter"
    assert "actorId" not in shown
    assert (shown["level"], shown["maxUses"], shown["remainingUses"]) == ("READ", 3, 3)
    assert shown["description"] == "à b"
    assert shown["_links"] == {
        "self": f"{server}{path}/{shown['id']}",
        "owner": f"{server}/profiles/v2/ada",
        "actor": f"{server}/actors/v2/counter",
    }
    listed = await place.api("GET", path)
    assert listed.message == "Alias nonces retrieved successfully."
    assert [one["id"] for one in listed.result] == [shown["id"]]
    got = await place.api("GET", f"{path}/{shown['id']}")
    assert (got.status, got.message) == (200, "Alias nonce retrieved successfully.")
    # A nonce of the alias is none of the actor, though the path may say the alias.
    assert (await place.api("GET", "/actors/v2/counter/nonces")).result == []
    answer = await place.api("GET", f"/actors/v2/counter/nonces/{shown['id']}")
    is_failure(answer, 400, NOT_FOUND)
    gone = await place.api("DELETE", f"{path}/{shown['id']}")
    assert (gone.status, gone.message) == (200, "Alias nonce deleted successfully.")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"level": "FOO"}, None),
        ({"level": "execute"}, None),
        ({"level": None}, None),
        ({"level": "FOO", "maxUses": 0}, None),
        (
            {"maxUses": "many", "level": "FOO"},
            "Invalid nonce description: {'maxUses': 'Maximum number of times this nonce can be "
            "redeemed. Default is unlimited.'}",
        ),
        (
            {"maxUses": [1]},
            "Invalid nonce description: {'maxUses': 'Maximum number of times this nonce can be "
            "redeemed. Default is unlimited.'}",
        ),
        ({"maxUses": None}, "The max uses parameter must be an integer."),
        *(
            (
                {"maxUses": uses},
                "The max uses parameter must be a positive integer or -1 (to denote unlimited "
                "uses).",
            )
            for uses in (0, -2, "-5")
        ),
    ],
)
async def test_what_is_no_nonce(place, body, text) -> None:
    actor_id = await named(place)
    answer = await place.api("POST", f"/actors/v2/{actor_id}/nonces", body)
    is_failure(answer, 400, text or ACTOR_LEVELS)
    answer = await place.api("POST", "/actors/v2/aliases/counter/nonces", body)
    is_failure(answer, 400, text or ALIAS_LEVELS)


async def test_an_alias_has_no_update_nonce(place) -> None:
    await named(place)
    body = {"level": "UPDATE"}
    answer = await place.api("POST", "/actors/v2/aliases/counter/nonces", body)
    is_failure(answer, 400, ALIAS_LEVELS)
    assert (await place.api("POST", "/actors/v2/counter/nonces", body)).status == 200


@pytest.mark.parametrize("body", ["{", "[]", "5"])
async def test_a_body_that_is_no_object(place, body) -> None:
    await named(place)
    text = (
        "Invalid nonce description: Unable to process the JSON description.: 400 Bad Request: "
        "The browser (or proxy) sent a request that this server could not understand."
    )
    for path in ("/actors/v2/counter/nonces", "/actors/v2/aliases/counter/nonces"):
        is_failure(await place.api("POST", path, body, kind="application/json"), 400, text)


async def test_an_alias_or_actor_that_is_not_there(place) -> None:
    unknown = ids.new_id()
    for method, end in (("GET", ""), ("POST", ""), ("GET", "/n"), ("DELETE", "/n")):
        answer = await place.api(method, f"/actors/v2/aliases/nobody/nonces{end}")
        is_failure(answer, 404, "No alias found: nobody.")
        answer = await place.api(method, f"/actors/v2/{unknown}/nonces{end}")
        is_failure(answer, 404, f"No actor found with id: {unknown}.")


async def test_nonces_of_an_alias_need_the_level_on_both(place) -> None:
    actor_id = await named(place)
    bob, path = place.as_user("bob"), "/actors/v2/aliases/counter"
    for alias_level, actor_level, may in (
        ("NONE", "NONE", ()),
        ("UPDATE", "NONE", ()),
        ("NONE", "UPDATE", ()),
        ("READ", "UPDATE", ("GET",)),
        ("UPDATE", "READ", ("GET",)),
        ("UPDATE", "UPDATE", ("GET", "POST")),
    ):
        for where, level in ((path, alias_level), (f"/actors/v2/{actor_id}", actor_level)):
            await place.api("POST", f"{where}/permissions", {"user": "bob", "level": level})
        for method in ("GET", "POST"):
            answer = await bob(method, f"{path}/nonces")
            if method in may:
                assert answer.status == 200, (alias_level, actor_level, method)
            else:
                is_failure(answer, 400, BOTH)


async def test_a_reader_does_not_see_what_would_make_more_of_him(place) -> None:
    """In the reference anybody with READ can take an UPDATE nonce from the list."""
    carol, bob = place.as_user("carol"), place.as_user("bob")
    actor_id = (await carol("POST", "/actors/v2", {"image": "x"})).result["id"]
    path = f"/actors/v2/{actor_id}"
    made = [
        (await carol("POST", f"{path}/nonces", {"level": level})).result["id"]
        for level in ("READ", "EXECUTE", "UPDATE")
    ]
    for level, seen in (("READ", 1), ("EXECUTE", 2), ("UPDATE", 3)):
        await place.api("POST", f"{path}/permissions", {"user": "bob", "level": level})
        listed = (await bob("GET", f"{path}/nonces")).result
        blotted = [whole[:8] + "*" * 9 for whole in made[seen:]]
        assert [one["id"] for one in listed] == made[:seen] + blotted
        assert made[-1] not in str(listed) or seen == 3
    for viewer in (carol, place.api):
        assert [one["id"] for one in (await viewer("GET", f"{path}/nonces")).result] == made


async def test_who_may_update_is_not_shown_what_updates_with_an_admins_roles(place) -> None:
    actor_id = await place.actor()
    path, bob = f"/actors/v2/{actor_id}", place.as_user("bob")
    nonce_id = (await place.api("POST", f"{path}/nonces", {"level": "UPDATE"})).result["id"]
    await place.api("POST", f"{path}/permissions", {"user": "bob", "level": "UPDATE"})
    (listed,) = (await bob("GET", f"{path}/nonces")).result
    assert listed["id"] == nonce_id[:8] + "*" * 9
    assert (await place.api("GET", f"{path}/nonces")).result[0]["id"] == nonce_id


async def test_the_database_alone_lets_nobody_in(place, tmp_path) -> None:
    actor_id = await place.actor()
    made = await place.api("POST", f"/actors/v2/{actor_id}/nonces", {"description": "find me"})
    own = made.result["id"].partition("_")[2].encode()
    whole = b"".join(file.read_bytes() for file in tmp_path.glob("abaco.db*"))
    assert b"find me" in whole
    assert own not in whole


async def test_nonces_go_with_their_actor(place) -> None:
    actor_id = await place.actor()
    made = await place.api("POST", f"/actors/v2/{actor_id}/nonces")
    await place.api("DELETE", f"/actors/v2/{actor_id}")
    answer = await place.api(
        "GET", f"/actors/v2/{actor_id}?x-nonce={made.result['id']}", token=None
    )
    is_failure(answer, 400, "Nonce does not exist.")
