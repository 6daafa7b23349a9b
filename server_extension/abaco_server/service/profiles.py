"""Profiles of users, as far as this service knows any: TACC's guide asks for one to see that a
token is good, and `_links.owner` of an actor points to one."""

from dataclasses import dataclass

from abaco_jupyter.wire.errors import ProfileNotFound
from abaco_server.model.principal import Principal
from abaco_server.service.desk import Desk
from abaco_server.store import Connection, people


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    username: str


class Profiles:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def get(self, principal: Principal, username: str) -> Profile:
        """Of the caller, or of somebody who has something in the caller's tenant."""

        def read(conn: Connection) -> bool:
            return people.known(conn, principal.tenant, username)

        if username != principal.username and not await self._desk.store.read(read):
            raise ProfileNotFound(f"No profile found for the user {username}.")
        return Profile(username=username)
