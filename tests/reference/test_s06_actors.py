"""Section 6: the fields of an actor, and what POST, PUT, GET and DELETE say."""

import pytest
from walking import API, Row, Scene, get, post, put

INVALID = "Invalid actor description: "
UNABLE = f"{INVALID}Unable to process the JSON description.: 400 Bad Request: "
HINT = "Hints must be simple stings or numbers, no lists or dicts. Error character: "
LINK = "The link must be a valid actor id or alias for which you have EXECUTE permission. "
ABSENT = object()

FIELDS = [
    # field, what it is when it is not given, a value, what is shown of that
    ("image", "x", "y", "y"),
    ("name", ABSENT, "n", "n"),
    ("description", "", "d", "d"),
    ("stateless", True, False, False),
    ("privileged", False, True, True),
    ("defaultEnvironment", {}, {"a": 1}, {"a": 1}),
    ("hints", [], ["a", "b"], ["a", "b"]),
    ("hints", [], "one", ["one"]),
    ("link", "", "{stateful}", "{stateful}"),
    ("webhook", "", "http://localhost:9/", "http://localhost:9/"),
    ("token", "true", False, False),
    ("useContainerUid", False, True, True),
    ("queue", "default", "special", "special"),
    ("maxWorkers", ABSENT, 2, 2),
    ("maxCpus", ABSENT, 10**9, 10**9),
    ("memLimit", ABSENT, "200m", "200m"),
    ("logEx", ABSENT, 60, 60),
    ("cronSchedule", ABSENT, "2099-01-31 06 + 1 day", "2099-01-31 06 + 1 day"),
    ("cronOn", False, True, True),
    ("type", "none", "json", "json"),
]


@pytest.mark.parametrize(
    ("field", "default", "given", "shown"), FIELDS, ids=[f"{row[0]}={row[2]!r}" for row in FIELDS]
)
def test_fields(scene: Scene, field: str, default, given, shown) -> None:
    plain = scene.ada.ok("POST", API, {"image": "x"})
    assert plain.get(field, ABSENT) == default
    made = scene.ada.ok("POST", API, scene.filled({"image": "x", field: given}))
    assert made[field] == scene.filled(shown)


SHOWN = [
    ("status", "SUBMITTED"),
    ("statusMessage", ABSENT),
    ("state", {}),
    ("revision", 1),
    ("mounts", [{"container_path": "/shared", "mode": "ro"}]),
    ("cronNextEx", ABSENT),
    *((hidden, ABSENT) for hidden in ("tenant", "apiServer", "dbid", "executions")),
]


@pytest.mark.parametrize(("field", "value"), SHOWN, ids=[row[0] for row in SHOWN])
def test_fields_that_are_only_shown(scene: Scene, field: str, value) -> None:
    made = scene.ada.ok("POST", API, {"image": "x"})
    if field == "mounts":
        (mount,) = made["mounts"]
        assert mount.pop("host_path").endswith("/shared")
        assert mount == value[0]
    else:
        assert made.get(field, ABSENT) == value


@pytest.mark.parametrize(
    "field",
    [
        "status",
        "statusMessage",
        "state",
        "cronNextEx",
        "uid",
        "gid",
        "tasdir",
        "mounts",
        "owner",
        "revision",
        "id",
        "tenant",
    ],
)
def test_a_post_cannot_set_what_is_not_its_own(scene: Scene, field: str) -> None:
    plain = scene.bob.ok("POST", API, {"image": "x"})
    made = scene.bob.ok("POST", API, {"image": "x", field: "READY"})
    fresh = ("id", "createTime", "lastUpdateTime", "_links")
    assert {k: v for k, v in made.items() if k not in fresh} == {
        k: v for k, v in plain.items() if k not in fresh
    }


HELP = [
    ("stateless", "Whether the actor stores private state."),
    ("privileged", "Whether this actor runs in privileged mode."),
    ("defaultEnvironment", "A dictionary of default environmental variables and values."),
    ("token", "Whether this actor requires an OAuth access token."),
    ("useContainerUid", "Whether this actor runs as the UID set in the container image."),
    ("maxWorkers", "How many workers this actor is allowed at the same time."),
    (
        "maxCpus",
        "Maximum number of CPUs (nanoCPUs) this actor will have available to it.",
    ),
    ("logEx", "Amount of time, in seconds, after which logs will expire"),
    ("cronOn", "Whether cron is on or off"),
]


@pytest.mark.parametrize(("field", "text"), HELP, ids=[row[0] for row in HELP])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_help_texts_for_values_of_the_wrong_type(scene, method: str, field: str, text: str) -> None:
    path = "" if method == "POST" else "/{actor}"
    body = {"image": "x", field: "wrong"}
    message = f"{INVALID}{ {field: text} }"
    scene.check(Row(id=field, method=method, path=path, body=body, message=message))


ERRORS = [
    ("no image", {}, f"{INVALID}{ {'image': 'Reference to image on docker hub for this actor.'} }"),
    (
        "maxWorkers of a stateful actor",
        {"image": "x", "maxWorkers": 2, "stateless": False},
        f"{INVALID}stateful actors can only have 1 worker.",
    ),
    ("unknown queue", {"image": "x", "queue": "q"}, f"{UNABLE}Invalid queue name."),
    *(
        (f"hint with {c}", {"image": "x", "hints": [f"a{c}"]}, f"{UNABLE}{HINT}{c}")
        for c in "\"'{}[]"
    ),
    (
        "link to no alias",
        {"image": "x", "link": "nobody"},
        f"Invalid link parameter; unable to retrieve linked actor data. {LINK}",
    ),
    (
        "link to no actor",
        {"image": "x", "link": "{unknown}"},
        f"Invalid link parameter. {LINK}Additional info: Actor DEV_{{unknown}} does not exist",
    ),
]


@pytest.mark.parametrize(("id", "body", "text"), ERRORS, ids=[row[0] for row in ERRORS])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_errors(scene: Scene, method: str, id: str, body, text: str) -> None:
    """Those of PUT are 500 in the reference, with other words around them."""
    path = "" if method == "POST" else "/{actor}"
    scene.check(Row(id=id, method=method, path=path, body=body, message=text))


def test_a_link_needs_execute(scene: Scene) -> None:
    answer = scene.bob("POST", API, {"image": "x", "link": scene.names["actor"]})
    assert answer.status == 400
    assert answer.message.startswith(f"Invalid link parameter. {LINK}")


MESSAGES = [
    get("GET list", "", "Actors retrieved successfully."),
    get("GET one", "/{actor}", "Actor retrieved successfully."),
    get("a query searches", "?name=x", "Actors search completed successfully."),
    post("POST", "", {"image": "x"}, "Actor created successfully."),
    put("PUT", "/{bobs}", {"image": "{image}"}, "Actor updated successfully."),
]


@pytest.mark.parametrize("row", MESSAGES, ids=str)
def test_messages(scene: Scene, row: Row) -> None:
    scene.check(Row(**{**vars(row), "status": 200}))


def test_the_list_is_what_the_user_may_read_for_admins_too(scene: Scene) -> None:
    mine = {one["id"] for one in scene.ann.ok("GET", API)}
    assert scene.names["actor"] not in mine
    his = {one["id"] for one in scene.bob.ok("GET", API)}
    assert scene.names["bobs"] in his
    assert scene.names["actor"] not in his


REPLACED = {
    "description": ("d", ""),
    "hints": (["h"], []),
    "defaultEnvironment": ({"a": 1}, {}),
    "queue": ("special", "default"),
    "webhook": ("http://localhost:9/", ""),
    "link": ("{stateful}", ""),
    "type": ("bin", "none"),
    "privileged": (True, False),
    "maxWorkers": (2, ABSENT),
    "memLimit": ("200m", ABSENT),
    "maxCpus": (10**9, ABSENT),
    "logEx": (60, ABSENT),
    "token": (False, "true"),
    "cronOn": (True, False),
}
KEPT = {
    "name": "n",
    "cronSchedule": "2099-01-31 06 + 1 day",
}


@pytest.fixture(scope="module")
def replaced(scene: Scene) -> tuple[dict, dict]:
    """An actor with everything set, before and after a PUT of the image alone."""
    body = {"image": "none:at-all", **{name: value for name, (value, _) in REPLACED.items()}}
    before = scene.ada.ok("POST", API, scene.filled(body | KEPT))
    after = scene.ada.ok("PUT", f"{API}/{before['id']}", {"image": "none:at-all", "name": "other"})
    return before, after


@pytest.mark.parametrize("field", REPLACED)
def test_a_put_replaces(scene: Scene, replaced: tuple[dict, dict], field: str) -> None:
    before, after = replaced
    value, default = REPLACED[field]
    assert before[field] == scene.filled(value)
    assert after.get(field, ABSENT) == default


@pytest.mark.parametrize("field", [*KEPT, "cronNextEx", "owner", "id", "revision"])
def test_a_put_keeps(replaced: tuple[dict, dict], field: str) -> None:
    before, after = replaced
    assert after[field] == before[field]


def test_a_put_of_a_stateful_actor(scene: Scene) -> None:
    """Its state goes; and it must say each time that it is stateful."""
    actor = scene.actor(image="none:at-all", stateless=False)
    path = f"{API}/{actor}"
    scene.ada.ok("POST", f"{path}/state", {"a": 1})
    text = "an actor that was not stateless cannot be updated to be stateless."
    scene.check(put("stateless", f"/{actor}", {"image": "none:at-all"}, INVALID + text))
    after = scene.ada.ok("PUT", path, {"image": "none:at-all", "stateless": False})
    assert (after["state"], after["stateless"]) == ({}, False)


@pytest.mark.parametrize(
    ("body", "revision"),
    [
        ({"image": "none:at-all"}, 1),
        ({"image": "none:at-all", "force": "false"}, 2),
        ({"image": "none:at-all", "force": True}, 2),
        ({"image": "none:new"}, 2),
    ],
    ids=["the same", 'force "false"', "force", "another image"],
)
def test_when_a_put_restarts(scene: Scene, body: dict, revision: int) -> None:
    actor = scene.actor(image="none:at-all")
    after = scene.ada.ok("PUT", f"{API}/{actor}", body)
    assert after["revision"] == revision
    if revision == 2:
        assert after["status"] == "SUBMITTED"


def test_links_to_itself_and_cycles(scene: Scene) -> None:
    first = scene.actor(image="x")
    second = scene.actor(image="x", link=first)
    itself = "Invalid link parameter. An actor cannot link to itself."
    scene.check(put("itself", f"/{first}", {"image": "x", "link": first}, itself))
    cycle = "Error: this update would result in a cycle of linked actors."
    scene.check(put("cycle", f"/{first}", {"image": "x", "link": second}, cycle))


def test_delete(scene: Scene) -> None:
    """Executions stay, an alias dangles; an admin hears 200 also about nothing."""
    actor = scene.actor()
    execution = scene.run(actor).record["id"]
    scene.ada.ok("POST", f"{API}/aliases", {"alias": "dangling", "actorId": actor})
    answer = scene.ada("DELETE", f"{API}/{actor}")
    assert answer.result is None
    assert answer.message.startswith("Actor deleted successfully")
    gone = f"No actor found with identifier: {actor}."
    scene.check(get("gone", f"/{actor}", gone, status=404))
    for below in ("/state", "/messages", "/executions", f"/executions/{execution}/logs"):
        scene.check(
            get("gone", f"/{actor}{below}", f"No actor found with id: {actor}.", status=404)
        )
    assert scene.ada("GET", f"{API}/{actor}/executions/{execution}").status == 200
    assert scene.ada.ok("GET", f"{API}/aliases/dangling")["actorId"] == actor
    assert scene.ada("DELETE", f"{API}/{actor}").status == 200
    scene.ada.ok("DELETE", f"{API}/aliases/dangling")
