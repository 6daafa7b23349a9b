"""Permissions as clients see them (sections 4, 9 and 16)."""

import pytest
from test_envelope import is_failure

from abaco_jupyter.wire import ids

pytestmark = pytest.mark.asyncio

NO_ACCESS = "Not authorized -- you do not have access to this actor."
LEVELS = "('NONE', 'READ', 'EXECUTE', 'UPDATE')"


async def test_entries_are_a_mapping_in_an_envelope(place) -> None:
    path = f"/actors/v2/{await place.actor()}/permissions"
    answer = await place.api("GET", path)
    assert answer.status == 200
    assert answer.body == (
        b'{\n  "message": "Permissions retrieved successfully.",\n'
        b'  "result": {\n    "ada": "UPDATE"\n  },\n'
        b'  "status": "success",\n  "version": "1.9.1"\n}\n'
    )
    answer = await place.api("POST", path, {"user": "bob", "level": "READ"})
    assert answer.body == (
        b'{\n  "message": "Permission added successfully.",\n'
        b'  "result": {\n    "ada": "UPDATE",\n    "bob": "READ"\n  },\n'
        b'  "status": "success",\n  "version": "1.9.1"\n}\n'
    )


@pytest.mark.parametrize("level", ["NONE", "READ", "EXECUTE", "UPDATE"])
@pytest.mark.parametrize("user", ["bob", "a.b@example.org", "$x", "ABACO_WORLD", "à"])
async def test_any_user_at_any_level(place, user, level) -> None:
    path = f"/actors/v2/{await place.actor()}/permissions"
    for form in (False, True):
        body = f"user={user}&level={level}" if form else {"user": user, "level": level}
        kind = "application/x-www-form-urlencoded" if form else None
        answer = await place.api("POST", path, body, kind=kind)
        assert answer.result == {"ada": "UPDATE", user: level}
    assert (await place.api("GET", path)).result == {"ada": "UPDATE", user: level}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "Invalid permissions description: {'user': 'User owning the permission.'}"),
        (
            {"level": "READ", "user": None},
            "Invalid permissions description: {'user': 'User owning the permission.'}",
        ),
        (
            {"user": "bob"},
            f"Invalid permissions description: {{'level': \"Level of the permission: {LEVELS}\"}}",
        ),
        (
            {"user": "bob", "level": "FOO"},
            f"Invalid permission level: FOO.             The valid values are {LEVELS}",
        ),
        (
            {"user": "bob", "level": "read"},
            f"Invalid permission level: read.             The valid values are {LEVELS}",
        ),
        (
            {"user": "bob", "level": ["READ"]},
            f"Invalid permission level: ['READ'].             The valid values are {LEVELS}",
        ),
    ],
)
async def test_what_is_no_permission(place, body, text) -> None:
    actor_id = await place.actor()
    is_failure(await place.api("POST", f"/actors/v2/{actor_id}/permissions", body), 400, text)


@pytest.mark.parametrize("body", ["{", "[]", '"x"', "5"])
async def test_a_body_that_is_no_object(place, body) -> None:
    path = f"/actors/v2/{await place.actor()}/permissions"
    text = (
        "Invalid permissions description: Unable to process the JSON description.: 400 Bad "
        "Request: The browser (or proxy) sent a request that this server could not understand."
    )
    is_failure(await place.api("POST", path, body, kind="application/json"), 400, text)


async def test_nobodys_permissions(place) -> None:
    unknown = ids.new_id()
    for body in ({"user": "bob", "level": "READ"}, "{"):
        for method in ("GET", "POST"):
            answer = await place.api(
                method, f"/actors/v2/{unknown}/permissions", body, kind="application/json"
            )
            is_failure(answer, 404, f"No actor found with id: {unknown}.")
            answer = await place.api(method, "/actors/v2/nobody/permissions", body)
            is_failure(answer, 404, "Actor with identifier 'nobody' not found")


async def test_world_grants_the_level_that_is_given(place) -> None:
    """The reference grants everything to everybody, whatever the level (section 16)."""
    actor_id = await place.actor()
    path = f"/actors/v2/{actor_id}"
    grant = f"{path}/permissions"
    bob = place.as_user("bob")
    is_failure(await bob("GET", path), 400, NO_ACCESS)
    for level, may in (("NONE", 0), ("READ", 1), ("EXECUTE", 2), ("UPDATE", 3)):
        await place.api("POST", grant, {"user": "ABACO_WORLD", "level": level})
        tries = [
            await bob("GET", path),
            await bob("POST", f"{path}/messages", {"message": "m"}),
            await bob("POST", grant, {"user": "eve", "level": "NONE"}),
        ]
        assert [answer.status for answer in tries] == [200] * may + [400] * (3 - may)
        for refused in tries[may:]:
            is_failure(refused, 400, NO_ACCESS)


async def test_an_entry_of_none_takes_a_level_back(place) -> None:
    actor_id = await place.actor()
    path, bob = f"/actors/v2/{actor_id}", place.as_user("bob")
    for level, status, listed in (("UPDATE", 200, 1), ("NONE", 400, 0)):
        await place.api("POST", f"{path}/permissions", {"user": "bob", "level": level})
        assert (await bob("GET", path)).status == status
        assert len((await bob("GET", "/actors/v2")).result) == listed
