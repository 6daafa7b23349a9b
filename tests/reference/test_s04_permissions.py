"""Sections 4 and 5: who may do what, and aliases in paths.

Every endpoint with every level and role is asked by tests/web/test_permission_matrix.py; here
stand the texts, and what is said in words.
"""

import pytest
from walking import API, Row, Scene, delete, get, post, put

NO_ACTOR = "Not authorized -- you do not have access to this actor."
NO_ALIAS = "Not authorized -- you do not have access to this alias."
NO_BOTH = "Not authorized -- you do not have access to this alias and actor."

ROWS = [
    *(
        get(f"GET {path or 'actor'}", f"/{{actor}}{path}", NO_ACTOR)
        for path in (
            "",
            "/state",
            "/messages",
            "/workers",
            "/workers/{worker}",
            "/executions",
            "/executions/{execution}",
            "/executions/{execution}/logs",
            "/executions/{execution}/results",
            "/permissions",
            "/nonces",
            "/nonces/{nonce}",
        )
    ),
    post("POST messages", "/{actor}/messages", {"message": "m"}, NO_ACTOR),
    put("PUT actor", "/{actor}", {"image": "x"}, NO_ACTOR),
    delete("DELETE actor", "/{actor}", NO_ACTOR),
    post("POST state", "/{stateful}/state", {"a": 1}, NO_ACTOR),
    post("POST nonces", "/{actor}/nonces", {}, NO_ACTOR),
    post("POST permissions", "/{actor}/permissions", {"user": "u", "level": "READ"}, NO_ACTOR),
    post("POST executions", "/{actor}/executions", {}, NO_ACTOR),
    delete("DELETE messages", "/{actor}/messages", NO_ACTOR),
    delete("DELETE execution", "/{actor}/executions/{execution}", NO_ACTOR),
    delete("DELETE nonce", "/{actor}/nonces/{nonce}", NO_ACTOR),
    get("GET alias", "/aliases/{alias}", NO_ALIAS),
    put("PUT alias", "/aliases/{alias}", {"actorId": "{bobs}"}, NO_ALIAS),
    delete("DELETE alias", "/aliases/{alias}", NO_ALIAS),
    get("GET alias permissions", "/aliases/{alias}/permissions", NO_ALIAS),
    get("GET alias nonces", "/aliases/{alias}/nonces", NO_BOTH),
    post("POST alias nonces", "/aliases/{alias}/nonces", {}, NO_BOTH),
    post(
        "POST alias for another's actor",
        "/aliases",
        {"alias": "mine", "actorId": "{actor}"},
        "Not authorized -- you do not have access to {actor}.",
    ),
    get(
        "GET config",
        "/configs/{config}",
        "You do not have sufficient access to this actor config.",
    ),
    get("a hash that is no actor: 400", "/{unknown}", "Actor DEV_{unknown} does not exist"),
    get(
        "a hash that is no actor, for an admin: 404",
        "/{unknown}",
        "No actor found with identifier: {unknown}.",
        who="ann",
        status=404,
    ),
    get(
        "below a hash that is no actor, for an admin",
        "/{unknown}/state",
        "No actor found with id: {unknown}.",
        who="ann",
        status=404,
    ),
    get(
        "a name that is no alias",
        "/nobody",
        "Actor with identifier 'nobody' not found",
        status=404,
    ),
    put(
        "the body's privileged fields come first",
        "/{actor}",
        {"image": "x", "privileged": True},
        "Not authorized -- only admins and privileged users can make privileged actors.",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_refusals(scene: Scene, row: Row) -> None:
    scene.check(Row(**{**vars(row), "who": "bob" if row.who == "ada" else row.who}))


@pytest.mark.parametrize("level", ["NONE", "READ", "EXECUTE", "UPDATE"])
def test_abaco_world_has_the_level_that_it_is_given(scene: Scene, level: str) -> None:
    actor = scene.actor(image="none:at-all")
    path = f"{API}/{actor}"
    scene.ada("POST", f"{path}/permissions", {"user": "ABACO_WORLD", "level": level})
    may = [
        scene.eve("GET", path).status == 200,
        scene.eve("POST", f"{path}/messages", {"message": "m"}).status == 200,
        scene.eve("PUT", path, {"image": "y"}).status == 200,
    ]
    known = ["READ", "EXECUTE", "UPDATE"]
    expected = 0 if level == "NONE" else known.index(level) + 1
    assert may == [number < expected for number in range(3)]


@pytest.mark.parametrize("path", ["/{bobs}", "/aliases/of-bob", "/configs/of-bob"])
def test_the_creator_gets_update(scene: Scene, path: str) -> None:
    if "aliases" in path:
        scene.bob("POST", f"{API}/aliases", scene.filled({"alias": "of-bob", "actorId": "{bobs}"}))
    if "configs" in path:
        body = {"name": "of-bob", "value": "v", "isSecret": False, "actors": "{bobs}"}
        scene.bob.ok("POST", f"{API}/configs", scene.filled(body))
    found = scene.bob("GET", f"{API}{scene.filled(path)}/permissions")
    assert found.result == {"bob": "UPDATE"}


def test_a_put_by_somebody_else_gives_an_entry_and_keeps_the_owner(scene: Scene) -> None:
    actor = scene.actor("bob", image="none:at-all")
    changed = scene.ann("PUT", f"{API}/{actor}", {"image": "none:at-all"}).result
    assert changed["owner"] == "bob"
    entries = scene.bob("GET", f"{API}/{actor}/permissions").result
    assert entries == {"ann": "UPDATE", "bob": "UPDATE"}


@pytest.mark.parametrize(
    "below", ["", "/state", "/messages", "/workers", "/executions", "/permissions", "/nonces"]
)
def test_an_alias_stands_wherever_an_actor_id_may(scene: Scene, below: str) -> None:
    by_alias = scene.ada("GET", f"{API}/walker{below}")
    by_id = scene.ada("GET", scene.filled(API + "/{actor}" + below))
    assert by_alias.status == by_id.status == 200
    if below not in ("/workers", "/nonces"):
        assert by_alias.result == by_id.result
