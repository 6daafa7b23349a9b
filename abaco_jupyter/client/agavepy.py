"""agavepy, TACC's client for Abaco, aimed at a notebook server.

agavepy 0.9.5 sends everything to `https://<host and port>/actors/v2` and leaves the token out
when the address has a port. Both follow from its own description of the API, which it takes as
an argument: here it gets one whose addresses are the notebook server's.

Its metadata pin websocket-client to a version that jupyter_server does not run with, so pip
cannot resolve both; agavepy never opens a WebSocket here and works with any version. Install it
without its pins, beside the packages that it does need:

    pip install --no-deps agavepy==0.9.5
    pip install future requests-toolbelt python-dateutil py
"""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from abaco_jupyter.client import discover
from abaco_jupyter.client.errors import AgavepyUnavailable
from abaco_jupyter.client.resources import Abaco

INSTALL = (
    "pip install --no-deps agavepy==0.9.5 && "
    "pip install future requests-toolbelt python-dateutil py"
)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_OWN_CREDENTIALS = ("use_nonce", "api_key", "jwt")
"""Options of somebody who may have no token of the server."""


def agavepy_client(url: str | None = None, token: str | None = None, **options: Any) -> Any:
    """A real `agavepy.agave.Agave` that talks to a notebook server.

    Inside a notebook no argument is needed: the server that runs the notebook is found as
    `Abaco()` finds it.

    agavepy is not a dependency of this package, and pip cannot install it beside jupyter_server
    with the pins that it comes with. Install it so::

        pip install --no-deps agavepy==0.9.5
        pip install future requests-toolbelt python-dateutil py

    Parameters
    ----------
    url : str, optional
        The server's base URL, such as `http://localhost:8888/user/ada`.
    token : str, optional
        The server's token; `ABACO_TOKEN` by default.
    **options
        For `Agave`, such as `use_nonce=True` or `verify=False`.

    Returns
    -------
    agavepy.agave.Agave

    Raises
    ------
    AgavepyUnavailable
        agavepy is not installed, or the server listens on a Unix socket only.
    ServerNotFound
        No server answers.

    Examples
    --------
    >>> ag = agavepy_client()
    >>> ag.actors.add(body={"image": "abacosamples/test"})
    """
    agave = _agave()
    server = _server(url, token, options)
    base = server.url.rstrip("/")
    resources = agave.load_resource(base)
    for api in resources["apis"]:
        if "basePath" in api.get("api_declaration", {}):
            api["api_declaration"]["basePath"] = base
    settings = {"api_server": f"{base}/", "token": server.token, "proxies": _proxies(base)}
    client = agave.Agave(**{**settings, **options, "resources": resources})
    # By this it decides whether an address gets the token; it compares names without ports.
    client.host = urlsplit(base).hostname
    client.refresh_aris()
    return client


def _server(url: str | None, token: str | None, options: Mapping[str, Any]) -> discover.Candidate:
    """Where to, and with which token; "none" where the server wants none, for agavepy does."""
    if url is not None and any(options.get(name) for name in _OWN_CREDENTIALS):
        return discover.Candidate(how="the url given", url=url, token=token or "")
    with Abaco(url, token) as found:
        server = found.found.server
    if server.uds is not None:
        raise AgavepyUnavailable(
            f"This server listens on the Unix socket {server.uds}, which agavepy cannot reach. "
            "Use Abaco(), or start the server on a port."
        )
    return replace(server, token=server.token or "none")


def _agave() -> Any:
    try:
        return import_module("agavepy.agave")
    except ImportError as error:
        raise AgavepyUnavailable(
            f"agavepy cannot be imported ({error}). Install it without its pins, which pip "
            f"cannot join with jupyter_server's: {INSTALL}"
        ) from error


def _proxies(url: str) -> dict[str, str]:
    """agavepy hands what the environment names to requests as an order, so that NO_PROXY has no
    effect; and no proxy reaches this machine's own loopback address."""
    host = urlsplit(url).hostname or ""
    return {} if host in _LOOPBACK or proxy_bypass(host) else getproxies()
