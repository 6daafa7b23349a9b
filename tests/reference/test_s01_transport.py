"""Section 1: transport, routing, envelope."""

import pytest
from walking import API, FORM, Row, Scene, delete, get, post

NO_ENDPOINT = (
    "Invalid request: the API endpoint does not exist or the provided HTTP method is not allowed."
)
NO_IMAGE = (
    "Invalid actor description: {'image': 'Reference to image on docker hub for this actor.'}"
)
NO_CREDENTIALS = "No JWT or nonce provided."


@pytest.mark.parametrize(
    ("path", "status", "result", "word"),
    [("/{actor}/state", 200, {"state": {}}, "success"), ("/nobody", 404, None, "error")],
    ids=["success", "failure"],
)
def test_the_four_keys(scene: Scene, path: str, status: int, result: object, word: str) -> None:
    answer = scene.ada("GET", API + scene.filled(path))
    assert answer.status == status
    found = answer.json
    assert list(found) == ["message", "result", "status", "version"]
    assert isinstance(found["message"], str)
    assert found["result"] == result
    assert (found["status"], found["version"]) == (word, "1.9.1")


def test_keys_are_sorted_indented_by_two_and_a_newline_ends_it(scene: Scene) -> None:
    answer = scene.ada("GET", f"{API}/{scene.names['actor']}")
    assert answer.headers["Content-Type"] == "application/json"
    lines = answer.body.decode().split("\n")
    assert lines[-1] == ""
    keys = [line.split('"')[1] for line in lines if line.startswith('    "')]
    assert keys == sorted(keys)
    assert len(keys) > 20


def test_success_is_always_200(scene: Scene) -> None:
    made = scene.ada("POST", API, {"image": "x"})
    assert made.status == 200
    assert scene.ada("DELETE", f"{API}/{made.result['id']}").status == 200


@pytest.mark.parametrize("path", ["/", "/{actor}/", "/{actor}/messages/"])
def test_no_trailing_slash(scene: Scene, path: str) -> None:
    scene.check(get("slash", path, NO_ENDPOINT, status=404))


@pytest.mark.parametrize("path", ["//actors/v2/{actor}", "/actors//v2//{actor}//state"])
def test_two_slashes_are_one(scene: Scene, path: str) -> None:
    assert scene.ada("GET", scene.filled(path)).status == 200


def test_pretty_is_ignored(scene: Scene) -> None:
    path = f"{API}/{scene.names['actor']}"
    assert scene.ada("GET", f"{path}?pretty=true").body == scene.ada("GET", path).body


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/{actor}/executions/{execution}/results", "application/octet-stream"),
        ("/{actor}/messages?message=m&_abaco_synchronous=true", "text/html; charset=utf-8"),
    ],
    ids=["results", "synchronous messages"],
)
def test_what_is_not_json(scene: Scene, path: str, kind: str) -> None:
    method = "POST" if "messages" in path else "GET"
    answer = scene.ada(method, API + scene.filled(path))
    assert (answer.status, answer.headers["Content-Type"]) == (200, kind)


@pytest.mark.parametrize("path", [API, f"{API}/nobody", f"{API}/a/b/c"])
def test_cors(scene: Scene, path: str) -> None:
    page = {"Origin": "https://elsewhere.example"}
    answer = scene.ada("GET", path, headers=page)
    assert answer.headers["Access-Control-Allow-Origin"] == page["Origin"]
    assert answer.headers["Vary"] == "Origin"
    assert scene.ada("GET", path).headers["Access-Control-Allow-Origin"] == "*"


def test_preflight(scene: Scene) -> None:
    asked = {"Origin": "https://e.example", "Access-Control-Request-Headers": "authorization"}
    answer = scene.nobody("OPTIONS", f"{API}/{scene.names['actor']}", headers=asked)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PUT"
    methods = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    assert answer.headers["Access-Control-Allow-Methods"] == methods
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization"


STATUS_CODES = [
    get("200 success", "", "Actors retrieved successfully.", status=200),
    post("400 invalid input", "", {}, NO_IMAGE),
    get("400 no credentials", "", NO_CREDENTIALS, who="nobody"),
    get("400 bad credentials", "", NO_CREDENTIALS, who="forger"),
    get(
        "400 no permission",
        "/{actor}",
        "Not authorized -- you do not have access to this actor.",
        who="bob",
    ),
    post(
        "400 no role",
        "",
        {"image": "x", "privileged": True},
        "Not authorized -- only admins and privileged users can make privileged actors.",
        who="bob",
    ),
    get("400 bad nonce", "/{actor}?x-nonce=DEV_x", "Nonce does not exist.", who="nobody"),
    get(
        "400 unknown execution",
        "/{actor}/executions/e",
        "No executions found with actor id of {actor} and execution id of e.",
    ),
    get("400 unknown nonce", "/{actor}/nonces/n", "Nonce not found."),
    get(
        "404 unknown actor", "/{unknown}", "No actor found with identifier: {unknown}.", status=404
    ),
    get("404 unknown alias", "/aliases/none", "No alias found: none.", status=404),
    get("404 unknown config", "/configs/none", "No config found: none.", status=404),
    get("404 unknown worker", "/{actor}/workers/w", "Worker not found.", status=404),
    post(
        "404 state of a stateless actor",
        "/{actor}/state",
        {"a": 1},
        "actor is stateless.",
        status=404,
    ),
    Row(
        id="405 known path, other method",
        method="PATCH",
        path="/{actor}",
        status=405,
        message=NO_ENDPOINT,
    ),
    delete("405 known path, no DELETE", "/{actor}/state", NO_ENDPOINT, status=405),
    get("404 no endpoint (500 in the reference)", "/{actor}/nothing", NO_ENDPOINT, status=404),
    post(
        "400 a form that lacks the field",
        "",
        b"name=x",
        NO_IMAGE,
        kind=FORM,
    ),
]


@pytest.mark.parametrize("row", STATUS_CODES, ids=str)
def test_status_codes(scene: Scene, row: Row) -> None:
    scene.people.setdefault("forger", type(scene.ada)(scene.url, "wrong"))
    scene.check(row)
