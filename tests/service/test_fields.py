"""Every text of section 6, and what each type takes."""

from collections.abc import Callable
from typing import Any

import pytest

from abaco_jupyter.wire.codes import Role
from abaco_jupyter.wire.errors import InvalidRequest, NotAuthorized
from abaco_server.model.principal import Principal
from abaco_server.service import fields

QUEUES = ("default", "special")
START = "Invalid actor description: "
UNPROCESSABLE = f"{START}Unable to process the JSON description.: 400 Bad Request: "


def parse(given: dict[str, Any], **options: Any) -> dict[str, Any]:
    return fields.parse({"image": "x", **given}, queues=QUEUES, **options)


HELP = {
    "stateless": "Whether the actor stores private state.",
    "privileged": "Whether this actor runs in privileged mode.",
    "useContainerUid": "Whether this actor runs as the UID set in the container image.",
    "token": "Whether this actor requires an OAuth access token.",
    "cronOn": "Whether cron is on or off",
    "maxWorkers": "How many workers this actor is allowed at the same time.",
    "maxCpus": "Maximum number of CPUs (nanoCPUs) this actor will have available to it.",
    "logEx": "Amount of time, in seconds, after which logs will expire",
    "memLimit": "maximum amount of memory this actor can use.",
    "defaultEnvironment": "A dictionary of default environmental variables and values.",
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stateless", "perhaps"),
        ("stateless", 0),
        ("stateless", 1),
        ("stateless", []),
        ("stateless", ""),
        ("privileged", "yes"),
        ("useContainerUid", {"a": 1}),
        ("token", "tRUTH"),
        ("cronOn", 2.5),
        ("maxWorkers", "many"),
        ("maxWorkers", [1]),
        ("maxWorkers", {"a": 1}),
        ("maxWorkers", float("inf")),
        ("maxWorkers", float("nan")),
        ("maxWorkers", 2**80),
        ("maxWorkers", -1),
        ("maxCpus", "1.5"),
        ("maxCpus", -2),
        ("logEx", "soon"),
        ("memLimit", "lots"),
        ("memLimit", "-5m"),
        ("defaultEnvironment", "A=1"),
        ("defaultEnvironment", ["A"]),
        ("defaultEnvironment", 5),
        ("defaultEnvironment", {"": "1"}),
        ("defaultEnvironment", {"A=B": "1"}),
        ("defaultEnvironment", {"A": "a\0b"}),
    ],
)
def test_a_value_of_the_wrong_type_is_answered_with_the_help_text(field: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse({field: value})
    assert str(refused.value) == f"{START}{ {field: HELP[field]} }"


def test_without_an_image() -> None:
    text = START + "{'image': 'Reference to image on docker hub for this actor.'}"
    for body in ({}, {"stateless": "perhaps"}, {"name": "n"}):
        with pytest.raises(InvalidRequest) as refused:
            fields.parse(body, queues=QUEUES)
        assert str(refused.value) == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            {"maxWorkers": 2, "stateless": False},
            START + "stateful actors can only have 1 worker.",
        ),
        ({"queue": "slow"}, UNPROCESSABLE + "Invalid queue name."),
        *(
            (
                {"hints": ["fine", f"a{character}"]},
                UNPROCESSABLE
                + "Hints must be simple stings or numbers, no lists or dicts. Error character: "
                + character,
            )
            for character in "\"'{}[]"
        ),
    ],
)
def test_values_that_do_not_go_together(body: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(body)
    assert str(refused.value) == text


@pytest.mark.parametrize(
    ("field", "value", "name", "parsed"),
    [
        ("stateless", "FALSE", "stateless", False),
        ("stateless", "0", "stateless", False),
        ("privileged", "True", "privileged", True),
        ("privileged", "1", "privileged", True),
        ("maxWorkers", "3", "max_workers", 3),
        ("maxWorkers", None, "max_workers", None),
        ("description", {"a": 1}, "description", "{'a': 1}"),
        ("description", 5, "description", "5"),
        ("description", None, "description", ""),
        ("description", "a\0b\ud800", "description", "ab?"),
        ("image", "", "image", ""),
        ("image", None, "image", ""),
        ("hints", "one", "hints", ("one",)),
        ("hints", ["a", 5, True], "hints", ("a", "5", "True")),
        ("hints", fields.Repeated(("a", "b")), "hints", ("a", "b")),
        ("description", fields.Repeated(("a", "b")), "description", "a"),
        ("memLimit", "200m", "mem_limit", "200m"),
        ("memLimit", "", "mem_limit", None),
        ("token", "true", "token", True),
        ("token", None, "token", None),
        ("defaultEnvironment", {"A": [1, None]}, "default_environment", {"A": [1, None]}),
    ],
)
def test_what_each_type_takes(field: str, value: Any, name: str, parsed: Any) -> None:
    assert parse({field: value})[name] == parsed


def test_defaults() -> None:
    values = parse({"default_environment": {"A": 1}, "status": "READY", "uid": 0, "mounts": []})
    assert values == {
        "name": None,
        "image": "x",
        "stateless": True,
        "type": "none",
        "link": "",
        "token": None,
        "webhook": "",
        "hints": (),
        "description": "",
        "privileged": False,
        "max_workers": None,
        "mem_limit": None,
        "max_cpus": None,
        "use_container_uid": False,
        "default_environment": {},
        "queue": "default",
        "log_ex": None,
        "cron_schedule": None,
        "cron_on": False,
    }
    assert "name" not in parse({"name": "other"}, put=True)


ROLE_TEXTS = [
    ("privileged", True, "make privileged actors."),
    ("privileged", "false", "make privileged actors."),
    ("maxWorkers", 2, "set max workers."),
    ("max_workers", 2, "set max workers."),
    ("maxCpus", 1, "set max CPUs."),
    ("max_cpus", 1, "set max CPUs."),
    ("memLimit", "1g", "set mem limit."),
    ("mem_limit", "1g", "set mem limit."),
    ("queue", "default", "set queue."),
    ("useContainerUid", True, "use container uid."),
    ("use_container_uid", True, "use container uid."),
]


@pytest.mark.parametrize(("field", "value", "what"), ROLE_TEXTS)
def test_fields_that_need_a_role(
    field: str, value: Any, what: str, person: Callable[..., Principal]
) -> None:
    with pytest.raises(NotAuthorized) as refused:
        fields.check_role(person("u"), {field: value})
    assert str(refused.value) == f"Not authorized -- only admins and privileged users can {what}"
    fields.check_role(person("p", Role.PRIVILEGED), {field: value})
    fields.check_role(person("a", Role.ADMIN), {field: value})


def test_a_field_that_is_not_true_needs_no_role(person: Callable[..., Principal]) -> None:
    fields.check_role(person("u"), {"privileged": False, "maxWorkers": 0, "queue": ""})


@pytest.mark.parametrize(
    ("value", "forced"), [("false", True), ("x", True), (True, True), ("", False), (False, False)]
)
def test_force_takes_any_text_for_true(value: Any, forced: bool) -> None:
    assert fields.force({"force": value}) is forced
