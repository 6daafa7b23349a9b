"""Inside a whole Jupyter server: its login, XSRF and host rules, and its pages kept away."""

import functools
import json
import logging
from pathlib import Path

import pytest
from jupyter_server.log import log_request
from jupyter_server.utils import url_path_join
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from abaco_jupyter.wire import frames, ids, paths
from abaco_server.events.stream import Hub
from abaco_server.model.clock import SystemClock
from abaco_server.service import Desk, ServiceConfig, open_service
from abaco_server.store import Store
from abaco_server.web.routes import handlers
from abaco_server.web.served import SETTING, Web

NO_CREDENTIALS = "No JWT or nonce provided."
NO_ENDPOINT = (
    "Invalid request: the API endpoint does not exist or the provided HTTP method is not allowed."
)


@pytest.fixture
def ask(tmp_path: Path, jp_serverapp, http_server_client, jp_asyncio_loop):
    """`ask(method, path, **options)` sends no headers but those that are given."""
    clock = SystemClock()
    store = Store.open(
        f"sqlite:///{tmp_path / 'abaco.db'}", payload_dir=tmp_path / "payloads", clock=clock
    )
    desk = Desk(store=store, clock=clock, new_id=ids.new_id, config=ServiceConfig(tenant="DEV"))
    app = jp_serverapp.web_app
    app.settings[SETTING] = Web(tenant="DEV", service=open_service(desk), hub=Hub(), ready=True)
    base = app.settings["base_url"]
    app.add_handlers(".*$", [(url_path_join(base, p), handler) for p, handler in handlers()])

    async def fetch(method: str, path: str, **options):
        return await http_server_client.fetch(
            url_path_join(base, path),
            method=method,
            raise_error=False,
            allow_nonstandard_methods=True,
            follow_redirects=False,
            **options,
        )

    yield fetch
    jp_asyncio_loop.run_until_complete(store.close())


def said(answer) -> tuple[int, str]:
    """Status and message of an envelope, and nothing but an envelope."""
    assert answer.headers["Content-Type"] == "application/json"
    found = json.loads(answer.body)
    assert list(found) == ["message", "result", "status", "version"]
    return answer.code, found["message"]


async def browser(ask, header: dict[str, str]) -> tuple[dict[str, str], str]:
    """The cookies of somebody who has logged in by Jupyter's own page, and their XSRF token."""
    form = await ask("GET", "/login")
    entered = await ask("GET", "/login", headers=header)
    set_ = form.headers.get_list("Set-Cookie") + entered.headers.get_list("Set-Cookie")
    cookies = dict(cookie.split(";")[0].split("=", 1) for cookie in set_)
    return {"Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())}, cookies["_xsrf"]


async def test_every_way_to_show_the_token(ask, jp_serverapp) -> None:
    token = jp_serverapp.identity_provider.token
    for scheme in ("token", "Token", "Bearer", "bearer"):
        answer = await ask("GET", "/actors/v2", headers={"Authorization": f"{scheme} {token}"})
        assert said(answer) == (200, "Actors retrieved successfully.")
    assert said(await ask("GET", f"/actors/v2?token={token}"))[0] == 200
    for header in ({}, {"Authorization": "token wrong"}, {"Authorization": "Basic abc"}):
        for method in ("GET", "POST", "PUT", "DELETE"):
            answer = await ask(method, "/actors/v2", headers=header)
            assert said(answer) == (400, NO_CREDENTIALS)


async def test_a_token_request_leaves_no_cookie_and_needs_no_xsrf(ask, jp_auth_header) -> None:
    created = await ask("POST", "/actors/v2?image=x", headers=jp_auth_header)
    assert said(created) == (200, "Actor created successfully.")
    assert "Set-Cookie" not in created.headers


async def test_the_owner_is_the_same_at_each_request(ask, jp_auth_header, owner) -> None:
    for _ in range(2):
        created = await ask("POST", "/actors/v2?image=x", headers=jp_auth_header)
        assert json.loads(created.body)["result"]["owner"] == owner
    listed = await ask("GET", "/actors/v2", headers=jp_auth_header)
    assert len(json.loads(listed.body)["result"]) == 2


async def test_a_browser_needs_the_xsrf_token(ask, jp_serverapp, jp_auth_header) -> None:
    cookies, xsrf = await browser(ask, jp_auth_header)
    assert said(await ask("GET", "/actors/v2", headers=cookies))[0] == 200
    without = await ask("POST", "/actors/v2?image=x", headers=cookies)
    assert said(without) == (403, "'_xsrf' argument missing from POST")
    for sent in ({"X-XSRFToken": xsrf}, {"X-XSRFToken": "wrong|2"}):
        answer = await ask("POST", "/actors/v2?image=x", headers=cookies | sent)
        assert answer.code == (200 if sent["X-XSRFToken"] == xsrf else 403)
        said(answer)
    in_body = await ask("POST", "/actors/v2", headers=cookies, body=f"image=x&_xsrf={xsrf}")
    assert said(in_body)[0] == 403


async def test_a_page_of_another_origin_cannot_use_the_cookie(ask, jp_auth_header) -> None:
    cookies, xsrf = await browser(ask, jp_auth_header)
    foreign = cookies | {"Origin": "https://elsewhere.example", "X-XSRFToken": xsrf}
    for method in ("GET", "POST"):
        answer = await ask(method, "/actors/v2?image=x", headers=foreign)
        assert said(answer)[0] in (403, 404)
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_a_page_of_another_origin_opens_no_channel(
    ask, jp_serverapp, jp_auth_header, http_server_port
) -> None:
    """Browsers let every page open a WebSocket, and add the cookie."""
    cookies, _ = await browser(ask, jp_auth_header)
    created = await ask("POST", "/actors/v2?image=x", headers=jp_auth_header)
    actor = json.loads(created.body)["result"]["id"]
    host = f"127.0.0.1:{http_server_port[1]}"
    url = f"ws://{host}" + url_path_join(jp_serverapp.base_url, paths.calls(actor))
    foreign = cookies | {"Origin": "https://elsewhere.example"}
    with pytest.raises(HTTPClientError) as refused:
        await websocket_connect(HTTPRequest(url, headers=foreign))
    assert refused.value.code in (403, 404)
    own = await websocket_connect(HTTPRequest(url, headers=cookies | {"Origin": f"http://{host}"}))
    await own.write_message(frames.encode(frames.Hello(frames.VERSION)), binary=True)
    welcome = frames.from_server(await own.read_message())
    assert isinstance(welcome, frames.Welcome)
    own.close()
    while await own.read_message() is not None:
        continue


async def test_a_link_on_a_foreign_page_takes_no_result(ask, jp_auth_header) -> None:
    """Reading results removes them, so a browser has to show where it comes from."""
    cookies, xsrf = await browser(ask, jp_auth_header)
    created = await ask("POST", "/actors/v2?image=x", headers=jp_auth_header)
    path = f"/actors/v2/{json.loads(created.body)['result']['id']}/executions/e/results"
    assert (await ask("GET", path, headers=cookies)).code == 403
    elsewhere = {"Referer": "https://elsewhere.example/page"}
    assert (await ask("GET", path, headers=cookies | elsewhere)).code == 403
    for shown in (cookies | {"X-XSRFToken": xsrf}, jp_auth_header):
        answer = await ask("GET", path, headers=shown)
        assert (answer.code, answer.body) == (200, b"")


async def test_a_foreign_host_is_refused(ask, jp_auth_header) -> None:
    """Jupyter's guard against DNS rebinding."""
    header = jp_auth_header | {"Host": "elsewhere.example"}
    for method in ("GET", "POST", "OPTIONS"):
        assert said(await ask(method, "/actors/v2", headers=header)) == (403, "Forbidden")


@pytest.mark.parametrize("path", ["/actors/v2/x/y/z", "/actors/v3", "/actors/v2/", "/abaco/v1/x"])
async def test_no_answer_holds_the_token(ask, jp_serverapp, jp_auth_header, path) -> None:
    token = jp_serverapp.identity_provider.token
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
        for target in (path, f"{path}?token={token}"):
            answer = await ask(method, target, headers=jp_auth_header)
            assert said(answer) == (404, NO_ENDPOINT)
            assert token.encode() not in answer.body
            assert token not in str(answer.headers)


async def test_links_are_below_the_base_url(ask, jp_auth_header, http_server_client) -> None:
    created = await ask("POST", "/actors/v2?image=x", headers=jp_auth_header)
    link = json.loads(created.body)["result"]["_links"]["self"]
    root = http_server_client.get_url("/a%40b")
    assert link.startswith(f"{root}/actors/v2/")


async def test_use_counts_as_activity(ask, jp_serverapp, jp_auth_header) -> None:
    settings = jp_serverapp.web_app.settings
    settings.pop("api_last_activity", None)
    await ask("GET", "/actors/v2", headers={"Authorization": "token wrong"})
    assert "api_last_activity" not in settings
    await ask("GET", "/actors/v2", headers=jp_auth_header)
    assert "api_last_activity" in settings


async def test_without_authentication_a_page_still_needs_the_xsrf_token(ask, jp_serverapp) -> None:
    """A server whose token is empty lets everybody in: then only XSRF keeps foreign pages out."""
    jp_serverapp.identity_provider.token = ""
    assert said(await ask("GET", "/actors/v2"))[0] in (200, 403)
    assert said(await ask("POST", "/actors/v2?image=x"))[0] == 403


async def test_a_log_line_that_nobody_reads_is_not_put_together(
    ask, jp_serverapp, jp_auth_header, monkeypatch
) -> None:
    """Jupyter's logger takes every record and leaves it to its handlers to drop them."""
    lines = []
    kept = jp_serverapp.web_app.settings["log_function"]

    def told(handler, record_prometheus_metrics=True) -> None:
        lines.append(handler.request.path)

    monkeypatch.setattr("abaco_server.web.replies.log_request", told)
    settings = jp_serverapp.web_app.settings
    settings["log_function"] = functools.partial(told, record_prometheus_metrics=True)
    assert kept.func is log_request
    chain, log = [], jp_serverapp.log
    while log is not None:
        chain += [(handler, handler.level) for handler in log.handlers]
        log = log.parent
    try:
        for handler, _ in chain:
            handler.setLevel(logging.INFO)
        await ask("GET", "/actors/v2", headers=jp_auth_header)
        assert lines == []
        await ask("GET", "/actors/v2/nobody", headers=jp_auth_header)
        assert len(lines) == 1
        chain[0][0].setLevel(logging.DEBUG)
        await ask("GET", "/actors/v2", headers=jp_auth_header)
        assert len(lines) == 2
    finally:
        for handler, level in chain:
            handler.setLevel(level)


async def test_a_nonce_needs_neither_token_nor_cookie_nor_xsrf(ask, jp_auth_header) -> None:
    created = await ask("POST", "/actors/v2?image=x", headers=jp_auth_header)
    path = f"/actors/v2/{json.loads(created.body)['result']['id']}"
    made = await ask("POST", f"{path}/nonces", headers=jp_auth_header)
    nonce = json.loads(made.body)["result"]["id"]
    sent = await ask("POST", f"{path}/messages?x-nonce={nonce}", body="message=m")
    assert said(sent) == (200, "The request was successful")
    assert "Set-Cookie" not in sent.headers
    execution = json.loads(sent.body)["result"]["executionId"]
    taken = await ask("GET", f"{path}/executions/{execution}/results?x-nonce={nonce}")
    assert (taken.code, taken.body) == (200, b"")
    refused = await ask("DELETE", f"{path}?x-nonce={nonce}")
    assert said(refused) == (400, "Nonce does not have sufficient permissions level.")


async def test_a_refused_nonce_is_not_logged(ask, jp_auth_header, caplog) -> None:
    """It may be refused for its level alone, and be good for something else."""
    created = await ask("POST", "/actors/v2?image=x", headers=jp_auth_header)
    path = f"/actors/v2/{json.loads(created.body)['result']['id']}"
    made = await ask("POST", f"{path}/nonces", headers=jp_auth_header)
    nonce = json.loads(made.body)["result"]["id"]
    with caplog.at_level(logging.INFO):
        for name in ("x-nonce", "x%2Dnonce"):
            assert (await ask("DELETE", f"{path}?a=1&{name}={nonce}")).code == 400
    assert f"{path}?x-nonce=[secret]" in caplog.text
    assert nonce not in caplog.text


async def test_a_cookie_gives_a_request_with_a_nonce_nothing(ask, jp_auth_header) -> None:
    """Else a foreign page could pass the XSRF check with any word for a nonce."""
    created = await ask("POST", "/actors/v2?image=x", headers=jp_auth_header)
    path = f"/actors/v2/{json.loads(created.body)['result']['id']}"
    cookies, _ = await browser(ask, jp_auth_header)
    for method in ("POST", "DELETE"):
        answer = await ask(method, f"{path}/messages?x-nonce=any", headers=cookies)
        assert said(answer) == (400, "Nonce does not exist.")
    answer = await ask("POST", "/actors/v2?image=x&x-nonce=any", headers=cookies)
    assert said(answer) == (400, "Not authorized.")


async def test_without_authentication_a_nonce_is_still_checked(ask, jp_serverapp) -> None:
    jp_serverapp.identity_provider.token = ""
    answer = await ask("POST", "/actors/v2/nobody/messages?x-nonce=any")
    assert said(answer) == (404, "Actor with identifier 'nobody' not found")
