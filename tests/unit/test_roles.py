"""Roles by settings: who is named, by name or by group, and everybody else."""

import pytest
from traitlets.config import Config

from abaco_jupyter.wire.codes import Role
from abaco_jupyter.wire.errors import InvalidRequest
from abaco_server.app import AbacoApp
from abaco_server.model.roles import ROLES, RoleBook, role

GIVEN = {"admin": ["ann", "group:staff"], "privileged": ["ann"], "limited": ["group:guests"]}
NO_ROLE = "There is no role 'boss'; the roles are admin, privileged, user, limited."


@pytest.mark.parametrize(
    ("username", "groups", "expected"),
    [
        ("ann", [], {Role.ADMIN, Role.PRIVILEGED}),
        ("ann", ["guests"], {Role.ADMIN, Role.PRIVILEGED, Role.LIMITED}),
        ("bob", ["staff"], {Role.ADMIN}),
        ("bob", ["guests", "crew"], {Role.LIMITED}),
        ("bob", ["ann"], {Role.USER}),
        ("staff", [], {Role.USER}),
        ("group:staff", [], {Role.USER}),
        ("bob", [], {Role.USER}),
    ],
)
def test_all_that_name_somebody_count_together(username, groups, expected) -> None:
    assert RoleBook.read(GIVEN, "user").roles(username, groups) == expected


def test_who_is_not_named_has_the_default_or_nothing() -> None:
    assert RoleBook.read(GIVEN, "").roles("bob", ["crew"]) == frozenset()
    assert RoleBook.read({}, "limited").roles("bob", []) == {Role.LIMITED}
    assert RoleBook().roles("bob", []) == {Role.USER}
    assert RoleBook.read(GIVEN, "").roles("bob", [], admin=True) == {Role.ADMIN}


def test_roles_by_name() -> None:
    assert [role(name) for name in ROLES] == list(ROLES.values())
    assert role("Internal/abaco-admin") is Role.ADMIN
    with pytest.raises(InvalidRequest) as error:
        role("boss")
    assert str(error.value) == NO_ROLE


@pytest.mark.parametrize(
    ("trait", "value"), [("roles", {"user": ["a"], "boss": ["b"]}), ("default_role", "boss")]
)
def test_a_role_there_is_not_is_refused_at_the_start(trait, value) -> None:
    with pytest.raises(ValueError, match="the roles are") as error:
        AbacoApp(config=Config({"AbacoApp": {trait: value}}))
    assert str(error.value) == f"AbacoApp.{trait}: {NO_ROLE}"


def test_settings_that_can_be_read() -> None:
    app = AbacoApp(config=Config({"AbacoApp": {"roles": GIVEN, "default_role": ""}}))
    assert (app.roles, app.default_role) == (GIVEN, "")
