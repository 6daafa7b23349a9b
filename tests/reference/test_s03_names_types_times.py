"""Section 3: names, case, types, ids, times, numbers."""

import re

import pytest
from walking import API, FORM, JSON, Row, Scene, post

PART = '--B\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
MULTIPART = "multipart/form-data; boundary=B"
INVALID = "Invalid actor description: "


def test_fields_of_the_other_case_are_ignored(scene: Scene) -> None:
    made = scene.ada("POST", API, {"image": "x", "default_environment": {"a": 1}}).result
    assert made["defaultEnvironment"] == {}


def test_a_field_of_the_other_case_is_missing(scene: Scene) -> None:
    body = {"alias": "other-case", "actor_id": "{actor}"}
    scene.check(
        post("snake", "/aliases", body, "Invalid alias description. Missing required", starts=True)
    )


def test_inner_keys_are_never_touched(scene: Scene) -> None:
    body = {"image": "x", "defaultEnvironment": {"a_b_c": 1, "aB": 2}}
    assert scene.ada("POST", API, body).result["defaultEnvironment"] == {"a_b_c": 1, "aB": 2}


def test_nulls_are_dropped_from_a_single_object_and_shown_by_a_search(scene: Scene) -> None:
    made = scene.ada("POST", API, {"image": "x", "description": "nulls"}).result
    assert not {"name", "maxWorkers", "logEx", "cronSchedule"} & set(made)
    found = scene.ada("GET", f"{API}?description=nulls").result["search"][0]
    assert found["name"] is found["maxWorkers"] is found["logEx"] is None


BODIES = [
    ("JSON", b'{"image": "x", "token": true}', JSON, ""),
    ("+json", b'{"image": "x", "token": true}', "application/vnd.a+json", ""),
    ("form", b"image=x&token=true", FORM, ""),
    (
        "multipart",
        f"{PART % ('image', 'x')}{PART % ('token', '1')}--B--\r\n",
        MULTIPART,
        "",
    ),
    ("query", b"", None, "?image=x&token=true"),
    ("JSON null and query", b"null", JSON, "?image=x&token=true"),
    ("JSON first, then query", b'{"image": "x"}', JSON, "?image=y&token=TRUE"),
    ("unknown fields", b'{"image": "x", "token": "true", "unknown": 1}', JSON, ""),
]


@pytest.mark.parametrize(("id", "body", "kind", "query"), BODIES, ids=[row[0] for row in BODIES])
def test_kinds_of_body(scene: Scene, id: str, body, kind, query: str) -> None:
    sent = body.encode() if isinstance(body, str) else body
    made = scene.ada("POST", API + query, sent, kind=kind).result
    assert (made["image"], made["token"]) == ("x", True)


TYPES = [
    ("text of a number", "description", 5, "5"),
    ("text of a dict", "description", {"a": None}, "{'a': None}"),
    ("text of a boolean", "description", True, "True"),
    ("true", "stateless", True, True),
    ("TRUE as text", "stateless", "TRUE", True),
    ("1 as text", "stateless", "1", True),
    ("False as text", "stateless", "False", False),
    ("0 as text", "stateless", "0", False),
    ("number 0", "stateless", 0, None),
    ("number 1", "stateless", 1, None),
    ("other text", "stateless", "yes", None),
    ("digits", "logEx", "60", 60),
    ("no digits", "logEx", "a minute", None),
    ("an object", "defaultEnvironment", {"a": 1}, {"a": 1}),
    ("no object", "defaultEnvironment", "a=1", None),
]


@pytest.mark.parametrize(
    ("id", "field", "value", "shown"), TYPES, ids=[f"{row[1]}: {row[0]}" for row in TYPES]
)
def test_types(scene: Scene, id: str, field: str, value, shown) -> None:
    answer = scene.ada("POST", API, {"image": "x", field: value})
    if shown is None:
        assert answer.status == 400
        assert answer.message.startswith(f"{INVALID}{{'{field}': '")
    else:
        assert answer.result[field] == shown


def test_default_environment_is_not_in_a_form(scene: Scene) -> None:
    answer = scene.ada("POST", API, b"image=x&defaultEnvironment=%7B%7D", kind=FORM)
    assert answer.status == 400
    text = "A dictionary of default environmental variables and values."
    assert answer.message == f"{INVALID}{ {'defaultEnvironment': text} }"


UNABLE = (
    f"{INVALID}Unable to process the JSON description.: 400 Bad Request: The browser (or proxy) "
    "sent a request that this server could not understand."
)


@pytest.mark.parametrize(
    "row",
    [
        post("malformed", "", b"{", UNABLE, kind=JSON),
        post("a list (500 in the reference)", "", b"[1]", UNABLE, kind=JSON),
        post("a text (500 in the reference)", "", b'"a"', UNABLE, kind=JSON),
        post("a number (500 in the reference)", "", b"5", UNABLE, kind=JSON),
    ],
    ids=str,
)
def test_json_that_is_no_description(scene: Scene, row: Row) -> None:
    scene.check(row)


@pytest.mark.parametrize("name", ["actor", "execution", "worker", "nonce"])
def test_ids(scene: Scene, name: str) -> None:
    found = scene.names[name].removeprefix("DEV_")
    assert re.fullmatch(r"[A-Za-z0-9]{12,13}", found)


STORED = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
FRESH = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}"
HTTP_DATE = r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"


def test_times_that_are_read_from_the_store(scene: Scene) -> None:
    """Milliseconds always have three digits here; in the reference a final 0 goes astray."""
    path = scene.filled(API + "/{actor}")
    shown = scene.ada("GET", path).result
    execution = scene.ada("GET", scene.filled(path + "/executions/{execution}")).result
    nonce = scene.ada("GET", scene.filled(path + "/nonces/{nonce}")).result
    worker = scene.ada("GET", f"{API}/search/workers").result["search"]
    times = [shown["createTime"], shown["lastUpdateTime"], nonce["createTime"]]
    times += [execution[f"{name}Time"] for name in ("messageReceived", "start", "finish")]
    times += [one["createTime"] for one in worker]
    assert all(re.fullmatch(STORED, time) for time in times), times


def test_times_in_the_answer_to_the_request_that_made_them(scene: Scene) -> None:
    made = scene.ada("POST", API, {"image": "x"}).result
    assert re.fullmatch(FRESH, made["createTime"])
    changed = scene.ada("PUT", f"{API}/{made['id']}", {"image": "x"}).result
    assert re.fullmatch(FRESH, changed["lastUpdateTime"])
    assert re.fullmatch(STORED, changed["createTime"])


def test_times_in_the_list_of_executions(scene: Scene) -> None:
    actor = scene.actor(image="none:at-all")
    scene.send(actor)
    (waiting,) = scene.ada("GET", f"{API}/{actor}/executions").result["executions"]
    assert waiting["startTime"] is waiting["finishTime"] is None
    ended = scene.ada("GET", scene.filled(API + "/{actor}/executions")).result["executions"][0]
    for name in ("startTime", "finishTime", "messageReceivedTime"):
        assert re.fullmatch(HTTP_DATE, ended[name])


def test_a_time_that_has_not_come_is_the_text_none(scene: Scene) -> None:
    path = scene.filled(API + "/{actor}/nonces")
    assert scene.ada("POST", path, {}).result["lastUseTime"] == "None"


def test_numbers(scene: Scene) -> None:
    record = scene.run(scene.names["actor"], None, "?DO=sleep 1.2".replace(" ", "%20")).record
    assert record["runtime"] in range(1, 30)  # Whole seconds.
    assert isinstance(record["cpu"], int)
    assert isinstance(record["io"], int)
    assert record["exitCode"] == 0
