"""Configs as clients see them (sections 9 and 16)."""

import pytest
from test_envelope import is_failure

from abaco_jupyter.wire import ids

pytestmark = pytest.mark.asyncio

CONFIGS = "/actors/v2/configs"
ADMINS_NO = "No config found: nobody."
NO_ACCESS = "You do not have sufficient access to this actor config."
RESERVED = ["executions", "nonces", "logs", "messages", "adapters", "admin", "utilization"]
FORBIDDEN_LIST = (
    "[':', '/', '?', '#', '[', ']', '@', '!', '$', '&', ''', '(', ')', '*', '+', ',', ';', '=', "
    "' ']"
)
HELP = {
    "name": "Name of the config",
    "value": "Value of the config; JSON Serializable",
    "isSecret": "Whether the value is secret, and kept encrypted",
    "actors": "List of actor IDs or aliases that should get this config",
}
POSTED = "Invalid config description. Missing required field: "
PUT = (
    "Invalid alias description. Could not determine if required fields are present. "
    "Is the body valid JSON? Details: "
)


def config(actors: str, **fields: object) -> dict:
    return {"name": "key", "value": "v", "isSecret": False, "actors": actors} | fields


async def made(place, client=None, **fields: object) -> str:
    """A config; the id of the actor that it names."""
    client = client or place.api
    actor_id = (await client("POST", "/actors/v2", {"image": "x"})).result["id"]
    answer = await client("POST", CONFIGS, config(actor_id, **fields))
    assert answer.status == 200, answer.body
    return actor_id


async def test_the_life_of_a_config(place) -> None:
    actor_id, other = await place.actor(), await place.actor()
    body = config(f"{actor_id}, {other}", name="db.url-1")
    answer = await place.api("POST", CONFIGS, body)
    assert (answer.message, answer.result) == ("Actor config created successfully.", body)
    path = f"{CONFIGS}/db.url-1"
    got = await place.api("GET", path)
    assert (got.message, got.result) == ("Config retrieved successfully.", body)
    listed = await place.api("GET", CONFIGS)
    assert (listed.message, listed.result) == ("Actor Configs retrieved successfully.", [body])
    changed = body | {"value": "w", "actors": other}
    put = await place.api("PUT", path, changed | {"name": "ignored"})
    assert (put.message, put.result) == ("Actor config updated successfully.", changed)
    assert (await place.api("GET", path)).result == changed
    gone = await place.api("DELETE", path)
    assert (gone.status, gone.result) == (200, None)
    assert gone.message == "Actor config db.url-1 deleted successfully."
    assert (await place.api("GET", CONFIGS)).result == []


async def test_a_secret_is_never_shown_in_clear(place) -> None:
    actor_id = await place.actor()
    body = config(actor_id, value="open sesame", isSecret="TRUE")
    answers = [await place.api("POST", CONFIGS, body)]
    answers += [await place.api("GET", path) for path in (CONFIGS, f"{CONFIGS}/key")]
    answers += [await place.api("PUT", f"{CONFIGS}/key", body)]
    for answer in answers:
        assert answer.status == 200
        assert b"sesame" not in answer.body
    shown = answers[-1].result
    assert shown["isSecret"] is True
    assert place.service.desk.vault.unseal(shown["value"]) == "open sesame"
    # And no longer secret: the new value is what was sent.
    plain = await place.api("PUT", f"{CONFIGS}/key", body | {"isSecret": False, "value": "plain"})
    assert plain.result == config(actor_id, value="plain")


@pytest.mark.parametrize(
    ("given", "kept"),
    [(5, "5"), (False, "False"), ({"a": None}, "{'a': None}"), ([1], "[1]"), ("", ""), ("é", "é")],
)
async def test_a_value_is_text(place, given, kept) -> None:
    actor_id = await place.actor()
    answer = await place.api("POST", CONFIGS, config(actor_id, value=given))
    assert answer.result["value"] == kept


async def test_in_a_form(place) -> None:
    actor_id = await place.actor()
    form = f"name=key&value=a%3Db&isSecret=0&actors={actor_id}"
    answer = await place.api("POST", CONFIGS, form, kind="application/x-www-form-urlencoded")
    assert answer.result == config(actor_id, value="a=b")


@pytest.mark.parametrize("field", HELP)
async def test_all_fields_are_required(place, field) -> None:
    actor_id = await made(place)
    fault = str({field: HELP[field]})
    without = {name: value for name, value in config(actor_id).items() if name != field}
    for body in (without, without | {field: None}):
        is_failure(await place.api("POST", CONFIGS, body), 400, POSTED + fault)
        is_failure(await place.api("PUT", f"{CONFIGS}/key", body), 400, PUT + fault)


async def test_bodies_that_are_no_config(place) -> None:
    actor_id = await made(place)
    unable = "Unable to process the JSON description."
    for body in (b"{", b"[]", b"5", b'"text"'):
        answer = await place.api("POST", CONFIGS, body, kind="application/json")
        is_failure(answer, 400, POSTED + unable)
        answer = await place.api("PUT", f"{CONFIGS}/key", body, kind="application/json")
        is_failure(answer, 400, PUT + unable)
    for secret in ("perhaps", 1, "", [True]):
        answer = await place.api("POST", CONFIGS, config(actor_id, isSecret=secret))
        is_failure(answer, 400, POSTED + str({"isSecret": HELP["isSecret"]}))
    snake = config(actor_id) | {"is_secret": False}
    del snake["isSecret"]
    answer = await place.api("POST", CONFIGS, snake)
    is_failure(answer, 400, POSTED + str({"isSecret": HELP["isSecret"]}))
    answer = await place.api("POST", CONFIGS, config(actor_id, name=""))
    is_failure(answer, 400, POSTED + str({"name": HELP["name"]}))


async def test_the_actors_must_be_there(place) -> None:
    actor_id, unknown = await place.actor(), ids.new_id()
    await place.api("POST", "/actors/v2/aliases", {"alias": "counter", "actorId": actor_id})
    assert (await place.api("POST", CONFIGS, config(f"counter ,{actor_id}"))).status == 200
    for actors, told in (
        (unknown, unknown),
        (f"{actor_id},nobody", "nobody"),
        ("", ""),
        (f"{actor_id},", ""),
        ("count", "count"),
        # Of several faults the first in the reference's order is told.
        (f"{unknown},admin", unknown),
    ):
        text = f"No actor or alias found with id: {told}."
        is_failure(await place.api("POST", CONFIGS, config(actors, name="admin")), 404, text)
        is_failure(await place.api("PUT", f"{CONFIGS}/key", config(actors)), 404, text)


@pytest.mark.parametrize("word", RESERVED)
async def test_reserved_words(place, word) -> None:
    answer = await place.api("POST", CONFIGS, config(await place.actor(), name=word))
    text = (
        f"{word} is a reserved word. The following reserved words cannot be used for a config: "
        f"{RESERVED}."
    )
    is_failure(answer, 400, text)


@pytest.mark.parametrize("character", list(":/?#[]@!$&'()*+,;= "))
async def test_forbidden_characters(place, character) -> None:
    answer = await place.api("POST", CONFIGS, config(await place.actor(), name=f"a{character}b"))
    text = (
        f"'{character}' is a forbidden character. The following characters cannot be used for a "
        f"config: {FORBIDDEN_LIST}."
    )
    is_failure(answer, 400, text)


async def test_a_name_is_taken_once(place) -> None:
    actor_id = await made(place)
    answer = await place.as_user("bob")("POST", CONFIGS, config(actor_id, value="mine"))
    text = "Config key already exists; please choose another name for your config"
    is_failure(answer, 400, text)
    assert (await place.api("GET", f"{CONFIGS}/key")).result["value"] == "v"


async def test_a_config_that_is_not_there(place) -> None:
    bob, entry = place.as_user("bob"), {"user": "eve", "level": "READ"}
    for method, path, body, told in (
        ("GET", "", None, ADMINS_NO),
        ("PUT", "", {}, ADMINS_NO),
        ("DELETE", "", None, "No config found with name: nobody."),
        ("GET", "/permissions", None, ADMINS_NO),
        ("POST", "/permissions", entry, ADMINS_NO),
    ):
        answer = await place.api(method, f"{CONFIGS}/nobody{path}", body)
        is_failure(answer, 404, told)
        answer = await bob(method, f"{CONFIGS}/nobody{path}", body)
        is_failure(answer, 400, "Config DEV_nobody does not exist")
    # No entry was made: who makes the config finds none but their own.
    await made(place, name="nobody")
    entries = await place.api("GET", f"{CONFIGS}/nobody/permissions")
    assert entries.result == {"ada": "UPDATE"}


async def test_whose_config_it_is(place) -> None:
    """In the reference all of GET, PUT and DELETE of one config are 500 for who is no admin."""
    bob, eve = place.as_user("bob"), place.as_user("eve")
    actor_id = await made(place, bob)
    path = f"{CONFIGS}/key"
    assert (await bob("GET", path)).result == config(actor_id)
    assert (await bob("GET", f"{path}/permissions")).result == {"bob": "UPDATE"}
    assert (await eve("GET", CONFIGS)).result == []
    for method, body in (("GET", None), ("PUT", config(actor_id)), ("DELETE", None)):
        is_failure(await eve(method, path, body), 400, NO_ACCESS)
    # Who may not is told that, not what is wrong with the body.
    is_failure(await eve("PUT", path, b"{", kind="application/json"), 400, NO_ACCESS)
    entry = {"user": "eve", "level": "READ"}
    answer = await bob("POST", f"{path}/permissions", entry)
    assert answer.message == "Permission added successfully."
    assert answer.result == {"bob": "UPDATE", "eve": "READ"}
    assert (await eve("GET", CONFIGS)).result == [config(actor_id)]
    is_failure(await eve("PUT", path, config(actor_id)), 400, NO_ACCESS)
    await bob("POST", f"{path}/permissions", {"user": "eve", "level": "UPDATE"})
    changed = config(actor_id, value="eve's")
    assert (await eve("PUT", path, changed)).result == changed
    assert (await eve("DELETE", path)).status == 200
    # A name that is taken again comes without the old entries.
    await made(place)
    is_failure(await bob("GET", path), 400, NO_ACCESS)


async def test_anybody_may_make_one_for_anybodys_actor(place) -> None:
    """The reference's own tests need it; whether the actor gets the value is another matter."""
    actor_id = await place.actor()
    assert (await place.as_user("bob")("POST", CONFIGS, config(actor_id))).status == 200


async def test_a_nonce_opens_no_config(place) -> None:
    """Not even that of an alias by the same name."""
    actor_id = await made(place)
    await place.api("POST", "/actors/v2/aliases", {"alias": "key", "actorId": actor_id})
    answer = await place.api("POST", "/actors/v2/aliases/key/nonces", {"level": "READ"})
    nonce = answer.result["id"]
    for path in ("", "/key", "/key/permissions"):
        answer = await place.api("GET", f"{CONFIGS}{path}?x-nonce={nonce}", token=None)
        is_failure(answer, 404, "Actor with identifier 'configs' not found")


async def test_an_actor_takes_no_config_along(place) -> None:
    actor_id = await made(place)
    assert (await place.api("DELETE", f"/actors/v2/{actor_id}")).status == 200
    assert (await place.api("GET", f"{CONFIGS}/key")).result == config(actor_id)


async def test_a_value_that_no_environment_has_room_for(place) -> None:
    actor_id = await place.actor()
    for value, size in (("x" * 131_106, 131_117), ("\n" * 65_553, 131_117)):
        answer = await place.api("POST", CONFIGS, config(actor_id, value=value))
        text = (
            f"Config key takes {size} bytes of a container's environment, which has room for "
            "131056. Put the value where the actor can fetch it, and its place here."
        )
        is_failure(answer, 400, text)
    assert (await place.api("POST", CONFIGS, config(actor_id, value="x" * 131_045))).status == 200
