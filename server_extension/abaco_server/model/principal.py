"""Who is asking."""

from dataclasses import dataclass

from abaco_jupyter.wire.codes import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    username: str
    tenant: str
    roles: frozenset[str]
    api_server: str
    """Base URL at which this principal's request reached us: `_links` are built from it."""

    only_actor: str | None = None
    """The one actor that this principal may ask about; None: whatever its permissions say."""

    @property
    def is_admin(self) -> bool:
        return Role.ADMIN in self.roles

    @property
    def is_privileged(self) -> bool:
        return self.is_admin or Role.PRIVILEGED in self.roles
