"""Section 2: roles, tenants, nonces as credentials."""

import pytest
from walking import API, Row, Scene, get, post, put

ONLY = "Not authorized -- only admins and privileged users can "
FIELDS = [
    ("privileged", True, "make privileged actors."),
    ("maxWorkers", 2, "set max workers."),
    ("max_workers", 2, "set max workers."),
    ("maxCpus", 10**9, "set max CPUs."),
    ("memLimit", "200m", "set mem limit."),
    ("queue", "default", "set queue."),
    ("useContainerUid", True, "use container uid."),
    ("use_container_uid", "false", "use container uid."),
]


@pytest.mark.parametrize("who", ["bob", "lim"], ids=["base role", "limited"])
@pytest.mark.parametrize(("field", "value", "what"), FIELDS, ids=[f[0] for f in FIELDS])
def test_a_field_that_needs_a_role(scene: Scene, who: str, field: str, value, what: str) -> None:
    scene.check(post(field, "", {"image": "x", field: value}, ONLY + what, who=who))


@pytest.mark.parametrize("who", ["pia", "ann"], ids=["privileged", "admin"])
def test_who_may_set_those_fields(scene: Scene, who: str) -> None:
    body = {"image": "x", "maxWorkers": 2, "maxCpus": 10**9, "memLimit": "200m"}
    scene.check(post("all", "", body, "Actor created successfully.", who=who, status=200))


@pytest.mark.parametrize("value", [False, 0, "", None], ids=repr)
def test_a_value_that_is_not_truthy_needs_no_role(scene: Scene, value: object) -> None:
    body = {"image": "x", "maxWorkers": value}
    answer = scene.bob("POST", API, body)
    assert not answer.message.startswith(ONLY)


@pytest.mark.parametrize(
    ("who", "role"),
    [
        ("ann", "Internal/abaco-admin"),
        ("pia", "Internal/abaco-privileged"),
        ("bob", "Internal/abaco-user"),
        ("lim", "Internal/abaco-limited"),
    ],
)
def test_roles_by_their_names(scene: Scene, who: str, role: str) -> None:
    """A nonce shows the roles of whoever made it."""
    actor = scene.actor(who)
    made = scene.people[who]("POST", f"{API}/{actor}/nonces", {})
    assert made.result["roles"] == [role]


def test_tenants_are_isolated(scene: Scene) -> None:
    text = "No actor found with identifier: {actor}."
    scene.check(get("other tenant", "/{actor}", text, status=404, who="far"))
    assert scene.far("GET", API).result == []
    assert scene.far("GET", f"{API}/aliases").result == []


def test_links_are_built_from_the_base_url(scene: Scene) -> None:
    actor, server = scene.names["actor"], scene.url
    links = scene.ada("GET", f"{API}/{actor}").result["_links"]
    assert links == {
        "self": f"{server}/actors/v2/{actor}",
        "owner": f"{server}/profiles/v2/{scene.names['owner']}",
        "executions": f"{server}/actors/v2/{actor}/executions",
    }


NO_NONCE = "Nonce does not exist."
REFUSALS = [
    get("unknown", "/{actor}?x-nonce=DEV_unknown", NO_NONCE),
    get("of another actor", "/{stateful}?x-nonce={nonce}", NO_NONCE),
    get("of an alias, with the id", "/{actor}?x-nonce={alias_nonce}", NO_NONCE),
    get("of an actor, with the alias", "/{alias}?x-nonce={nonce}", NO_NONCE),
    get("of another tenant", "/{actor}?x-nonce=OTHER_x", NO_NONCE),
    put(
        "level too low",
        "/{actor}?x-nonce={nonce}",
        {"image": "x"},
        "Nonce does not have sufficient permissions level.",
    ),
    get("used up", "/{actor}?x-nonce={used}", "No remaining uses left for this nonce."),
    get("the list of actors", "?x-nonce={nonce}", "Not authorized."),
    get(
        "configs",
        "/configs?x-nonce={nonce}",
        "Actor with identifier 'configs' not found",
        status=404,
    ),
    get(
        "utilization",
        "/utilization?x-nonce={nonce}",
        "Actor with identifier 'utilization' not found",
        status=404,
    ),
    get("admin", "/admin?x-nonce={nonce}", "Actor with identifier 'admin' not found", status=404),
    get(
        "search",
        "/search/actors?x-nonce={nonce}",
        "'x-nonce' query parameter on the '/actors/search/{database}' endpoint does not resolve.",
        status=404,
    ),
]


@pytest.mark.parametrize("row", REFUSALS, ids=str)
def test_nonces_that_are_refused(scene: Scene, row: Row) -> None:
    if row.id == "used up":
        path = f"{API}/{scene.names['actor']}"
        made = scene.ada("POST", f"{path}/nonces", {"maxUses": 1}).result["id"]
        assert scene.nobody("GET", f"{path}?x-nonce={made}").status == 200
        scene.names["used"] = made
    scene.check(Row(**{**vars(row), "who": "nobody"}))


LEVELS = [
    ("READ", "GET", "", None, True),
    ("READ", "POST", "/messages", {"message": "m"}, False),
    ("EXECUTE", "GET", "", None, True),
    ("EXECUTE", "POST", "/messages", {"message": "m"}, True),
    ("EXECUTE", "POST", "/nonces", {}, False),
    ("UPDATE", "POST", "/nonces", {}, True),
    ("UPDATE", "PUT", "", {"image": "x", "stateless": False}, True),
    ("NONE", "GET", "", None, False),
]


@pytest.mark.parametrize(
    ("level", "method", "path", "body", "may"),
    LEVELS,
    ids=[f"{row[0]} {row[1]} {row[2]}" for row in LEVELS],
)
def test_levels_of_nonces(scene: Scene, level, method, path, body, may: bool) -> None:
    actor = scene.actor(image="none:at-all", stateless=False)
    nonce = scene.ada("POST", f"{API}/{actor}/nonces", {"level": level}).result["id"]
    answer = scene.nobody(method, f"{API}/{actor}{path}?x-nonce={nonce}", body)
    assert (answer.status == 200) is may, answer.body
    shown = scene.ada("GET", f"{API}/{actor}/nonces/{nonce}").result
    assert shown["currentUses"] == int(may)


def test_a_nonce_acts_for_its_owner(scene: Scene) -> None:
    """And an accepted use counts, though the request then fails."""
    actor = scene.actor("bob")
    path = f"{API}/{actor}"
    nonce = scene.bob("POST", f"{path}/nonces", {"level": "UPDATE"}).result["id"]
    made = scene.nobody("POST", f"{path}/nonces?x-nonce={nonce}", {}).result
    assert (made["owner"], made["roles"]) == ("bob", ["Internal/abaco-user"])
    assert scene.nobody("GET", f"{path}/executions/none?x-nonce={nonce}").status == 400
    assert scene.bob("GET", f"{path}/nonces/{nonce}").result["currentUses"] == 2
