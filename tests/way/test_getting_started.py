"""TACC's guide "Getting Started", from the account to a message, with curl and with agavepy."""

import getpass
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agavepy.agave import Agave, load_resource
from requests import HTTPError

from live_server import LiveServer

USER = os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
QUIET = ("--AbacoApp.runner=process", '--AbacoApp.roles={"privileged": ["someone"]}')


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("guide"), *QUIET) as running:
        yield running


def curl(server: LiveServer, line: str, **words: str) -> Any:
    """The answer to a line as it stands in a guide; the status is not looked at."""
    words |= {"BASE": server.url.rstrip("/"), "USER": USER, "PASSWORD": server.token}
    environment = os.environ | words
    command = ["bash", "-c", f"curl -sS --max-time 30 {line}"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return json.loads(done.stdout)


def command(server: LiveServer, *words: str) -> str:
    """What `jupyter abaco token ...` says, run beside the server."""
    run = "from abaco_server.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", run, "token", *words],
        capture_output=True,
        text=True,
        env=server._environment(),
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


def test_with_curl(server: LiveServer) -> None:
    made = curl(server, '-u "$USER:$PASSWORD" -d clientName=abaco_quickstart "$BASE/clients/v2"')
    assert made["message"] == "Client created successfully."
    key, secret = made["result"]["consumerKey"], made["result"]["consumerSecret"]
    form = '-d grant_type=password -d "username=$USER" -d "password=$PASSWORD" -d scope=PRODUCTION'
    given = curl(server, f'-u "$KEY:$SECRET" {form} "$BASE/token"', KEY=key, SECRET=secret)
    assert given["expires_in"] == 14400
    token = given["access_token"]
    bearer = '-H "Authorization: Bearer $TOKEN"'
    me = curl(server, f'{bearer} "$BASE/profiles/v2/me"', TOKEN=token)
    assert me["result"]["username"] == USER
    actor = curl(server, f'{bearer} -d image=x -d name=test "$BASE/actors/v2"', TOKEN=token)
    actor_id = actor["result"]["id"]
    assert actor["result"]["owner"] == USER
    message = f'{bearer} -d "message=some test message" "$BASE/actors/v2/$ID/messages"'
    sent = curl(server, message, TOKEN=token, ID=actor_id)
    assert sent["result"]["msg"] == "some test message"
    again = '-d grant_type=refresh_token -d "refresh_token=$OLD" "$BASE/token"'
    old = given["refresh_token"]
    fresh = curl(server, f'-u "$KEY:$SECRET" {again}', KEY=key, SECRET=secret, OLD=old)
    listed = curl(server, f'{bearer} "$BASE/actors/v2"', TOKEN=fresh["access_token"])
    assert actor_id in [one["id"] for one in listed["result"]]
    refused = curl(server, f'{bearer} "$BASE/actors/v2"', TOKEN=token)
    assert refused["message"] == "No JWT or nonce provided."
    wrong = curl(server, f'-u "$KEY:x" {form} "$BASE/token"', KEY=key)
    assert wrong["error"] == "invalid_client"
    gone = curl(server, '-u "$USER:$PASSWORD" -X DELETE "$BASE/clients/v2/abaco_quickstart"')
    assert gone["status"] == "success"


def agave(server: LiveServer, **fields: Any) -> Agave:
    """agavepy aimed at a server that has a port and no TLS (abaco-api.md, section 17)."""
    root = server.url.rstrip("/")
    resources = load_resource("https://x")
    for one in resources["apis"]:
        if "basePath" in one.get("api_declaration", {}):
            one["api_declaration"]["basePath"] = root
    ag = Agave(api_server=root, username=USER, resources=resources, **fields)
    # It takes a URL for its own when the host, which has no port there, is the one it knows.
    ag.host = "127.0.0.1"
    ag.refresh_aris()
    return ag


# agavepy leaves its own files open.
@pytest.mark.filterwarnings("ignore:unclosed file .*resource_exceptions.json:ResourceWarning")
def test_with_agavepy(server: LiveServer, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # agavepy writes ~/.agpy
    ag = agave(server, password=server.token)
    client = ag.clients.create(body={"clientName": "a quickstart"})
    assert (client["name"], client["tier"]) == ("a quickstart", "Unlimited")
    assert set(client["_links"]) == {"self", "subscriber", "subscriptions"}
    first = ag.token.create()
    assert ag.profiles.get()["username"] == USER
    actor = ag.actors.add(body={"image": "x", "name": "by agavepy"})
    assert (actor["owner"], actor["name"]) == (USER, "by agavepy")
    second = ag.token.refresh()
    assert first != second
    assert actor["id"] in [one["id"] for one in ag.actors.list()]
    assert [one["name"] for one in ag.clients.list()] == ["a quickstart"]
    keys = {"api_key": client["consumerKey"], "api_secret": client["consumerSecret"]}
    reused = agave(server, password=server.token, client_name="a quickstart", **keys)
    assert reused.profiles.get()["username"] == USER
    ag.clients.delete(clientName="a quickstart")
    with pytest.raises(HTTPError) as refused:
        reused.profiles.get()
    assert refused.value.response.json()["message"] == "No JWT or nonce provided."


def test_tokens_are_made_while_the_server_runs(server: LiveServer) -> None:
    token = command(server, "create", "--user", "bob", "--role", "user", "--tenant", "PROD")
    bearer = '-H "Authorization: Bearer $TOKEN" "$BASE/actors/v2"'
    made = curl(server, f"-d image=x {bearer}", TOKEN=token)
    assert made["result"]["owner"] == "bob"
    assert len(curl(server, bearer, TOKEN=token)["result"]) == 1
    # Another tenant: the server's own sees nothing of it.
    own = curl(server, '-H "Authorization: token $PASSWORD" "$BASE/actors/v2"')
    assert made["result"]["id"] not in [one["id"] for one in own["result"]]
    token_id = json.loads(command(server, "list", "--tenant", "PROD", "--json"))["id"]
    command(server, "revoke", token_id, "--tenant", "PROD")
    assert curl(server, bearer, TOKEN=token)["message"] == "No JWT or nonce provided."
