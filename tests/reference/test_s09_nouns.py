"""Section 9: state, workers, permissions, nonces, aliases, configs."""

import json

import pytest
from walking import API, FORM, JSON, Row, Scene, delete, get, post, put

STATE = "Invalid actor state description: state must be JSON serializable."
LEVELS = "('NONE', 'READ', 'EXECUTE', 'UPDATE')"
PERMISSION = "Invalid permissions description: "
NONCE = "Invalid nonce description"
RANGE = "The max uses parameter must be a positive integer or -1 (to denote unlimited uses)."
HELP = "Maximum number of times this nonce can be redeemed. Default is unlimited."
ALIAS = "Invalid alias description. "
CONFIG = "Invalid config description. Missing required field: "
RESERVED = ["executions", "nonces", "logs", "messages", "adapters", "admin"]
FORBIDDEN = list("\\ \":/?#[]@!$&'()*+,;=")
LISTED = "', '".join(FORBIDDEN)


# ---- state -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [{"a": [1, None]}, [1], 5, "text", True], ids=repr)
def test_a_state_is_any_json_value(scene: Scene, value: object) -> None:
    path = scene.filled(API + "/{stateful}/state")
    answer = scene.ada("POST", path, json.dumps(value).encode(), kind=JSON)
    assert answer.message == "State updated successfully."
    assert answer.result["state"] == value
    assert answer.result["id"] == scene.names["stateful"]
    assert scene.ada("GET", path).message == "Actor state retrieved successfully."
    assert scene.ada.ok("GET", path) == {"state": value}


@pytest.mark.parametrize("body", [b"{}", b"[]", b"0", b"false", b'""', b"null", b"", b"{"])
def test_a_state_that_is_empty_false_or_malformed(scene: Scene, body: bytes) -> None:
    scene.check(post("state", "/{stateful}/state", body, STATE, kind=JSON))


def test_a_state_in_a_form(scene: Scene) -> None:
    scene.check(post("state", "/{stateful}/state", b"a=1", STATE, kind=FORM))


def test_a_stateless_actor_shows_a_state_and_takes_none(scene: Scene) -> None:
    assert scene.ada.ok("GET", scene.filled(API + "/{actor}/state")) == {"state": {}}
    scene.check(post("stateless", "/{actor}/state", b"{", "actor is stateless.", status=404))


# ---- workers ---------------------------------------------------------------------------------

WORKER = ["id", "tenant", "status", "createTime", "lastExecutionTime", "lastHealthCheckTime"]
STARTED = ["chName", "image", "location", "hostId", "hostIp"]


@pytest.mark.parametrize("field", [*WORKER, *STARTED])
def test_fields_of_a_worker(scene: Scene, field: str) -> None:
    actor = scene.names["actor"]
    scene.run(actor)
    found = scene.ada.ok("GET", f"{API}/{actor}/workers")
    assert any(field in worker for worker in found)
    assert {"READY"} >= {worker["status"] for worker in found if worker["status"] != "BUSY"}


WORKERS = [
    get("list", "/{actor}/workers", "Workers retrieved successfully.", status=200),
    get(
        "list with a query",
        "/{actor}/workers?limit=1",
        "Workers search completed successfully.",
        status=200,
    ),
    get("unknown", "/{actor}/workers/none", "Worker not found.", status=404),
]


@pytest.mark.parametrize("row", WORKERS, ids=str)
def test_workers(scene: Scene, row: Row) -> None:
    scene.check(row)


# ---- permissions -----------------------------------------------------------------------------

PERMISSIONS = [
    get("GET", "/permissions", "Permissions retrieved successfully.", status=200),
    post("no user", "/permissions", {}, f"{PERMISSION}{ {'user': 'User owning the permission.'} }"),
    post(
        "no level",
        "/permissions",
        {"user": "u"},
        f"{PERMISSION}{ {'level': f'Level of the permission: {LEVELS}'} }",
    ),
    post(
        "unknown level",
        "/permissions",
        {"user": "u", "level": "FOO"},
        f"Invalid permission level: FOO.{' ' * 13}The valid values are {LEVELS}",
    ),
    post(
        "lower case",
        "/permissions",
        {"user": "u", "level": "read"},
        f"Invalid permission level: read.{' ' * 13}The valid values are {LEVELS}",
    ),
    *(
        post(
            level,
            "/permissions",
            {"user": f"u.{level}", "level": level},
            "Permission added successfully.",
            status=200,
        )
        for level in ("NONE", "READ", "EXECUTE", "UPDATE")
    ),
]
SUBJECTS = ["/{actor}", "/aliases/{alias}", "/configs/{config}"]


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("row", PERMISSIONS, ids=str)
def test_permissions(scene: Scene, subject: str, row: Row) -> None:
    """A name with a dot is a name; NONE is kept as an entry."""
    answer = scene.check(Row(**{**vars(row), "path": subject + row.path}))
    if row.status == 200 and row.method == "POST":
        assert answer.result[f"u.{row.id}"] == row.id


@pytest.mark.parametrize("subject", ["/aliases/none", "/configs/none"])
def test_permissions_of_what_is_not_there(scene: Scene, subject: str) -> None:
    """In the reference an admin makes an entry."""
    body = {"user": "u", "level": "READ"}
    assert scene.ada("POST", f"{API}{subject}/permissions", body).status == 404


# ---- nonces ----------------------------------------------------------------------------------

NONCE_FIELDS = [
    *("id", "apiServer", "owner", "level", "roles", "maxUses", "remainingUses", "currentUses"),
    *("description", "createTime", "lastUseTime", "_links"),
]


@pytest.mark.parametrize("field", NONCE_FIELDS)
@pytest.mark.parametrize("subject", SUBJECTS[:2])
def test_fields_of_a_nonce(scene: Scene, subject: str, field: str) -> None:
    made = scene.ada.ok("POST", f"{API}{scene.filled(subject)}/nonces")
    assert field in made
    assert ("actorId" in made, "alias" in made) == (subject == "/{actor}", subject != "/{actor}")


DEFAULTS = {"level": "EXECUTE", "maxUses": -1, "remainingUses": -1, "currentUses": 0}


@pytest.mark.parametrize("field", [*DEFAULTS, "description", "lastUseTime"])
def test_defaults_of_a_nonce(scene: Scene, field: str) -> None:
    made = scene.ada.ok("POST", scene.filled(API + "/{actor}/nonces"))
    assert made[field] == (DEFAULTS | {"description": "", "lastUseTime": "None"})[field]


def test_links_of_an_alias_nonce(scene: Scene) -> None:
    """In the reference they are `/actors/v2/None`."""
    made = scene.ada.ok("POST", f"{API}/aliases/walker/nonces")
    assert not [link for link in made["_links"].values() if "None" in link]


NONCES = [
    post(
        "unknown level",
        "/nonces",
        {"level": "FOO"},
        f"{NONCE}. The level attribute must be one of: ",
        starts=True,
    ),
    post("maxUses 0", "/nonces", {"maxUses": 0}, RANGE),
    post("maxUses -2", "/nonces", {"maxUses": -2}, RANGE),
    post(
        "maxUses null",
        "/nonces",
        {"maxUses": None},
        "The max uses parameter must be an integer.",
    ),
    post("maxUses text", "/nonces", {"maxUses": "x"}, f"{NONCE}: { {'maxUses': HELP} }"),
    get("unknown", "/nonces/none", "Nonce not found."),
    delete("DELETE unknown (500 in the reference)", "/nonces/none", "Nonce not found."),
]


@pytest.mark.parametrize("subject", SUBJECTS[:2])
@pytest.mark.parametrize("row", NONCES, ids=str)
def test_nonces(scene: Scene, subject: str, row: Row) -> None:
    scene.check(Row(**{**vars(row), "path": subject + row.path}))


@pytest.mark.parametrize(
    ("subject", "word", "nonce"),
    [("/{actor}", "Actor", "nonce"), ("/aliases/{alias}", "Alias", "alias_nonce")],
)
def test_messages_about_nonces(scene: Scene, subject: str, word: str, nonce: str) -> None:
    path = subject + "/nonces"
    scene.check(get("list", path, f"{word} nonces retrieved successfully.", status=200))
    one = f"{path}/{{{nonce}}}"
    scene.check(get("one", one, f"{word} nonce retrieved successfully.", status=200))
    text = f"{word} nonce created successfully."
    made = scene.check(post("post", path, {}, text, status=200)).result
    text = f"{word} nonce deleted successfully."
    scene.check(delete("delete", f"{path}/{made['id']}", text, status=200))


def test_an_alias_nonce_has_no_update(scene: Scene) -> None:
    text = f"{NONCE}. The level attribute must be one of: ('NONE', 'READ', 'EXECUTE')"
    scene.check(post("UPDATE", "/aliases/{alias}/nonces", {"level": "UPDATE"}, text))


def test_a_reader_sees_no_nonce_that_may_do_more_than_he(scene: Scene) -> None:
    """In the reference anybody with READ sees the ids of all."""
    actor = scene.actor(image="x")
    nonce = scene.ada.ok("POST", f"{API}/{actor}/nonces", {"level": "UPDATE"})["id"]
    scene.ada.ok("POST", f"{API}/{actor}/permissions", {"user": "eve", "level": "READ"})
    (shown,) = scene.eve.ok("GET", f"{API}/{actor}/nonces")
    assert shown["id"] != nonce
    assert shown["id"].endswith("*")


# ---- aliases ---------------------------------------------------------------------------------

NO_ALIAS = {"alias": "Actual alias for the actor; must be unique within a tenant."}
NO_ID = {"actorId": "The human readable id for the actor associated with this alias."}
ALIASES = [
    post(
        "no alias",
        "/aliases",
        {},
        f"{ALIAS}Missing required field: {NO_ALIAS}",
    ),
    post("no actorId", "/aliases", {"alias": "a"}, f"{ALIAS}Missing required field: {NO_ID}"),
    post("empty alias", "/aliases", {"alias": "", "actorId": "{actor}"}, ALIAS, starts=True),
    post(
        "an id",
        "/aliases",
        {"alias": "{unknown}", "actorId": "{actor}"},
        f"{ALIAS}Alias cannot be an Abaco hash id.",
    ),
    *(
        post(
            f"reserved {word}",
            "/aliases",
            {"alias": word, "actorId": "{actor}"},
            f"{word} is a reserved word. The following reserved words cannot be used for an "
            f"alias: {RESERVED}.",
        )
        for word in RESERVED
    ),
    *(
        post(
            f"forbidden {c!r}",
            "/aliases",
            {"alias": f"a{c}b", "actorId": "{actor}"},
            f"'{c}' is a forbidden character. The following characters cannot be used for an "
            f"alias: ['{LISTED}'].",
        )
        for c in FORBIDDEN
    ),
    post(
        "taken",
        "/aliases",
        {"alias": "{alias}", "actorId": "{actor}"},
        "Alias {alias} already exists.",
    ),
    post(
        "no such actor",
        "/aliases",
        {"alias": "a", "actorId": "{unknown}"},
        "No actor found with id: {unknown}.",
        status=404,
    ),
    get("GET list", "/aliases", "Aliases retrieved successfully.", status=200),
    get("GET one", "/aliases/{alias}", "Alias retrieved successfully.", status=200),
    get("GET unknown", "/aliases/none", "No alias found: none.", status=404),
    put(
        "PUT",
        "/aliases/{alias}",
        {"actorId": "{actor}"},
        "Actor alias updated successfully.",
        status=200,
    ),
    put(
        "PUT with alias",
        "/aliases/{alias}",
        {"alias": "b", "actorId": "{actor}"},
        "Invalid alias update description. The alias itself cannot be updated in a PUT request.",
    ),
]


@pytest.mark.parametrize("row", ALIASES, ids=str)
def test_aliases(scene: Scene, row: Row) -> None:
    scene.check(row)


@pytest.mark.parametrize("name", ["a.b", "a-b", "a_b"])
def test_an_alias_from_beginning_to_end(scene: Scene, name: str) -> None:
    body = {"alias": name, "actorId": "{actor}"}
    row = post("made", "/aliases", body, "Actor alias created successfully.", status=200)
    made = scene.check(row).result
    actor, server = scene.names["actor"], scene.url
    assert made == {
        "alias": name,
        "actorId": actor,
        "owner": scene.names["owner"],
        "_links": {
            "self": f"{server}/actors/v2/aliases/{name}",
            "owner": f"{server}/profiles/v2/{scene.names['owner']}",
            "actor": f"{server}/actors/v2/{actor}",
        },
    }
    gone = scene.ada("DELETE", f"{API}/aliases/{name}")
    assert gone.status == 200
    assert gone.message.startswith("Alias ")
    assert gone.message.endswith(" deleted successfully.")


def test_aliases_are_listed_to_everybody(scene: Scene) -> None:
    assert "walker" in {one["alias"] for one in scene.eve.ok("GET", f"{API}/aliases")}


def test_an_alias_may_not_be_pointed_at_anothers_actor(scene: Scene) -> None:
    scene.bob.ok("POST", f"{API}/aliases", scene.filled({"alias": "bobs-own", "actorId": "{bobs}"}))
    text = (
        "Not authorized -- you do not have UPDATE access to the actor you want to associate with "
        "this alias."
    )
    scene.check(put("put", "/aliases/bobs-own", {"actorId": "{actor}"}, text, who="bob"))
    scene.ada.ok("PUT", f"{API}/aliases/bobs-own", {"actorId": "nothing"})


# ---- configs ---------------------------------------------------------------------------------

CONFIG_BODY = {"name": "c", "value": "v", "isSecret": False, "actors": "{actor}"}
CONFIGS = [
    *(
        post(
            f"no {field}",
            "/configs",
            {name: value for name, value in CONFIG_BODY.items() if name != field},
            f"{CONFIG}{{'{field}': ",
            starts=True,
        )
        for field in CONFIG_BODY
    ),
    post("wrong isSecret", "/configs", {**CONFIG_BODY, "isSecret": "x"}, CONFIG, starts=True),
    post(
        "no such actor",
        "/configs",
        {**CONFIG_BODY, "actors": "nobody"},
        "No actor or alias found with id: nobody.",
        status=404,
    ),
    *(
        post(
            f"reserved {word}",
            "/configs",
            {**CONFIG_BODY, "name": word},
            f"{word} is a reserved word. The following reserved words cannot be used for a "
            f"config: {[*RESERVED, 'utilization']}.",
        )
        for word in [*RESERVED, "utilization"]
    ),
    *(
        post(
            f"forbidden {c!r}",
            "/configs",
            {**CONFIG_BODY, "name": f"a{c}b"},
            f"'{c}' is a forbidden character. The following characters cannot be used for a "
            "config: [",
            starts=True,
        )
        for c in ":/?#[]@!$&'()*+,;= "
    ),
    post(
        "taken",
        "/configs",
        {**CONFIG_BODY, "name": "{config}"},
        "Config {config} already exists; please choose another name for your config",
    ),
    get("GET list", "/configs", "Actor Configs retrieved successfully.", status=200),
    get("GET one", "/configs/{config}", "Config retrieved successfully.", status=200),
    get("GET unknown", "/configs/none", "No config found: none.", status=404),
    get("GET unknown, no admin", "/configs/none", "Config DEV_none does not exist", who="bob"),
    put(
        "PUT without a field",
        "/configs/{config}",
        {},
        "Invalid alias description. Could not determine if required fields are present. Is the "
        "body valid JSON? Details: {",
        starts=True,
    ),
    put(
        "PUT",
        "/configs/{config}",
        {**CONFIG_BODY, "name": "{config}"},
        "Actor config updated successfully.",
        status=200,
    ),
    delete("DELETE unknown", "/configs/none", "No config found with name: none.", status=404),
]


@pytest.mark.parametrize("row", CONFIGS, ids=str)
def test_configs(scene: Scene, row: Row) -> None:
    scene.check(row)


def test_a_secret_is_never_shown_in_clear(scene: Scene) -> None:
    body = scene.filled({**CONFIG_BODY, "name": "hidden", "value": "s3cret", "isSecret": True})
    answer = scene.ada("POST", f"{API}/configs", body)
    assert answer.message == "Actor config created successfully."
    assert set(answer.result) == {"name", "value", "isSecret", "actors"}
    for shown in (answer.body, scene.ada("GET", f"{API}/configs/hidden").body):
        assert b"s3cret" not in shown
    text = "Actor config hidden deleted successfully."
    scene.check(delete("delete", "/configs/hidden", text, status=200))


def test_who_has_permission_on_a_config_may_use_it(scene: Scene) -> None:
    """For a non-admin all of it is a 500 in the reference."""
    body = scene.filled({**CONFIG_BODY, "name": "shared", "value": {"a": None}})
    assert scene.ada.ok("POST", f"{API}/configs", body)["value"] == "{'a': None}"
    entry = {"user": "eve", "level": "UPDATE"}
    scene.ada.ok("POST", f"{API}/configs/shared/permissions", entry)
    assert scene.eve("GET", f"{API}/configs/shared").status == 200
    assert scene.eve("PUT", f"{API}/configs/shared", body).status == 200
    assert scene.eve("DELETE", f"{API}/configs/shared").status == 200
