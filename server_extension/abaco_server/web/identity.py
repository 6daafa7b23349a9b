"""From Jupyter's user to a `Principal`.

On a plain notebook server each request with the token gets a *new* random user name, and a
password login names nobody either: there the one stable name is the owner's. Where Jupyter's
identity provider knows real people (JupyterHub, or one of the installation's own), they keep
their names, and the settings say which roles they have.
"""

import getpass
import os
from functools import cache
from typing import Any

from jupyter_server.auth import IdentityProvider, PasswordIdentityProvider

from abaco_server.model.principal import Principal
from abaco_server.model.roles import RoleBook

_NAMES_NOBODY: tuple[type, ...] = (IdentityProvider, PasswordIdentityProvider)


def names_people(provider: object) -> bool:
    """Whether this provider's user names are those of people.

    Subclasses count as naming people, except Jupyter's own of the same kind.
    """
    kind = type(provider)
    return kind not in _NAMES_NOBODY and not kind.__module__.startswith("jupyter_server.")


@cache
def owner() -> str:
    """Whose notebook server this is: the Hub's user, else the user of the operating system."""
    named = os.environ.get("JUPYTERHUB_USER")
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A user id without an account, as container platforms give them out.
        return f"uid-{os.getuid()}"


def principal(
    provider: object, user: Any, *, tenant: str, api_server: str, roles: RoleBook
) -> Principal:
    """`user` is a `jupyter_server.auth.User`, authenticated."""
    username = user.username if names_people(provider) else owner()
    hub_user = getattr(user, "hub_user", None)
    facts = hub_user if isinstance(hub_user, dict) else {}
    # The owner can read and change all that the server has: less than an admin they cannot be.
    # An admin of the Hub is one of ours where one server serves the whole Hub.
    admin = username == owner() or bool(facts.get("admin"))
    return Principal(
        username=username,
        tenant=tenant,
        roles=roles.roles(username, _groups(facts), admin=admin),
        api_server=api_server,
    )


def _groups(hub_user: dict[str, Any]) -> list[str]:
    """The Hub's groups of its user. A Hub that does not tell them has none, as far as we know."""
    groups = hub_user.get("groups")
    return [one for one in groups if isinstance(one, str)] if isinstance(groups, list) else []
