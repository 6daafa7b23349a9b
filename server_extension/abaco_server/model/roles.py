"""Who has which of Abaco's roles: the installation's settings, read once (section 2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from abaco_jupyter.wire.codes import Role
from abaco_jupyter.wire.errors import InvalidRequest

ROLES = {
    "admin": Role.ADMIN,
    "privileged": Role.PRIVILEGED,
    "user": Role.USER,
    "limited": Role.LIMITED,
}
"""Roles as people name them: in settings and on the command line."""

GROUP = "group:"
"""Stands before the name of a Hub's group; without it a name is a user's."""


def role(name: str) -> Role:
    """`admin` -> Role.ADMIN; Abaco's own spelling is understood too."""
    found = ROLES.get(name) or next((one for one in Role if one == name), None)
    if found is None:
        raise InvalidRequest(f"There is no role {name!r}; the roles are {', '.join(ROLES)}.")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleBook:
    """Roles by user and by group."""

    users: Mapping[str, frozenset[str]] = field(default_factory=dict)
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    default: frozenset[str] = frozenset({Role.USER.value})
    """Roles of everybody who is not named; none means that they may nothing."""

    @classmethod
    def read(cls, given: Mapping[str, Iterable[str]], default: str) -> "RoleBook":
        """From the settings: names by role. Raises InvalidRequest for a role there is not."""
        users: dict[str, frozenset[str]] = {}
        groups: dict[str, frozenset[str]] = {}
        for role_name, people in given.items():
            one = frozenset({role(role_name).value})
            for name in people:
                book = groups if name.startswith(GROUP) else users
                key = name.removeprefix(GROUP)
                book[key] = book.get(key, frozenset()) | one
        default_role = frozenset({role(default).value} if default else ())
        return cls(users=users, groups=groups, default=default_role)

    def roles(self, username: str, groups: Iterable[str], *, admin: bool = False) -> frozenset[str]:
        """Those of the user and of all groups together; `admin` beside them."""
        found = {Role.ADMIN.value} if admin else set()
        found |= self.users.get(username, frozenset())
        for group in groups:
            found |= self.groups.get(group, frozenset())
        return frozenset(found) or self.default
