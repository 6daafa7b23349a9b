"""From Jupyter's user to a `Principal`.

On a plain notebook server each request with the token gets a *new* random user name, and a
password login names nobody either: there the one stable name is the owner's. Where Jupyter's
identity provider knows real people (JupyterHub, or one of the installation's own), they keep
their names.
"""

import getpass
import os
from functools import cache
from typing import Any

from jupyter_server.auth import IdentityProvider, PasswordIdentityProvider

from abaco_jupyter.wire.codes import Role
from abaco_server.model.principal import Principal

ADMIN = frozenset({Role.ADMIN.value})
USER = frozenset({Role.USER.value})

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


def principal(provider: object, user: Any, *, tenant: str, api_server: str) -> Principal:
    """`user` is a `jupyter_server.auth.User`, authenticated."""
    username = user.username if names_people(provider) else owner()
    return Principal(
        username=username,
        tenant=tenant,
        roles=ADMIN if username == owner() or _is_hub_admin(user) else USER,
        api_server=api_server,
    )


def _is_hub_admin(user: Any) -> bool:
    """JupyterHub's own word; it matters where one server serves a whole hub."""
    hub_user = getattr(user, "hub_user", None)
    return bool(hub_user.get("admin")) if isinstance(hub_user, dict) else False
