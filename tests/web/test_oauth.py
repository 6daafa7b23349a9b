"""The gateway's endpoints of TACC's guide "Getting Started": clients, tokens, profiles."""

import base64
import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from jupyter_server.auth.security import passwd
from test_envelope import is_failure

from abaco_jupyter.wire.codes import Role
from abaco_server.model.principal import Principal
from abaco_server.web.forward import Host
from abaco_server.web.served import Web

pytestmark = pytest.mark.asyncio

FORM = "application/x-www-form-urlencoded"
WRONG = "The user name and the password do not belong together."
NO_CREDENTIALS = "No JWT or nonce provided."
NO_ENDPOINT = (
    "Invalid request: the API endpoint does not exist or the provided HTTP method is not allowed."
)


def basic(name: str, password: str) -> dict[str, str]:
    text = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


async def as_ada(place, method: str, path: str, body=None, *, api=None, **options):
    """With the server's token as the password of its owner."""
    api = api or place.api
    headers = basic("ada", api.token)
    return await api(method, path, body, token=None, headers=headers, **options)


async def keys(place, api=None, name="quickstart") -> tuple[str, str]:
    made = await as_ada(place, "POST", "/clients/v2", {"clientName": name}, api=api)
    assert made.status == 200, made.body
    return made.result["consumerKey"], made.result["consumerSecret"]


async def token(place, key: tuple[str, str] | None, *, api=None, **fields):
    headers = basic(*key) if key else {}
    body = urlencode(fields)
    return await (api or place.api)("POST", "/token", body, token=None, kind=FORM, headers=headers)


async def by_password(place, key, *, api=None, username="ada", password=None):
    password = (api or place.api).token if password is None else password
    return await token(
        place,
        key,
        api=api,
        grant_type="password",
        username=username,
        password=password,
        scope="PRODUCTION",
    )


def refused(answer, status: int, error: str, text: str = "") -> None:
    assert (answer.status, answer.json["error"]) == (status, error), answer.body
    assert set(answer.json) == {"error", "error_description"}
    assert re.search(text, answer.json["error_description"])
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_the_guide_step_by_step(place) -> None:
    made = await as_ada(place, "POST", "/clients/v2", {"clientName": "abaco_quickstart"})
    assert (made.status, made.message) == (200, "Client created successfully.")
    result, root = made.result, place.api.root
    key = result.pop("consumerKey"), result.pop("consumerSecret")
    assert result == {
        "_links": {
            "self": {"href": f"{root}/clients/v2/abaco_quickstart"},
            "subscriber": {"href": f"{root}/profiles/v2/ada"},
            "subscriptions": {"href": f"{root}/clients/v2/abaco_quickstart/subscriptions/"},
        },
        "callbackUrl": "",
        "description": "",
        "name": "abaco_quickstart",
        "tier": "Unlimited",
    }
    given = await by_password(place, key)
    assert given.status == 200, given.body
    found = given.json
    assert (found["token_type"], found["expires_in"], found["scope"]) == (
        "bearer",
        14400,
        "default",
    )
    assert (given.headers["Cache-Control"], given.headers["Pragma"]) == ("no-store", "no-cache")
    me = await place.api("GET", "/profiles/v2/me", token=found["access_token"])
    assert (me.status, me.message) == (200, "User details retrieved successfully.")
    assert me.result["username"] == "ada"
    assert {"email", "first_name", "last_name", "full_name", "phone", "uid"} < set(me.result)
    actor = await place.api("POST", "/actors/v2", {"image": "x"}, token=found["access_token"])
    assert actor.result["owner"] == "ada"
    next_ = await token(
        place, key, grant_type="refresh_token", refresh_token=found["refresh_token"]
    )
    assert next_.status == 200, next_.body
    path = f"/actors/v2/{actor.result['id']}"
    assert (await place.api("GET", path, token=next_.json["access_token"])).status == 200
    is_failure(await place.api("GET", path, token=found["access_token"]), 400, NO_CREDENTIALS)


async def test_clients_are_listed_shown_and_deleted(place) -> None:
    key = await keys(place)
    for path in ("/clients/v2", "/clients/v2/", "/clients/v2//"):
        listed = await as_ada(place, "GET", path)
        assert [one["name"] for one in listed.result] == ["quickstart"]
        assert "consumerSecret" not in listed.result[0]
    for end in ("", "/"):
        shown = await as_ada(place, "GET", f"/clients/v2/quickstart{end}")
        assert shown.result == listed.result[0]
        uses = await as_ada(place, "GET", f"/clients/v2/quickstart/subscriptions{end}")
        assert [one["apiName"] for one in uses.result] == ["Actors"]
    assert (await as_ada(place, "HEAD", "/clients/v2")).status == 200
    found = (await by_password(place, key)).json["access_token"]
    gone = await as_ada(place, "DELETE", "/clients/v2/quickstart")
    assert (gone.result, gone.message) == (None, "Client deleted successfully.")
    is_failure(await place.api("GET", "/actors/v2", token=found), 400, NO_CREDENTIALS)
    for method in ("GET", "DELETE"):
        missing = await as_ada(place, method, "/clients/v2/quickstart")
        is_failure(missing, 404, "No client found: quickstart.")
        assert "WWW-Authenticate" not in missing.headers
    refused(await by_password(place, key), 401, "invalid_client")


async def test_a_client_by_a_form_with_a_name_of_several_words(place) -> None:
    body = urlencode({"clientName": "my client", "callbackUrl": "", "tier": "Unlimited"})
    made = await as_ada(place, "POST", "/clients/v2", body, kind=FORM)
    assert made.result["_links"]["self"]["href"].endswith("/clients/v2/my%20client")
    assert (await as_ada(place, "GET", "/clients/v2/my%20client")).status == 200


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ({}, None, "clientName is missing"),
        ({"clientName": "a/b"}, None, "'a/b' cannot be one"),
        ({"clientName": None}, None, "clientName is missing"),
        (b"{", "application/json", "could not understand"),
        (b"[1]", "application/json", "could not understand"),
        (b"\xff\xfe", "application/json", "could not understand"),
        (b"", FORM, "clientName is missing"),
        (b"x" * 65_537, FORM, "exceeds max content length of: 65536"),
    ],
)
async def test_bodies_that_describe_no_client(place, body, kind, text) -> None:
    answer = await as_ada(place, "POST", "/clients/v2", body, kind=kind)
    assert (answer.status, answer.json["status"]) == (400, "error")
    assert text in answer.message


async def test_who_may_ask_for_a_client(place) -> None:
    """Whom Jupyter knows and tokens of ours too; but a nonce is for actors."""
    wrong = [("ada", "wrong"), ("ada", ""), ("", ""), ("ada", "abaco_x"), ("ada", "\xe9\u20ac")]
    for name, password in wrong:
        headers = basic(name, password)
        answer = await place.api("GET", "/clients/v2", token=None, headers=headers)
        is_failure(answer, 401, WRONG)
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    headers = basic("bob", place.api.token)
    answer = await place.api("GET", "/clients/v2", token=None, headers=headers)
    is_failure(answer, 401, "This is not the password of 'bob'.")
    for header in ("Basic", "Basic %%%", "Basic YWRh", "Basic /w==", "Basic \xff", "Digest x"):
        answer = await place.api(
            "GET", "/clients/v2", token=None, headers={"Authorization": header}
        )
        is_failure(answer, 400, NO_CREDENTIALS)
    assert (await place.api("GET", "/clients/v2")).status == 200
    is_failure(await place.api("GET", "/clients/v2", token=None), 400, NO_CREDENTIALS)
    answer = await place.api("GET", "/clients/v2/x?x-nonce=DEV_x", token=None)
    is_failure(answer, 400, "Not authorized.")


async def test_neither_a_cookie_nor_a_parameter_helps_a_wrong_password(place) -> None:
    for path in ("/clients/v2", f"/clients/v2?token={place.api.token}"):
        headers = basic("ada", "wrong") | {"Cookie": "username-localhost=x"}
        answer = await place.api("GET", path, token=None, headers=headers)
        is_failure(answer, 401, WRONG)


async def test_the_password_of_the_server(place) -> None:
    place.app.settings["identity_provider"].hashed_password = passwd("pässword", "sha1")
    headers = basic("ada", "pässword")
    made = await place.api("POST", "/clients/v2", {"clientName": "c"}, token=None, headers=headers)
    key = made.result["consumerKey"], made.result["consumerSecret"]
    assert (await by_password(place, key, password="pässword")).status == 200
    refused(await by_password(place, key, password="password"), 400, "invalid_grant", WRONG)
    refused(await by_password(place, key, username="bob"), 400, "invalid_grant", "of 'bob'")


async def test_people_of_a_hub_show_a_token_of_the_hub(place) -> None:
    place.as_user("bob")
    headers = {"Authorization": basic("bob", "as-bob")["Authorization"]}
    # The provider of these tests reads `Bearer`, as a Hub reads either word.
    provider = place.app.settings["identity_provider"]
    whole = type(provider).get_user

    async def either(self, handler):
        header = handler.request.headers.get("Authorization", "")
        handler.request.headers["Authorization"] = header.replace("token as-", "Bearer as-")
        return await whole(self, handler)

    provider.get_user = either.__get__(provider)
    made = await place.api("POST", "/clients/v2", {"clientName": "c"}, token=None, headers=headers)
    assert made.status == 200, made.body
    key = made.result["consumerKey"], made.result["consumerSecret"]
    given = await by_password(place, key, username="bob", password="as-bob")
    me = await place.api("GET", "/profiles/v2/me", token=given.json["access_token"])
    assert me.result["username"] == "bob"
    refused(await by_password(place, key, username="ada", password="as-bob"), 400, "invalid_grant")


async def test_a_token_of_ours_is_its_users_password(place) -> None:
    admin = Principal(username="root", tenant="PROD", roles=frozenset({Role.ADMIN}), api_server="")
    made = await place.service.tokens.create(admin, username="bob", roles=[Role.USER])
    headers = basic("bob", made.secret)
    created = await place.api(
        "POST", "/clients/v2", {"clientName": "c"}, token=None, headers=headers
    )
    key = created.result["consumerKey"], created.result["consumerSecret"]
    given = await by_password(place, key, username="bob", password=made.secret)
    actor = await place.api("POST", "/actors/v2", {"image": "x"}, token=given.json["access_token"])
    assert actor.result["owner"] == "bob"
    path = f"/actors/v2/{actor.result['id']}"
    assert (await place.api("GET", path)).status == 404
    refused(
        await by_password(place, key, username="eve", password=made.secret), 400, "invalid_grant"
    )
    # ada is of the server's tenant, the client of bob's.
    refused(await by_password(place, key), 400, "invalid_grant", "of the tenant PROD")


async def test_an_authorizer_that_refuses_somebody_is_asked(place, monkeypatch) -> None:
    key = await keys(place)
    authorizer = place.app.settings["authorizer"]
    monkeypatch.setattr(
        type(authorizer),
        "is_authorized",
        lambda self, handler, user, action, what: action == "read",
    )
    refused(await by_password(place, key), 400, "invalid_grant", "missing required role")
    is_failure(
        await as_ada(place, "GET", "/clients/v2"), 400, "Not authorized -- missing required role."
    )


async def test_the_errors_of_oauth(place) -> None:
    key = await keys(place)
    good = {"grant_type": "password", "username": "ada", "password": place.api.token}
    for wrong in (None, (key[0], "x"), ("x", key[1]), ("\0", "\0"), ("", "")):
        answer = await token(place, wrong, **good)
        refused(answer, 401, "invalid_client")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    in_body = {"client_id": key[0], "client_secret": key[1]}
    assert (await token(place, None, **good, **in_body)).status == 200
    missing = [("grant_type",), ("username",), ("password",)]
    for (name,) in missing:
        less = {one: value for one, value in good.items() if one != name}
        refused(await token(place, key, **less), 400, "invalid_request", f"parameter {name} is")
    for kind in ("client_credentials", "admin_password", "implicit", ""):
        answer = await token(place, key, **good | {"grant_type": kind})
        refused(answer, 400, "unsupported_grant_type", "use password or refresh_token")
    refused(await token(place, key, grant_type="refresh_token"), 400, "invalid_request")
    for text in ("", "x", "abaco_r_x", "\0\xe9", good["password"]):
        answer = await token(place, key, grant_type="refresh_token", refresh_token=text)
        refused(answer, 400, "invalid_grant", "unknown, used, revoked or expired")
    for text in ("", "wrong", "abaco_x", "\0", "x" * 5000):
        refused(await by_password(place, key, password=text), 400, "invalid_grant", WRONG)


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (b"{", "application/json", "neither a form nor a JSON object"),
        (b"[]", "application/json", "neither a form nor a JSON object"),
        (b'{"grant_type": 5}', "application/json", "parameter grant_type"),
        (b"grant_type=password&grant_type=password", FORM, "more than once"),
        (b"", FORM, "parameter grant_type"),
        (b"\xff=\xff", FORM, "parameter grant_type"),
        (b"x" * 65_537, FORM, "exceeds max content length of: 65536"),
    ],
)
async def test_bodies_that_ask_for_no_token(place, body, kind, text) -> None:
    key = await keys(place)
    answer = await place.api("POST", "/token", body, token=None, kind=kind, headers=basic(*key))
    refused(answer, 400, "invalid_request", text)


async def test_a_password_in_the_url_does_not_count(place) -> None:
    key = await keys(place)
    query = urlencode({"grant_type": "password", "username": "ada", "password": place.api.token})
    answer = await place.api("POST", f"/token?{query}", b"", token=None, headers=basic(*key))
    refused(answer, 400, "invalid_request")


async def test_a_token_that_has_had_its_time(place) -> None:
    key = await keys(place)
    found = (await by_password(place, key)).json
    place.clock.turn(timedelta(hours=4))
    for path in ("/actors/v2", "/profiles/v2/me", "/clients/v2"):
        is_failure(await place.api("GET", path, token=found["access_token"]), 400, NO_CREDENTIALS)
    again = await token(
        place, key, grant_type="refresh_token", refresh_token=found["refresh_token"]
    )
    assert again.status == 200


async def test_profiles_are_of_people_who_are_there(place) -> None:
    is_failure(
        await place.api("GET", "/profiles/v2/bob"), 404, "No profile found for the user bob."
    )
    actor_id = await place.actor()
    permission = {"user": "bob", "level": "READ"}
    await place.api("POST", f"/actors/v2/{actor_id}/permissions", permission)
    for end in ("", "/"):
        assert (await place.api("GET", f"/profiles/v2/bob{end}")).result["username"] == "bob"
    owner = (await place.api("GET", f"/actors/v2/{actor_id}")).result["_links"]["owner"]
    assert (await place.api("GET", owner.removeprefix(place.api.root))).result["username"] == "ada"
    assert (await place.api("GET", "/profiles/v2/%00")).status == 404
    is_failure(await place.api("GET", "/profiles/v2/me", token="abaco_a_x"), 400, NO_CREDENTIALS)


async def test_paths_that_lead_nowhere(place) -> None:
    for path in ("/profiles/v2", "/profiles/v2/a/b", "/clients/v2/a/b", "/clients/v2/a/b/c"):
        is_failure(await place.api("GET", path), 404, NO_ENDPOINT)
    for method, path in (("PUT", "/clients/v2"), ("GET", "/token"), ("POST", "/profiles/v2/me")):
        is_failure(
            await place.api(method, path, None if method == "GET" else b""), 405, NO_ENDPOINT
        )


async def test_preflight_needs_nobody(place) -> None:
    for path in ("/token", "/clients/v2", "/profiles/v2/me"):
        answer = await place.api("OPTIONS", path, token=None, headers={"Origin": "https://a.b"})
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["Access-Control-Allow-Origin"] == "https://a.b"


async def test_before_the_service_is_ready(place) -> None:
    place.change(ready=False, service=None, not_ready_reason="The Abaco service is starting.")
    for answer in (await by_password(place, ("k", "s")), await as_ada(place, "GET", "/clients/v2")):
        is_failure(answer, 503, "The Abaco service is starting.")


async def test_through_a_second_server(place, make_place) -> None:
    """Its token is the password there, and the host's token is not."""
    host = Host(url=place.api.root, token=place.api.token)
    second = make_place(Web(tenant="DEV", host=lambda: host), "token-of-the-second")
    second.token = "token-of-the-second"
    key = await keys(place, second)
    given = await by_password(place, key, api=second)
    assert given.status == 200, given.body
    me = await second("GET", "/profiles/v2/me", token=given.json["access_token"])
    assert me.result["username"] == "ada"
    answer = await by_password(place, key, api=second, password=place.api.token)
    refused(answer, 400, "invalid_grant", WRONG)
    next_ = await token(
        place,
        key,
        api=second,
        grant_type="refresh_token",
        refresh_token=given.json["refresh_token"],
    )
    assert next_.status == 200
    refused(
        await token(place, ("x", "y"), api=second, grant_type="password"), 401, "invalid_client"
    )
    admin = Principal(username="root", tenant="DEV", roles=frozenset({Role.ADMIN}), api_server="")
    bobs = (await place.service.tokens.create(admin, username="bob", roles=[Role.USER])).secret
    listed = await second("GET", "/clients/v2", token=None, headers=basic("bob", bobs))
    assert listed.result == []
    wrong = await second("GET", "/clients/v2", token=None, headers=basic("eve", bobs))
    is_failure(wrong, 401, WRONG)
    assert (await by_password(place, key, api=second, username="bob", password=bobs)).status == 200


async def test_containers_show_no_passwords(place) -> None:
    """The port for containers takes tokens of executions and nothing else."""
    admin = Principal(username="root", tenant="DEV", roles=frozenset({Role.ADMIN}), api_server="")
    bobs = (await place.service.tokens.create(admin, username="bob", roles=[Role.USER])).secret
    place.change(narrow=True)
    for name, password in (("bob", bobs), ("x", "y")):
        headers = basic(name, password)
        answer = await place.api("GET", "/profiles/v2/me", token=None, headers=headers)
        is_failure(answer, 400, NO_CREDENTIALS)


async def test_a_slash_behind_token_is_no_page_of_jupyters(place) -> None:
    key, secret = await keys(place)
    given = {"grant_type": "password", "username": "ada", "password": place.api.token}
    headers, body = basic(key, secret), urlencode(given)
    made = await place.api("POST", "/token/", body, token=None, kind=FORM, headers=headers)
    assert made.json["token_type"] == "bearer"
    for method in ("GET", "POST", "DELETE"):
        is_failure(await place.api(method, "/token/x"), 404, NO_ENDPOINT)
