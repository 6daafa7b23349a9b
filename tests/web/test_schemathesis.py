"""What schemathesis makes of the OpenAPI document, asked of a running server.

Each operation is asked with what its schema allows and with what it does not, once with the
names of things that are there and once with any names at all. No answer may be a 500 or one that
the document does not describe: status, content type, headers and body are compared with it.

What is sent is the same each time. The parts behind the service are those of `conftest.py`: no
image is built, no container started, no webhook posted.
"""

import itertools
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import schemathesis
import yaml
from hypothesis import reject
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks

from abaco_jupyter.wire import ids
from abaco_jupyter.wire.codes import EventType, ExecutionStatus, WorkerStatus
from abaco_server.model.delivery import Delivery
from abaco_server.model.worker import Worker
from abaco_server.store import deliveries, executions, results, workers
from abaco_server.web.description import document

CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.unsupported_method,
]
"""Without `ignored_auth`, which knows no refusal but 401 and 403, where Abaco answers 400
(test_envelope). Without `positive_data_acceptance`: whether a queue, a time or an actor is known,
no schema says. `negative_data_rejection` is asked of `CLOSED` only: under /actors/v2 an unknown
field is ignored and text is made of any value, as Abaco's clients have learnt to expect."""

CLOSED = ("/abaco/v1/builds", "/abaco/v1/actors/{actor_id}/schedules")
"""Paths whose bodies the server takes at their word."""

ALIAS = "/actors/v2/aliases/{alias}"

EXAMPLES = 10
"""Of each operation, beside those that try each keyword of its schema once."""

PHASES = ("examples", "coverage", "fuzzing")

SCHEMA = schemathesis.openapi.from_dict(
    yaml.safe_load(document()),
    config=SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "generation": {"deterministic": True, "max-examples": EXAMPLES},
            "phases": {phase: {"extra-data-sources": {"responses": False}} for phase in PHASES},
        }
    ),
).exclude(
    path=[
        "/abaco/v1/actors/{actor_id}/stream",
        "/abaco/v1/actors/{actor_id}/calls",
        "/abaco/v1/events",
    ]
)
"""All but what has no end (test_batches, test_calls, test_event_stream)."""

_RESULT = "/abaco/v1/actors/{actor_id}/executions/{execution_id}/results/{number}"
_SPECIAL = {
    ("execution_id", f"GET {_RESULT}"): "answered_id",
    ("execution_id", "DELETE /actors/v2/{actor_id}/executions/{execution_id}"): "running_id",
    ("nonce_id", f"GET {ALIAS}/nonces/{{nonce_id}}"): "alias_nonce_id",
    ("nonce_id", f"DELETE {ALIAS}/nonces/{{nonce_id}}"): "alias_nonce_id",
}
"""Where a parameter of the same name means something else."""

NAMED = SCHEMA.include(path_regex="{")
"""Operations on one thing, which may not be there."""


@schemathesis.serializer("application/msgpack")
def as_msgpack(_: Any, value: Any) -> bytes:
    """What msgpack has no number for is sent as text that is none."""
    try:
        return msgspec.msgpack.encode(value)
    except (OverflowError, TypeError):
        return repr(value).encode()


class World:
    """One thing of each kind, made again when a request may have removed it."""

    def __init__(self, standing) -> None:
        self._standing = standing
        self._names: dict[str, str] = {}
        self.answers: dict[str, set[int]] = {}
        """Statuses by operation."""
        self._aliases = (f"alias{number}" for number in itertools.count())

    def name(self, parameter: str, label: str, otherwise: str = "") -> str:
        """What stands for the parameter of a path in an operation."""
        if not self._names:
            self._names = self._standing.run(self._make())
        special = _SPECIAL.get((parameter, label), parameter)
        return self._names.get(special, otherwise)

    def forget(self) -> None:
        self._names = {}

    async def _make(self) -> dict[str, str]:
        place, alias = self._standing.place, next(self._aliases)
        actor_id = await place.actor(stateless=False, hints=["a"], defaultEnvironment={"a": 1})
        execution_id, running_id, answered_id = [await place.execution(actor_id) for _ in range(3)]

        async def post(path: str, body: Any) -> str:
            answer = await place.api("POST", path, body)
            assert answer.status == 200, answer.body
            found: str = answer.result.get("id", "")
            return found

        await post("/actors/v2/aliases", {"alias": alias, "actorId": actor_id})
        config = {"name": alias, "value": "v", "isSecret": True, "actors": actor_id}
        await post("/actors/v2/configs", config)
        await post("/clients/v2", {"clientName": alias})
        worker_id = ids.new_id()
        await place.service.desk.store.write(
            lambda conn: _fill(conn, place.clock.now(), actor_id, execution_id, worker_id)
        )
        await place.service.desk.store.write(
            lambda conn: executions.start(conn, running_id, place.clock.now())
        )
        expires = place.clock.now() + timedelta(hours=1)
        await place.service.desk.store.write(
            lambda conn: results.add(conn, answered_id, "0", b"an answer", expires)
        )
        schedules = f"/abaco/v1/actors/{actor_id}/schedules"
        return {
            "actor_id": actor_id,
            "alias": alias,
            "config": alias,
            "client": alias,
            "username": "ada",
            "execution_id": execution_id,
            "worker_id": worker_id,
            "running_id": running_id,
            "answered_id": answered_id,
            "number": "0",
            "nonce_id": await post(f"/actors/v2/{actor_id}/nonces", {}),
            "alias_nonce_id": await post(f"/actors/v2/aliases/{alias}/nonces", {}),
            "schedule_id": await post(schedules, {"cron": "0 6 * * *", "message": {"a": 1}}),
            "build_id": await post("/abaco/v1/builds", {"source": "pass"}),
        }


def _fill(conn: Any, now: Any, actor_id: str, execution_id: str, worker_id: str) -> None:
    """What only the machinery behind the service writes."""
    worker = Worker(
        id=worker_id,
        actor_id=actor_id,
        tenant="DEV",
        status=WorkerStatus.READY,
        create_time=now,
        image="x",
        location="unix://var/run/docker.sock",
        host_id="0",
        host_ip="127.0.0.1",
        last_health_check_time=now,
    )
    workers.insert(conn, worker)
    executions.set_worker(conn, execution_id, worker_id)
    executions.start(conn, execution_id, now)
    executions.end(
        conn,
        execution_id,
        status=ExecutionStatus.COMPLETE,
        finish_time=now,
        runtime=3,
        exit_code=0,
        final_state={"Status": "exited"},
    )
    delivery = Delivery(
        id=ids.new_id(),
        actor_id=actor_id,
        tenant="DEV",
        event_type=EventType.ACTOR_READY,
        url="http://localhost/",
        payload={"event_type": "ACTOR_READY"},
        create_time=now,
        next_time=now,
    )
    deliveries.insert(conn, delivery)


@pytest.fixture(scope="module")
def world(standing) -> World:
    return World(standing)


@pytest.mark.parametrize("there", [True], ids=["there"])
@SCHEMA.parametrize()
def test_every_answer_is_as_described(case, standing, world: World, there: bool) -> None:
    check(case, standing, world, there)


@pytest.mark.parametrize("there", [False], ids=["any"])
@NAMED.parametrize()
def test_every_answer_is_as_described_whatever_the_name(
    case, standing, world: World, there: bool
) -> None:
    check(case, standing, world, there)


def test_each_operation_has_been_seen_to_succeed(world: World) -> None:
    """Else its answer has not been looked at."""
    never = {name for name, answers in world.answers.items() if 200 not in answers}
    # They take a client's secret (test_oauth), and a body of that digest (test_payloads).
    assert never <= {"POST /token", "PUT /abaco/v1/payloads/{digest}"}, sorted(never)


_WORDS = {"admin", "aliases", "configs", "search", "utilization", "openapi.yaml"}
"""Paths of their own where an actor's id would stand."""


def check(case, standing, world: World, there: bool) -> None:
    if not there and _WORDS.intersection(map(str, case.path_parameters.values())):
        reject()
    if there:
        case.path_parameters = {
            name: world.name(name, case.operation.label, value)
            for name, value in case.path_parameters.items()
        }
        for field in ("actorId", "actors"):
            if isinstance(case.body, dict) and isinstance(case.body.get(field), str):
                case.body[field] = world.name("actor_id", case.operation.label)
    if case.query and str(case.query.get("_abaco_synchronous")).lower() == "true":
        del case.query["_abaco_synchronous"]  # Nothing runs here: it would wait for ever.
    api = standing.place.api
    response = case.call(base_url=api.root, headers={"Authorization": f"token {api.token}"})
    takes_away = case.method == "DELETE" or (case.method, case.path) == ("PUT", ALIAS)
    if takes_away and response.status_code == 200:
        world.forget()
    if case.method.upper() == case.operation.method.upper():  # It tries all other methods too.
        world.answers.setdefault(case.operation.label, set()).add(response.status_code)
    closed = [checks.negative_data_rejection] if case.path in CLOSED else []
    case.validate_response(response, checks=CHECKS + closed)
