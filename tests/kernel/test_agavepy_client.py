"""What `agavepy_client` makes of its surroundings; tests/compat has agavepy against a server."""

import sys
from typing import Any

import pytest

from abaco_jupyter import AgavepyUnavailable, ServerNotFound, agavepy_client
from abaco_jupyter.client.agavepy import INSTALL, _proxies

pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed file .*resource_exceptions.json:ResourceWarning"
)
URL = "https://hub.example:8443/user/ada/"


def addresses(client: Any) -> set[str]:
    return {api["api_declaration"]["basePath"] for api in client.resources["apis"]}


def test_without_agavepy_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "agavepy.agave", None)
    with pytest.raises(AgavepyUnavailable) as absent:
        agavepy_client("http://127.0.0.1:1")
    assert INSTALL in str(absent.value)
    assert "--no-deps agavepy==0.9.5" in INSTALL


def test_a_server_that_does_not_answer() -> None:
    with pytest.raises(ServerNotFound):
        agavepy_client("http://127.0.0.1:1", "token")


def test_every_address_keeps_scheme_port_and_path() -> None:
    client = agavepy_client(URL, use_nonce=True)
    assert addresses(client) == {"https://hub.example:8443/user/ada"}
    assert client.host == "hub.example"
    assert client.api_server == URL


def test_somebody_with_a_nonce_needs_no_token_and_no_server_yet() -> None:
    client = agavepy_client("http://127.0.0.1:1", use_nonce=True)
    assert client.all.http_client.authenticator.matches("http://127.0.0.1:1/actors/v2")


def test_no_proxy_stands_before_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "hub.example")
    assert _proxies("http://127.0.0.1:8888") == {}
    assert _proxies("http://hub.example:8888") == {}
    assert _proxies("http://else.example")["http"] == "http://proxy.example:3128"
