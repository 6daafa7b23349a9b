"""Every answer below our prefixes is Abaco's envelope (section 1), whatever was asked."""

import logging

import pytest
from jupyter_server.auth import Authorizer
from tornado.web import RequestHandler

from abaco_jupyter.wire import errors
from abaco_server.web.replies import METHODS
from abaco_server.web.routes import TABLE

NO_ENDPOINT = (
    "Invalid request: the API endpoint does not exist or the provided HTTP method is not allowed."
)
pytestmark = pytest.mark.asyncio


def is_failure(answer, status: int, message: str) -> None:
    """Compares the bytes: four keys, sorted, indented by two, a newline at the end."""
    assert answer.status == status, answer.body
    quoted = message.replace("\\", "\\\\").replace('"', '\\"')
    expected = (
        '{\n  "message": "' + quoted + '",\n  "result": null,\n'
        '  "status": "error",\n  "version": "1.9.1"\n}\n'
    )
    assert answer.body.decode() == expected
    assert answer.headers["Content-Type"] == "application/json"
    assert errors.HEADER in answer.headers


async def test_success_is_always_200_and_has_four_keys(place) -> None:
    answer = await place.api("GET", "/actors/v2")
    assert answer.status == 200
    assert answer.body == (
        b'{\n  "message": "Actors retrieved successfully.",\n  "result": [],\n'
        b'  "status": "success",\n  "version": "1.9.1"\n}\n'
    )
    assert answer.headers["Content-Type"] == "application/json"


UNKNOWN = [
    "/actors",
    "/actors/",
    "/actors/v2/",
    "/actors/v1",
    "/actors/v2/x/",
    "/actors/v2/x/messages/",
    "/actors/v2/x/nothing",
    "/actors/v2/x/executions/y/z",
    "/actors/v2/x/executions/y/logs/",
    "/abaco/v1",
    "/abaco/v1/",
    "/abaco/v1/nothing",
    "/abaco/v1/builds/x/y",
]


@pytest.mark.parametrize("path", UNKNOWN)
async def test_a_path_that_is_no_endpoint(place, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
        is_failure(await place.api(method, path), 404, NO_ENDPOINT)
        nobody = await place.api(method, path, token=None)
        is_failure(nobody, 400, "No JWT or nonce provided.")


async def test_no_path_and_method_is_answered_with_html(place) -> None:
    for pattern, _ in TABLE:
        path = pattern.replace("([^/]+)", "x").replace("(?:/.*)?", "/y")
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            if (method, path) == ("GET", "/abaco/v1/events"):
                continue  # answered for as long as somebody listens, see test_event_stream
            answer = await place.api(method, path)
            assert b"<" not in answer.body, (method, path, answer.body)
            assert answer.status < 500, (method, path, answer.body)
            if (method, path) == ("POST", "/token"):
                assert answer.json["error"] == "invalid_client"  # OAuth's own form of a refusal
            elif answer.status != 200 and method != "HEAD":
                assert answer.json["status"] == "error", (method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/actors/v2"),
        ("DELETE", "/actors/v2"),
        ("POST", "/actors/v2/x"),
        ("PATCH", "/actors/v2/x"),
        ("PUT", "/actors/v2/x/messages"),
        ("DELETE", "/actors/v2/x/state"),
        ("POST", "/actors/v2/x/executions/y"),
        ("POST", "/actors/v2/x/executions/y/logs"),
        ("HEAD", "/actors/v2/x/executions/y/results"),
        ("POST", "/actors/v2/x/executions/y/results"),
        ("POST", "/abaco/v1/status"),
        ("TRACE", "/actors/v2"),
    ],
)
async def test_a_method_that_is_not_allowed(place, method: str, path: str) -> None:
    answer = await place.api(method, path)
    if method == "HEAD":
        assert answer.status == 405
    else:
        is_failure(answer, 405, NO_ENDPOINT)
    preflight = await place.api("OPTIONS", path, token=None)
    assert answer.headers["Allow"] == preflight.headers["Allow"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("token", [None, "wrong"])
@pytest.mark.parametrize("open_by_default", [True, False])
async def test_without_credentials(place, method, token, open_by_default) -> None:
    place.app.settings["allow_unauthenticated_access"] = open_by_default
    for path in ("/actors/v2", "/actors/v2/x", "/actors/v2/x/messages", "/abaco/v1/status"):
        answer = await place.api(method, path, token=token)
        is_failure(answer, 400, "No JWT or nonce provided.")


async def test_two_slashes_count_as_one(place) -> None:
    actor_id = await place.actor()
    for path in (
        "//actors/v2",
        "/actors//v2",
        f"/actors/v2//{actor_id}",
        f"//actors//v2//{actor_id}//messages",
    ):
        assert (await place.api("GET", path)).status == 200, path


async def test_before_the_service_is_ready(place) -> None:
    place.change(ready=False, service=None, not_ready_reason="The Abaco service is starting.")
    for method, path in (("GET", "/actors/v2"), ("POST", "/actors/v2/x/messages")):
        answer = await place.api(method, path)
        is_failure(answer, 503, "The Abaco service is starting.")
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers[errors.HEADER] == "not_ready"


async def test_a_service_that_did_not_start_asks_nobody_to_try_again(place) -> None:
    place.change(
        ready=False,
        service=None,
        not_ready_reason="The Abaco service did not start: no engine",
        not_ready_kind=errors.RunnerUnavailable,
    )
    answer = await place.api("GET", "/actors/v2")
    is_failure(answer, 503, "The Abaco service did not start: no engine")
    assert "Retry-After" not in answer.headers
    assert answer.headers[errors.HEADER] == "runner_unavailable"


async def test_what_was_not_foreseen(place, monkeypatch, caplog) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError('it "broke"')

    monkeypatch.setattr(type(place.service.actors), "list", broken)
    with caplog.at_level(logging.ERROR):
        answer = await place.api("GET", "/actors/v2?token=the-token-of-the-server", token=None)
    text = "Unrecognized exception type: <class 'RuntimeError'>. Exception: it \"broke\""
    is_failure(answer, 500, text)
    assert "GET /a%40b/actors/v2 failed" in caplog.text
    assert "RuntimeError" in caplog.text
    assert "the-token" not in caplog.text


async def test_jupyters_authorizer_has_a_word(place) -> None:
    asked = []

    class ReadOnly(Authorizer):
        def is_authorized(self, handler, user, action, resource) -> bool:
            asked.append((action, resource))
            return action == "read"

    place.app.settings["authorizer"] = ReadOnly()
    assert (await place.api("GET", "/actors/v2")).status == 200
    for method, path in (
        ("POST", "/actors/v2"),
        ("PUT", "/actors/v2/x"),
        ("DELETE", "/actors/v2/x"),
        ("POST", "/actors/v2/x/messages"),
    ):
        answer = await place.api(method, path)
        is_failure(answer, 400, "Not authorized -- missing required role.")
        assert answer.headers[errors.HEADER] == "not_authorized"
    assert [action for action, _ in asked] == ["read", "write", "write", "write", "execute"]
    assert {resource for _, resource in asked} == {"abaco"}


# ---- CORS ------------------------------------------------------------------------------------


async def test_preflight_needs_no_credentials(place) -> None:
    answer = await place.api(
        "OPTIONS",
        "/actors/v2/x/messages",
        token=None,
        headers={
            "Origin": "https://elsewhere.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, x-mine",
        },
    )
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, POST"
    assert answer.headers["Access-Control-Allow-Methods"] == (
        "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    )
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, x-mine"
    assert answer.headers["Access-Control-Allow-Origin"] == "https://elsewhere.example"
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("path", ["/actors/v2", "/actors/v2/none", "/actors/v2/x/y/z"])
async def test_all_origins(place, path: str) -> None:
    with_origin = await place.api("GET", path, headers={"Origin": "https://elsewhere.example"})
    assert with_origin.headers["Access-Control-Allow-Origin"] == "https://elsewhere.example"
    assert with_origin.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in with_origin.headers
    without = await place.api("GET", path)
    assert without.headers["Access-Control-Allow-Origin"] == "*"
    assert "Vary" not in without.headers


async def test_origins_that_the_installation_names_have_the_last_word(place) -> None:
    place.app.settings["allow_origin"] = "https://ours.example"
    place.app.settings["allow_credentials"] = True
    answer = await place.api("GET", "/actors/v2", headers={"Origin": "https://elsewhere.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://ours.example"
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    place.app.settings["allow_origin"] = ""
    place.app.settings["allow_origin_pat"] = r"https://.*\.ours\.example"
    answer = await place.api("GET", "/actors/v2", headers={"Origin": "https://elsewhere.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers
    answer = await place.api("GET", "/actors/v2", headers={"Origin": "https://a.ours.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://a.ours.example"


@pytest.mark.parametrize("shown", [None, "wrong", "abaco_bad"])
async def test_every_resource_answers_a_preflight(place, shown) -> None:
    """Unauthenticated, whatever is shown; `Allow` has the resource's own methods."""
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Headers": "x-mine"}
    for pattern, handler in TABLE:
        path = pattern.replace("([^/]+)", "x").replace("(?:/.*)?", "/y/y/y/y/y")
        answer = await place.api("OPTIONS", path, token=shown, headers=asked)
        assert (answer.status, answer.body) == (200, b""), path
        has = [
            method
            for method in METHODS
            if getattr(handler, method.lower()) is not getattr(RequestHandler, method.lower())
        ]
        assert answer.headers["Allow"] == ", ".join(has), path
        assert answer.headers["Access-Control-Allow-Methods"] == ", ".join(METHODS)
        assert answer.headers["Access-Control-Allow-Headers"] == "x-mine"
        assert answer.headers["Access-Control-Allow-Origin"] == "https://elsewhere.example"
        assert answer.headers["Vary"] == "Origin"
