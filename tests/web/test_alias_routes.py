"""Aliases as clients see them (sections 5, 9 and 16)."""

import pytest
from test_envelope import is_failure

from abaco_jupyter.wire import ids

pytestmark = pytest.mark.asyncio

NO_ALIAS = "Not authorized -- you do not have access to this alias."
NEEDS_ALIAS = (
    "Invalid alias description. Missing required field: "
    "{'alias': 'Actual alias for the actor; must be unique within a tenant.'}"
)
NEEDS_ACTOR = (
    "Invalid alias description. Missing required field: "
    "{'actorId': 'The human readable id for the actor associated with this alias.'}"
)
FORBIDDEN_LIST = (
    "['\\', ' ', '\"', ':', '/', '?', '#', '[', ']', '@', '!', '$', '&', ''', '(', ')', "
    "'*', '+', ',', ';', '=']"
)


async def named(place, alias: str = "counter", **fields) -> str:
    """An actor with an alias; its id."""
    actor_id = await place.actor(**fields)
    answer = await place.api("POST", "/actors/v2/aliases", {"alias": alias, "actorId": actor_id})
    assert answer.status == 200, answer.body
    return actor_id


async def test_the_life_of_an_alias(place) -> None:
    first, second, server = await place.actor(), await place.actor(), place.api.root

    def record(actor_id: str) -> dict:
        return {
            "alias": "my.actor-1_x",
            "actorId": actor_id,
            "owner": "ada",
            "_links": {
                "self": f"{server}/actors/v2/aliases/my.actor-1_x",
                "owner": f"{server}/profiles/v2/ada",
                "actor": f"{server}/actors/v2/{actor_id}",
            },
        }

    body = {"alias": "my.actor-1_x", "actorId": first}
    made = await place.api("POST", "/actors/v2/aliases", body)
    assert (made.message, made.result) == ("Actor alias created successfully.", record(first))
    listed = await place.api("GET", "/actors/v2/aliases")
    assert (listed.message, listed.result) == ("Aliases retrieved successfully.", [record(first)])
    path = "/actors/v2/aliases/my.actor-1_x"
    got = await place.api("GET", path)
    assert (got.message, got.result) == ("Alias retrieved successfully.", record(first))
    put = await place.api("PUT", path, {"actorId": second})
    assert (put.message, put.result) == ("Actor alias updated successfully.", record(second))
    assert (await place.api("GET", "/actors/v2/my.actor-1_x")).result["id"] == second
    gone = await place.api("DELETE", path)
    assert (gone.status, gone.result) == (200, None)
    assert gone.message.startswith("Alias {'alias': 'my.actor-1_x', ")
    assert gone.message.endswith(" deleted successfully.")
    is_failure(await place.api("GET", path), 404, "No alias found: my.actor-1_x.")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_an_alias_that_is_not_there(place, method) -> None:
    for path in ("/actors/v2/aliases/nobody", "/actors/v2/aliases/nobody/permissions"):
        if method == "GET" or "permissions" not in path:
            is_failure(await place.api(method, path, {}), 404, "No alias found: nobody.")
    entry = {"user": "bob", "level": "READ"}
    answer = await place.api("POST", "/actors/v2/aliases/nobody/permissions", entry)
    is_failure(answer, 404, "No alias found: nobody.")


async def test_what_is_no_alias(place) -> None:
    actor_id, unknown = await named(place, "taken"), ids.new_id()
    reserved = (
        "{} is a reserved word. The following reserved words cannot be used for an alias: "
        "['executions', 'nonces', 'logs', 'messages', 'adapters', 'admin']."
    )
    cases = [
        ({}, 400, NEEDS_ALIAS),
        ({"actorId": actor_id}, 400, NEEDS_ALIAS),
        ({"alias": "", "actorId": actor_id}, 400, NEEDS_ALIAS),
        ({"alias": "x"}, 400, NEEDS_ACTOR),
        ({"alias": "x", "actor_id": actor_id}, 400, NEEDS_ACTOR),
        ({"alias": "taken", "actorId": actor_id}, 400, "Alias taken already exists."),
        ({"alias": "x", "actorId": unknown}, 404, f"No actor found with id: {unknown}."),
        ({"alias": "x", "actorId": "taken"}, 404, "No actor found with id: taken."),
        # Of several faults the first in the reference's order is told.
        ({"alias": "a b", "actorId": unknown}, 404, f"No actor found with id: {unknown}."),
        ({"alias": "admin", "actorId": unknown}, 404, f"No actor found with id: {unknown}."),
        (
            {"alias": unknown, "actorId": unknown},
            400,
            "Invalid alias description. Alias cannot be an Abaco hash id.",
        ),
    ]
    cases += [
        ({"alias": word, "actorId": actor_id}, 400, reserved.format(word))
        for word in ("executions", "nonces", "logs", "messages", "adapters", "admin")
    ]
    for body, status, text in cases:
        is_failure(await place.api("POST", "/actors/v2/aliases", body), status, text)


@pytest.mark.parametrize("character", list("\\ \":/?#[]@!$&'()*+,;="))
async def test_every_forbidden_character(place, character) -> None:
    body = {"alias": f"a{character}b=", "actorId": await place.actor()}
    answer = await place.api("POST", "/actors/v2/aliases", body)
    text = (
        f"'{character}' is a forbidden character. The following characters cannot be used for "
        f"an alias: {FORBIDDEN_LIST}."
    )
    is_failure(answer, 400, text)


@pytest.mark.parametrize("body", ["{", "[]", "5"])
async def test_a_body_that_is_no_object(place, body) -> None:
    await named(place)
    text = (
        "Invalid alias description. Unable to process the JSON description.: 400 Bad Request: "
        "The browser (or proxy) sent a request that this server could not understand."
    )
    for method, path in (("POST", "/actors/v2/aliases"), ("PUT", "/actors/v2/aliases/counter")):
        is_failure(await place.api(method, path, body, kind="application/json"), 400, text)


async def test_what_an_update_may_not_be(place) -> None:
    await named(place)
    path = "/actors/v2/aliases/counter"
    kept = "Invalid alias update description. The alias itself cannot be updated in a PUT request."
    is_failure(await place.api("PUT", path, {"alias": "counter", "actorId": "x"}), 400, kept)
    is_failure(await place.api("PUT", path, {}), 400, NEEDS_ACTOR)


async def test_an_admin_may_point_an_alias_at_nothing(place) -> None:
    await named(place)
    unknown = ids.new_id()
    answer = await place.api("PUT", "/actors/v2/aliases/counter", {"actorId": unknown})
    assert answer.result["actorId"] == unknown
    answer = await place.api("GET", "/actors/v2/counter")
    is_failure(answer, 404, f"No actor found with identifier: {unknown}.")


async def test_an_alias_stands_for_an_id_everywhere(place) -> None:
    actor_id = await named(place, "admin-tool", stateless=False)
    root, server = "/actors/v2/admin-tool", place.api.root
    sent = await place.api("POST", f"{root}/messages", {"message": "m"})
    assert sent.result["_links"]["messages"] == f"{server}/actors/v2/{actor_id}/messages"
    execution = f"{root}/executions/{sent.result['executionId']}"
    for path in (
        root,
        f"{root}/state",
        f"{root}/messages",
        f"{root}/workers",
        f"{root}/executions",
        f"{root}/permissions",
        f"{root}/nonces",
        execution,
        f"{execution}/logs",
        "/abaco/v1/actors/admin-tool/executions",
    ):
        assert (await place.api("GET", path)).status == 200, path
    assert (await place.api("POST", f"{root}/state", {"n": 1})).result["state"] == {"n": 1}
    put = await place.api("PUT", root, {"image": "y", "stateless": False})
    assert put.result["id"] == actor_id
    assert (await place.api("DELETE", root)).status == 200
    # The alias stays and means nobody.
    assert (await place.api("GET", "/actors/v2/aliases/admin-tool")).status == 200
    answer = await place.api("GET", f"{root}/state")
    is_failure(answer, 404, f"No actor found with id: {actor_id}.")
    assert (await place.api("GET", execution)).status == 200


async def test_a_link_may_be_an_alias(place) -> None:
    first = await named(place, "first")
    second = await place.actor(link="first")
    answer = await place.api("POST", "/actors/v2", {"image": "x", "link": "nobody"})
    assert answer.message == (
        "Invalid link parameter; unable to retrieve linked actor data. The link must be a valid "
        "actor id or alias for which you have EXECUTE permission. "
    )
    itself = await place.api("PUT", f"/actors/v2/{first}", {"image": "x", "link": "first"})
    is_failure(itself, 400, "Invalid link parameter. An actor cannot link to itself.")
    cycle = await place.api("PUT", "/actors/v2/first", {"image": "x", "link": second})
    is_failure(cycle, 400, "Error: this update would result in a cycle of linked actors.")


async def test_levels_on_the_alias_and_on_the_actor(place) -> None:
    actor_id = await named(place)
    path, bob = "/actors/v2/aliases/counter", place.as_user("bob")
    other = (await bob("POST", "/actors/v2", {"image": "x"})).result["id"]
    assert [a["alias"] for a in (await bob("GET", "/actors/v2/aliases")).result] == ["counter"]
    refused = [
        await bob("GET", path),
        await bob("PUT", path, "{", kind="application/json"),
        await bob("DELETE", path),
        await bob("GET", f"{path}/permissions"),
        await bob("POST", f"{path}/permissions", {}),
    ]
    for answer in refused:
        is_failure(answer, 400, NO_ALIAS)
    answer = await bob("POST", "/actors/v2/aliases", {"alias": "mine", "actorId": actor_id})
    is_failure(answer, 400, f"Not authorized -- you do not have access to {actor_id}.")

    grant = {"user": "bob", "level": "READ"}
    answer = await place.api("POST", f"{path}/permissions", grant)
    assert answer.result == {"ada": "UPDATE", "bob": "READ"}
    assert (await bob("GET", path)).status == 200
    is_failure(await bob("PUT", path, {"actorId": other}), 400, NO_ALIAS)
    # READ on the alias is nothing on the actor.
    text = "Not authorized -- you do not have access to this actor."
    is_failure(await bob("GET", "/actors/v2/counter"), 400, text)

    await place.api("POST", f"{path}/permissions", grant | {"level": "UPDATE"})
    text = (
        "Not authorized -- you do not have UPDATE access to the actor you want to associate "
        "with this alias."
    )
    for target in (actor_id, ids.new_id()):
        is_failure(await bob("PUT", path, {"actorId": target}), 400, text)
    assert (await bob("PUT", path, {"actorId": other})).result["owner"] == "ada"
    assert (await bob("DELETE", path)).status == 200


async def test_who_takes_a_name_next_has_nothing_of_the_one_before(place) -> None:
    actor_id = await named(place)
    path = "/actors/v2/aliases/counter"
    await place.api("POST", f"{path}/permissions", {"user": "bob", "level": "UPDATE"})
    await place.api("POST", f"{path}/nonces")
    await place.api("DELETE", path)
    await place.api("POST", "/actors/v2/aliases", {"alias": "counter", "actorId": actor_id})
    assert (await place.api("GET", f"{path}/nonces")).result == []
    assert (await place.api("GET", f"{path}/permissions")).result == {"ada": "UPDATE"}


async def test_names_that_are_also_parts_of_paths(place) -> None:
    for name in ("state", "permissions", "workers"):
        actor_id = await named(place, name)
        answer = await place.api("GET", f"/actors/v2/aliases/{name}")
        assert answer.result["actorId"] == actor_id
        assert (await place.api("GET", f"/actors/v2/{name}/state")).status == 200
