"""Who is asking: one owner on a plain server, real people under JupyterHub."""

import pytest
from jupyter_server.auth import IdentityProvider, PasswordIdentityProvider, User

from abaco_jupyter.wire.codes import Role
from abaco_server.model.roles import RoleBook
from abaco_server.web import identity

ADMIN, USER = frozenset({Role.ADMIN}), frozenset({Role.USER})
PLAIN = RoleBook()


class JupyterHubIdentityProvider(IdentityProvider):
    """Stands for `jupyterhub.singleuser.extension`'s class of this name."""


class HubUser(User):
    hub_user: dict


def principal(provider, user, roles: RoleBook = PLAIN):
    return identity.principal(provider, user, tenant="T", api_server="http://s", roles=roles)


@pytest.mark.parametrize("provider", [IdentityProvider, PasswordIdentityProvider])
def test_a_plain_server_has_one_owner(provider, owner) -> None:
    for name in ("4f3c", "a9b8"):
        found = principal(provider(token="t"), User(username=name))
        assert (found.username, found.roles) == ("ada", ADMIN)
        assert (found.tenant, found.api_server) == ("T", "http://s")


def test_without_a_hub_the_owner_is_the_user_of_the_system(monkeypatch) -> None:
    monkeypatch.delenv("JUPYTERHUB_USER")
    monkeypatch.setattr(identity.getpass, "getuser", lambda: "sys")
    identity.owner.cache_clear()
    assert identity.owner() == "sys"


def test_a_user_id_without_an_account_has_a_name(monkeypatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.delenv("JUPYTERHUB_USER")
    monkeypatch.setattr(identity.getpass, "getuser", nobody)
    monkeypatch.setattr(identity.os, "getuid", lambda: 1234)
    identity.owner.cache_clear()
    assert identity.owner() == "uid-1234"


def test_people_of_a_hub_keep_their_names() -> None:
    provider = JupyterHubIdentityProvider(token="t")
    assert principal(provider, User(username="ada")).roles == ADMIN
    bob = principal(provider, User(username="bob"))
    assert (bob.username, bob.roles) == ("bob", USER)


def test_an_admin_of_the_hub_is_one_of_ours() -> None:
    user = HubUser(username="root")
    user.hub_user = {"name": "root", "admin": True}
    assert principal(JupyterHubIdentityProvider(token="t"), user).roles == ADMIN
    user.hub_user = {"name": "root", "admin": False}
    assert principal(JupyterHubIdentityProvider(token="t"), user).roles == USER


@pytest.mark.parametrize("groups", [None, [], ["crew"], ["crew", "staff"], "staff", [{"a": 1}]])
def test_groups_of_the_hub_give_roles(groups) -> None:
    book = RoleBook.read({"admin": ["group:staff"], "privileged": ["group:crew", "bob"]}, "limited")
    user = HubUser(username="eve")
    user.hub_user = {"name": "eve", "admin": False, "groups": groups}
    given = groups if isinstance(groups, list) else []
    roles = {Role.ADMIN} if "staff" in given else set()
    roles |= {Role.PRIVILEGED} if "crew" in given else set()
    found = principal(JupyterHubIdentityProvider(token="t"), user, book)
    assert found.roles == (roles or {Role.LIMITED})


def test_the_owner_stays_an_admin_whatever_the_settings_say(owner) -> None:
    book = RoleBook.read({"limited": [owner]}, "")
    provider = JupyterHubIdentityProvider(token="t")
    assert Role.ADMIN in principal(provider, User(username=owner), book).roles
    assert principal(provider, User(username="bob"), book).roles == frozenset()
