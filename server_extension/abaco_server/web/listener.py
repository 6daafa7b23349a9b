"""A port of its own for containers that talk back.

Jupyter listens on loopback, which containers do not reach, and refuses a request whose Host is
the address of the engine's bridge. So the service opens this port where containers can reach it:
it has `/actors/v2` and `/profiles/v2/me` and nothing of Jupyter's, and takes the tokens of
executions, and nonces, as Abaco's own containers may use those. No cookie and no other token
lets anybody in here.

The address is in the environment of containers that may outlive this server: its port is
remembered, and bound again by the next one.
"""

import logging
from dataclasses import replace
from errno import EADDRINUSE
from functools import partial
from pathlib import Path
from secrets import token_bytes
from socket import AF_INET, AF_INET6, create_server, socket
from typing import Any

from jupyter_server.auth import AllowAllAuthorizer, IdentityProvider, User
from jupyter_server.log import log_request
from tornado.httpserver import HTTPServer
from tornado.web import Application

from abaco_server.web.routes import for_containers
from abaco_server.web.served import SETTING, Web

log = logging.getLogger(__name__)

_BUFFER = 100 * 2**20
"""Of what is kept in memory; bodies come in pieces and have a limit of their own."""
_BACKLOG = 128


class _Nobody(IdentityProvider):
    """Knows nobody: Jupyter's tokens and cookies are nothing here."""

    def get_user(self, handler: Any) -> User | None:
        return None


class Listener:
    """Bound when it is made: whoever connects waits until there is a service to ask."""

    def __init__(self, bound: socket, url: str) -> None:
        self.url = url
        self._bound = bound
        self._server: HTTPServer | None = None

    @classmethod
    def bind(cls, address: str, port_file: Path) -> "Listener":
        """On the port of the last time if it is free, else on any. Raises OSError."""
        bound = _bind(address, _remembered(port_file))
        port = bound.getsockname()[1]
        port_file.write_text(f"{port}\n")
        shown = f"[{address}]" if ":" in address else address
        return cls(bound, f"http://{shown}:{port}")

    def serve(self, web: Web) -> None:
        """Answer from now on, by this service."""
        self._server = HTTPServer(
            Application(for_containers(), **_settings(web)),
            max_buffer_size=_BUFFER,
            max_body_size=max(_BUFFER, 2 * web.max_body),
        )
        self._server.add_socket(self._bound)

    async def close(self) -> None:
        """Also what is open of connections, after which nobody waits for an answer."""
        if self._server is None:
            self._bound.close()
            return
        self._server.stop()
        await self._server.close_all_connections()


def _settings(web: Web) -> dict[str, Any]:
    """What Jupyter's handlers look for in an application."""
    nobody = _Nobody(token="")
    return {
        SETTING: replace(web, narrow=True),
        "base_url": "/",
        "identity_provider": nobody,
        "authorizer": AllowAllAuthorizer(identity_provider=nobody),
        "cookie_secret": token_bytes(32),
        "xsrf_cookies": True,
        "allow_unauthenticated_access": False,
        # The Host is the bridge's address. A page that a browser was lured to has no token.
        "allow_remote_access": True,
        "log_function": partial(log_request, record_prometheus_metrics=False),
    }


def _bind(address: str, port: int) -> socket:
    family = AF_INET6 if ":" in address else AF_INET
    try:
        bound = create_server((address, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if not port or error.errno != EADDRINUSE:
            raise
        log.warning("%s: containers that run already have this address", error)
        return _bind(address, 0)
    bound.setblocking(False)
    return bound


def _remembered(port_file: Path) -> int:
    try:
        port = int(port_file.read_text())
    except (FileNotFoundError, ValueError):
        return 0
    return port if 0 < port < 2**16 else 0
