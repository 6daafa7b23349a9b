"""The OpenAPI document says what the server does: no less, no more."""

import re
from typing import Any

import pytest
import yaml
from openapi_spec_validator import validate

from abaco_jupyter.wire import codes, errors
from abaco_jupyter.wire.envelope import VERSION
from abaco_server.model import decision
from abaco_server.service import fields, schedules
from abaco_server.web.base import NoEndpoint
from abaco_server.web.description import document
from abaco_server.web.routes import TABLE

DOCUMENT: dict[str, Any] = yaml.safe_load(document())
METHODS = ("get", "post", "put", "patch", "delete")
HERE = "server_extension/abaco_server/web/openapi.yaml"


def routes() -> dict[str, set[str]]:
    """Methods by path; `{}` stands for a part that is an id or a name."""
    found = {}
    for pattern, handler in TABLE:
        if issubclass(handler, NoEndpoint):
            continue
        has = {
            method
            for method in (*METHODS, "head")
            for kind in handler.__mro__
            if kind.__module__.startswith("abaco_server.") and method in vars(kind)
        }
        found[re.sub(r"\([^)]*\)", "{}", pattern)] = has
    return found


def operations() -> dict[str, dict[str, Any]]:
    """Operations by method by path, as the document has them."""
    return {
        re.sub(r"{\w+}", "{}", path): {m: item[m] for m in METHODS if m in item}
        for path, item in DOCUMENT["paths"].items()
    }


def test_the_document_is_valid() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["info"]["version"] == VERSION


def test_every_route_and_method_is_in_the_document_and_no_other() -> None:
    served = {path: has - {"head"} for path, has in routes().items()}
    told = {path: set(item) for path, item in operations().items()}
    wrong = [
        f"{path}: served {sorted(served.get(path, ()))}, described {sorted(told.get(path, ()))}"
        for path in sorted(served.keys() | told.keys())
        if served.get(path) != told.get(path)
    ]
    assert not wrong, "\n".join(
        [f"{HERE} and web/routes.py differ. Write the path item of a new route:", *wrong]
    )


def test_head_is_there_unless_the_document_says_no() -> None:
    for path, item in operations().items():
        expected = "get" in item and item["get"].get("x-head", True)
        assert ("head" in routes()[path]) is expected, f"{path}: x-head in {HERE}"


def test_every_part_of_a_path_has_its_parameter() -> None:
    for path, item in DOCUMENT["paths"].items():
        given = [resolved(one) for one in item.get("parameters", ())]
        assert re.findall(r"{(\w+)}", path) == [one["name"] for one in given], path
        assert all(one["in"] == "path" and one["required"] for one in given), path


def test_a_nonce_is_a_credential_where_the_path_begins_with_its_subject() -> None:
    for path in DOCUMENT["paths"]:
        subject = re.findall(r"{(\w+)}", path)[:1] in (["actor_id"], ["alias"])
        for method, operation in operations()[re.sub(r"{\w+}", "{}", path)].items():
            schemes = operation.get("security", DOCUMENT["security"])
            taken = subject and not path.endswith("/calls")  # test_calls: a nonce opens none
            assert ({"nonce": []} in schemes) is taken, (method, path)


def test_operations_have_names_of_their_own() -> None:
    names = [one["operationId"] for item in operations().values() for one in item.values()]
    assert len(names) == len(set(names))


def test_every_answer_that_is_described_is_one_that_is_given() -> None:
    for path, item in operations().items():
        for method, operation in item.items():
            answers = set(operation["responses"])
            if path != "/actors/v2/openapi.yaml":
                assert {"400", "503"} <= answers <= {"200", "400", "401", "404", "503"}, (
                    method,
                    path,
                )


def test_every_component_is_used() -> None:
    text = document().decode()
    for kind, components in DOCUMENT["components"].items():
        for name in components:
            if kind != "securitySchemes":
                assert f'"#/components/{kind}/{name}"' in text, name


def resolved(reference: dict[str, Any]) -> dict[str, Any]:
    found = DOCUMENT
    for part in reference.get("$ref", "#").split("/")[1:]:
        found = found[part]
    return found if "$ref" in reference else reference


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][name]
    return found


@pytest.mark.parametrize(
    ("described", "known"),
    [
        (schema("ErrorCode")["enum"], errors._BY_CODE),
        (schema("Level")["enum"], codes.Level),
        (schema("Actor")["properties"]["status"]["enum"], codes.ActorStatus),
        (schema("ExecutionStatus")["enum"], codes.ExecutionStatus),
        (schema("WorkerStatus")["enum"], codes.WorkerStatus),
        (schema("BuildStatus")["enum"], codes.BuildStatus),
        (schema("Delivery")["properties"]["status"]["enum"], codes.DeliveryStatus),
        (schema("Delivery")["properties"]["eventType"]["enum"], codes.EventType),
        (schema("Decision")["properties"]["rule"]["enum"], decision.Rule),
        (schema("Decision")["properties"]["action"]["enum"], decision.Action),
        (schema("ScheduleDescription")["properties"], schedules.KNOWN),
        (
            schema("ActorDescription")["properties"],
            [*(field.wire for field in fields.TABLE), "force"],
        ),
    ],
)
def test_closed_sets_are_those_of_the_code(described: Any, known: Any) -> None:
    assert sorted(described) == sorted(known), f"{HERE} has another list than the code"


@pytest.mark.asyncio
async def test_it_is_served_to_whoever_reaches_the_server(place) -> None:
    path = "/actors/v2/openapi.yaml"
    for token in (None, "wrong", place.api.token):
        answer = await place.api("GET", path, token=token)
        assert (answer.status, answer.body) == (200, document())
        assert answer.headers["Content-Type"] == "application/yaml"
    assert (await place.api("HEAD", path, token=None)).status == 200
    for method in ("POST", "PUT", "DELETE"):
        assert (await place.api(method, path, token=None)).status == 400
        assert (await place.api(method, path)).status == 405


@pytest.mark.asyncio
async def test_it_is_there_before_the_service_and_not_for_a_foreign_host(place) -> None:
    place.change(ready=False, service=None)
    assert (await place.api("GET", "/actors/v2/openapi.yaml", token=None)).status == 200
    foreign = {"Host": "rebound.example"}
    place.app.settings["allow_remote_access"] = False
    answer = await place.api("GET", "/actors/v2/openapi.yaml", token=None, headers=foreign)
    assert answer.status == 403
    assert answer.json["status"] == "error"


@pytest.mark.asyncio
async def test_the_path_wins_over_an_alias_of_that_name(place) -> None:
    """As all fixed paths do; below it the alias still works."""
    actor_id = await place.actor()
    alias = {"alias": "openapi.yaml", "actorId": actor_id}
    assert (await place.api("POST", "/actors/v2/aliases", alias)).status == 200
    assert (await place.api("GET", "/actors/v2/openapi.yaml")).body == document()
    below = await place.api("GET", "/actors/v2/openapi.yaml/state")
    assert below.result == {"state": {}}
