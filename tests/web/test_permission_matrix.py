"""Who may do what: every endpoint x every level x every role, asked of a running server.

`MATRIX` is section 4 of abaco-api.md as data; the test asks each of its cells, and a failure
lists all that differ. `python tests/web/test_permission_matrix.py`
prints the table. A route that is not in it fails `test_no_endpoint_is_forgotten`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from abaco_jupyter.wire.codes import Level, Role
from abaco_server.store import permissions
from abaco_server.web import identity
from abaco_server.web.base import NoEndpoint
from abaco_server.web.routes import TABLE

ANYBODY, ADMINS = "anybody", "admins"

NO_ACTOR = "Not authorized -- you do not have access to this actor."
NO_ALIAS = "Not authorized -- you do not have access to this alias."
NO_CONFIG = "You do not have sufficient access to this actor config."
NO_BOTH = "Not authorized -- you do not have access to this alias and actor."
NO_TARGET = (
    "Not authorized -- you do not have UPDATE access to the actor you want to associate with "
    "this alias."
)
HIS = "/actors/v2/{actor}"
ALIAS = "/actors/v2/aliases/{alias}"
CONFIG = "/actors/v2/configs/{config}"
SCHEDULES = "/abaco/v1/actors/{actor}/schedules"
VALUE = {"name": "another", "value": "v", "isSecret": True, "actors": "{actor}"}
PERMISSION = {"user": "eve", "level": "NONE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """An endpoint and the least level that it needs, on the actor, the alias and the config."""

    method: str
    path: str
    actor: Level | str = ANYBODY
    alias: Level | str = ANYBODY
    config: Level | str = ANYBODY
    refusal: str = NO_ACTOR
    body: object = None

    @property
    def name(self) -> str:
        return f"{self.method} {self.path.replace('/actors/v2', '') or '/'}"


def on_actor(needed: Level | str, method: str, path: str = "", body: object = None) -> Cell:
    return Cell(method=method, path=HIS + path, actor=needed, body=body)


def on_alias(needed: Level, method: str, path: str = "", **fields: object) -> Cell:
    given = {"method": method, "path": ALIAS + path, "alias": needed, "refusal": NO_ALIAS}
    return Cell(**given | fields)  # type: ignore[arg-type]


def on_both(needed: Level, method: str, path: str = "") -> Cell:
    return on_alias(needed, method, path, actor=needed, refusal=NO_BOTH)


def on_config(needed: Level, method: str, path: str = "", body: object = None) -> Cell:
    return Cell(method=method, path=CONFIG + path, config=needed, refusal=NO_CONFIG, body=body)


def for_admins(path: str) -> Cell:
    return Cell(method="GET", path=path, actor=ADMINS, refusal="Abaco Admin role required.")


READ, EXECUTE, UPDATE = Level.READ, Level.EXECUTE, Level.UPDATE

MATRIX = (
    Cell(method="GET", path="/actors/v2"),
    Cell(method="POST", path="/actors/v2", body={"image": "x"}),
    Cell(method="GET", path="/actors/v2/openapi.yaml"),
    Cell(method="GET", path="/actors/v2/aliases"),
    Cell(method="GET", path="/actors/v2/search/{kind}"),
    Cell(method="GET", path="/actors/v2/utilization"),
    for_admins("/actors/v2/admin"),
    for_admins("/actors/v2/admin/workers"),
    for_admins("/actors/v2/admin/executions"),
    on_actor(READ, "GET"),
    on_actor(READ, "GET", "/state"),
    on_actor(READ, "GET", "/messages"),
    on_actor(READ, "GET", "/workers"),
    on_actor(READ, "GET", "/workers/{worker}"),
    Cell(
        method="POST",
        path=HIS + "/workers",
        actor=ADMINS,
        body={"num": 1},
        refusal="Not authorized -- only admins are authorized to update workers.",
    ),
    on_actor(UPDATE, "DELETE", "/workers/{worker}"),
    on_actor(READ, "GET", "/executions"),
    on_actor(READ, "GET", "/executions/{execution}"),
    on_actor(READ, "GET", "/executions/{execution}/logs"),
    on_actor(READ, "GET", "/executions/{execution}/results"),
    on_actor(READ, "GET", "/permissions"),
    on_actor(READ, "GET", "/nonces"),
    on_actor(READ, "GET", "/nonces/{nonce}"),
    on_actor(EXECUTE, "POST", "/messages", {"message": "m"}),
    on_actor(UPDATE, "POST", "/state", {"a": 1}),
    on_actor(UPDATE, "POST", "/executions", {"runtime": 1, "cpu": 1, "io": 1}),
    on_actor(UPDATE, "POST", "/permissions", PERMISSION),
    on_actor(UPDATE, "POST", "/nonces"),
    on_actor(UPDATE, "DELETE", "/nonces/{nonce}"),
    on_actor(UPDATE, "DELETE", "/executions/{execution}"),
    on_actor(UPDATE, "DELETE", "/messages"),
    on_actor(UPDATE, "PUT", "", {"image": "x", "stateless": False}),
    on_actor(UPDATE, "DELETE"),
    on_alias(READ, "GET"),
    on_alias(READ, "GET", "/permissions"),
    on_alias(UPDATE, "POST", "/permissions", body=PERMISSION),
    on_alias(UPDATE, "PUT", body={"actorId": "{actor}"}, actor=UPDATE),
    on_alias(UPDATE, "DELETE"),
    on_both(READ, "GET", "/nonces"),
    on_both(READ, "GET", "/nonces/{nonce}"),
    on_both(UPDATE, "POST", "/nonces"),
    on_both(UPDATE, "DELETE", "/nonces/{nonce}"),
    Cell(
        method="POST",
        path="/actors/v2/aliases",
        actor=UPDATE,
        body={"alias": "another", "actorId": "{actor}"},
        refusal="Not authorized -- you do not have access to {actor}.",
    ),
    Cell(method="GET", path="/actors/v2/configs"),
    Cell(method="POST", path="/actors/v2/configs", body=VALUE),
    on_config(READ, "GET"),
    on_config(READ, "GET", "/permissions"),
    on_config(UPDATE, "POST", "/permissions", PERMISSION),
    on_config(UPDATE, "PUT", body=VALUE),
    on_config(UPDATE, "DELETE"),
    Cell(method="GET", path="/clients/v2"),
    Cell(method="POST", path="/clients/v2", body={"clientName": "c"}),
    Cell(method="GET", path="/clients/v2/x"),
    Cell(method="DELETE", path="/clients/v2/x"),
    Cell(method="GET", path="/clients/v2/x/subscriptions"),
    Cell(method="GET", path="/profiles/v2/me"),
    Cell(method="GET", path="/profiles/v2/x"),
    Cell(method="GET", path="/abaco/v1/status"),
    for_admins("/abaco/v1/metrics"),
    Cell(method="GET", path="/abaco/v1/actors/{actor}/executions", actor=READ),
    Cell(
        method="POST",
        path="/abaco/v1/actors/{actor}/executions",
        actor=READ,
        body={"executions": ["{execution}"]},
    ),
    Cell(
        method="GET", path="/abaco/v1/actors/{actor}/executions/{execution}/results/x", actor=READ
    ),
    Cell(method="POST", path="/abaco/v1/actors/{actor}/messages/batch", actor=EXECUTE, body=["m"]),
    Cell(
        method="POST",
        path="/abaco/v1/actors/{actor}/messages/cancel",
        actor=UPDATE,
        body={"executions": ["nobody"]},
    ),
    Cell(method="GET", path="/abaco/v1/actors/{actor}/decisions", actor=READ),
    Cell(method="GET", path="/abaco/v1/actors/{actor}/deliveries", actor=READ),
    Cell(method="GET", path=SCHEDULES, actor=READ),
    Cell(method="POST", path=SCHEDULES, actor=UPDATE, body={"cron": "0 6 * * *", "message": "m"}),
    # No schedule has an execution's id: whoever may look is told so.
    Cell(method="GET", path=SCHEDULES + "/{execution}", actor=READ),
    Cell(method="DELETE", path=SCHEDULES + "/{execution}", actor=UPDATE),
)

ASKED_ELSEWHERE = {
    "/token",
    "/abaco/v1/payloads/x",
    "/abaco/v1/builds",
    "/abaco/v1/builds/plan",
    "/abaco/v1/builds/x",
    "/abaco/v1/builds/x/stream",
    "/abaco/v1/events",
}
"""A token is given to a client with a secret (test_oauth); builds are their owner's
(test_streams); the stream of an execution asks what GET asks; the stream of everything tells each
what they may see (test_event_stream)."""

ENTRIES: tuple[Level | None, ...] = (None, *Level)
ROLES = (Role.LIMITED, Role.USER, Role.PRIVILEGED, Role.ADMIN)


def includes(has: Level | None, needed: Level | str) -> bool:
    if needed in (ANYBODY, ADMINS):
        return needed == ANYBODY
    return has is not None and has.includes(Level(needed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Has:
    """The levels of who asks; None: no entry."""

    actor: Level | None
    alias: Level | None = None
    config: Level | None = None


def allowed(cell: Cell, role: Role, has: Has) -> bool:
    if role is Role.ADMIN:
        return True
    return all(
        includes(level, needed)
        for level, needed in (
            (has.actor, cell.actor),
            (has.alias, cell.alias),
            (has.config, cell.config),
        )
    )


def combinations(cell: Cell) -> Iterator[Has]:
    """Of all levels; those on the alias and on the config count only where they have a say."""
    for actor in ENTRIES:
        for alias in ENTRIES if cell.alias != ANYBODY else (None,):
            for config in ENTRIES if cell.config != ANYBODY else (None,):
                yield Has(actor=actor, alias=alias, config=config)


def report(rows: list[tuple[Cell, str, str]]) -> str:
    """What was expected and what came, a line a cell."""
    return "\n".join(f"{cell.name:45} {who:45} {what}" for cell, who, what in rows)


class Scene:
    """A stateful actor, an alias and a config for it, and bob, whose role and levels change."""

    def __init__(self, place) -> None:
        self.place = place
        self.bob = place.as_user("bob")
        self.names: dict[str, str] = {}

    async def open(self) -> None:
        place = self.place
        actor = await place.actor(stateless=False)
        alias = {"alias": "counter", "actorId": actor}
        assert (await place.api("POST", "/actors/v2/aliases", alias)).status == 200
        config = VALUE | {"name": "key", "actors": actor}
        assert (await place.api("POST", "/actors/v2/configs", config)).status == 200
        self.names = {"actor": actor, "alias": "counter", "worker": "w", "nonce": "n"}
        self.names["config"] = "key"
        self.names["kind"] = "executions"
        self.names["execution"] = await place.execution(actor)

    async def grant(self, has: Has) -> None:
        levels = {
            self.names["actor"]: has.actor,
            permissions.of_alias("DEV", "counter"): has.alias,
            permissions.of_config("DEV", "key"): has.config,
        }

        def write(conn) -> None:
            for subject, level in levels.items():
                permissions.delete_all(conn, subject)
                if level is not None:
                    permissions.set(conn, subject, "bob", level)

        await self.place.service.desk.store.write(write)

    async def ask(self, cell: Cell):
        def filled(value):
            if isinstance(value, dict):
                return {name: filled(one) for name, one in value.items()}
            if not isinstance(value, str):
                return value
            return re.sub(r"{(\w+)}", lambda found: self.names[found[1]], value)

        return await self.bob(cell.method, filled(cell.path), filled(cell.body))

    async def repair(self) -> None:
        """Make again what the last request may have removed, and remove what it made."""
        for kind in ("aliases", "configs"):
            await self.place.api("DELETE", f"/actors/v2/{kind}/another")
        for path in (HIS, ALIAS, CONFIG):
            if (await self.place.api("GET", path.format(**self.names))).status != 200:
                await self.place.api("DELETE", ALIAS.format(**self.names))
                await self.place.api("DELETE", CONFIG.format(**self.names))
                await self.open()

    def refusal(self, cell: Cell, alias: Level | None) -> str:
        if cell.method == "PUT" and cell.alias == UPDATE and includes(alias, UPDATE):
            return NO_TARGET
        return cell.refusal.replace("{actor}", self.names["actor"])


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.rpartition("-")[2])
@pytest.mark.asyncio
async def test_who_may(place, monkeypatch, role: Role) -> None:
    def in_role(provider, user, **where):
        found = principal(provider, user, **where)
        return found if user.username == "ada" else replace(found, roles=frozenset({role}))

    principal = identity.principal
    monkeypatch.setattr(identity, "principal", in_role)
    scene = Scene(place)
    await scene.open()
    wrong = []
    for cell in MATRIX:
        for has in combinations(cell):
            await scene.grant(has)
            answer = await scene.ask(cell)
            refused = answer.status == 400 and answer.message == scene.refusal(cell, has.alias)
            if refused is allowed(cell, role, has):
                who = f"{role} actor={has.actor} alias={has.alias} config={has.config}"
                wrong.append((cell, who, f"{answer.status} {answer.message}"))
            if answer.status == 200 and cell.method in ("DELETE", "POST"):
                await scene.repair()
    assert not wrong, "\n" + report(wrong)


_OPEN_ENDED = ("/stream", "/calls")
"""A channel of calls asks what POST of a message asks (test_calls)."""


def test_no_endpoint_is_forgotten() -> None:
    asked = {(cell.method, re.sub(r"{\w+}", "x", cell.path)) for cell in MATRIX}
    missing = []
    for pattern, handler in TABLE:
        path = pattern.replace("([^/]+)", "x")
        if issubclass(handler, NoEndpoint) or path in ASKED_ELSEWHERE or path.endswith(_OPEN_ENDED):
            continue
        for method in ("GET", "POST", "PUT", "DELETE"):
            has_it = any(
                method.lower() in vars(kind)
                for kind in handler.__mro__
                if kind.__module__.startswith("abaco_server.")
            )
            if has_it and (method, path) not in asked:
                missing.append((method, path))
    assert not missing


def table() -> str:
    """The matrix for people: what each endpoint needs."""
    lines = [f"{'endpoint':45} {'on the actor':14} {'on the alias':14} on the config"]
    lines += [f"{cell.name:45} {cell.actor:14} {cell.alias:14} {cell.config}" for cell in MATRIX]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
