"""Values that several actors share; secrets among them."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import quote

from abaco_jupyter.client.errors import absent
from abaco_jupyter.client.nouns.sharing import Permissions
from abaco_jupyter.client.transport import Transport
from abaco_jupyter.wire import paths
from abaco_jupyter.wire.errors import (
    ActorDoesNotExist,
    ActorNotFound,
    ConfigDoesNotExist,
    ConfigNotFound,
)

Record = dict[str, Any]


class Configs:
    """Named values. The containers of the actors that a config lists are given them."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def all(self) -> list[Record]:
        found: list[Record] = self._transport.call("GET", paths.CONFIGS)
        return found

    def create(
        self, name: str, value: str, *, actors: Iterable[str], secret: bool = False
    ) -> Record:
        """`actors` are ids or aliases. A secret's value is never shown again in clear."""
        wish = _body(name, value, actors, secret)
        with _no_actor(wish["actors"]):
            made: Record = self._transport.call("POST", paths.CONFIGS, json=wish)
        return made

    def get(self, name: str) -> Record:
        with _no_config(name):
            found: Record = self._transport.call("GET", _config(name))
        return found

    def replace(
        self, name: str, value: str, *, actors: Iterable[str], secret: bool = False
    ) -> Record:
        """All of it is given anew."""
        wish = _body(name, value, actors, secret)
        with _no_config(name), _no_actor(wish["actors"]):
            changed: Record = self._transport.call("PUT", _config(name), json=wish)
        return changed

    def delete(self, name: str) -> None:
        with _no_config(name):
            self._transport.call("DELETE", _config(name))

    def permissions(self, name: str) -> Permissions:
        return Permissions(self._transport, _config(name))


def _body(name: str, value: str, actors: Iterable[str], secret: bool) -> Record:
    return {"name": name, "value": value, "isSecret": secret, "actors": ",".join(actors)}


def _no_config(name: str) -> AbstractContextManager[None]:
    return absent(
        f"There is no config {name!r}. `abaco configs list` lists those you may see.",
        ConfigNotFound,
        ConfigDoesNotExist,
    )


def _no_actor(actors: str) -> AbstractContextManager[None]:
    which = f"one of the ids or aliases {actors}" if "," in actors else f"id or alias {actors!r}"
    return absent(
        f"No actor has {which}. `abaco list` lists those you may see.",
        ActorNotFound,
        ActorDoesNotExist,
    )


def _config(name: str) -> str:
    return paths.config(quote(name, safe=""))
