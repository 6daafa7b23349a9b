"""Permissions of actors, aliases and configs (abaco-api.md, section 9)."""

from functools import partial

from abaco_server.service.permissions import MALFORMED, Permissions
from abaco_server.web.base import AbacoHandler
from abaco_server.web.configs import NoNonces


class _PermissionsHandler(AbacoHandler):
    @property
    def permissions(self) -> Permissions:
        raise NotImplementedError

    async def get(self, name: str) -> None:
        entries = await self.permissions.all(self.principal, name)
        self.answer(entries, "Permissions retrieved successfully.")

    head = get

    async def post(self, name: str) -> None:
        permissions, principal = self.permissions, self.principal
        check = partial(permissions.check, principal, name)
        given = await self.fields_after(check, malformed=MALFORMED)
        entries = await permissions.set(principal, name, given)
        self.answer(entries, "Permission added successfully.")


class ActorPermissionsHandler(_PermissionsHandler):
    @property
    def permissions(self) -> Permissions:
        return self.service.permissions


class AliasPermissionsHandler(_PermissionsHandler):
    @property
    def permissions(self) -> Permissions:
        return self.service.alias_permissions


class ConfigPermissionsHandler(NoNonces, _PermissionsHandler):
    @property
    def permissions(self) -> Permissions:
        return self.service.config_permissions
