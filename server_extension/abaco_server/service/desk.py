"""What every part of the service has on its desk: the store, the clock, and whom to call."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from abaco_jupyter.wire import limits
from abaco_jupyter.wire.ids import IdSequence, IdSource
from abaco_jupyter.wire.spec import BuildSpec
from abaco_server.model.actor import Actor
from abaco_server.model.build import Build, BuildPlan
from abaco_server.model.clock import Clock
from abaco_server.model.decision import Decision
from abaco_server.service.placement import FindAccount, Placement, no_account
from abaco_server.service.vault import Vault
from abaco_server.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceConfig:
    """The installation's settings that decide an answer."""

    tenant: str
    max_binary_message: int = limits.MAX_BINARY_MESSAGE
    """Bytes; other bodies have the same limit."""
    queues: tuple[str, ...] = ("default", "special")
    max_workers: int = limits.MAX_WORKERS
    """Of an actor that sets no maxWorkers."""
    token_default: bool = False
    """Whether actors that do not say want an access token."""
    execution_token_scope: str = "actor"
    """`actor` or `owner`: see `execution_tokens`."""
    placement: Placement = field(default_factory=Placement)


class BuildStep(Protocol):
    """More of a build's log."""

    @property
    def offset(self) -> int: ...
    @property
    def text(self) -> str: ...


class Workbench(Protocol):
    """`builds.bench.Workbench`, as far as the service needs it."""

    async def start(self, spec: BuildSpec, owner: str, tenant: str) -> Build: ...

    async def plan(self, spec: BuildSpec) -> BuildPlan: ...

    async def cancel(self, build_id: str) -> Build | None: ...

    async def get(self, build_id: str) -> Build | None: ...

    def follow(self, build_id: str, offset: int = 0) -> AsyncIterator[BuildStep | Build]:
        """The log as it grows, then the ended build."""
        ...


async def _none_withdrawn(execution_ids: Sequence[str], hold: timedelta) -> list[str]:
    """No worker took any."""
    return []


def _nobody_failed(actor_id: str, execution_ids: Sequence[str]) -> None:
    """Nobody waits for them."""


def _nothing(_: str) -> None:
    """Default of the callables that only tell somebody."""


def _uncounted() -> None:
    """Nobody counts."""


async def _no_metrics() -> bytes:
    return b""


def _no_clock() -> None:
    """Nobody sends by schedule."""


def _no_schedules(cron: str, time_zone: str, after: datetime) -> datetime | None:
    raise ValueError("this service has no schedules")


def _no_log(_: str) -> str | None:
    return None


async def _retired(_: str) -> bool:
    return True


async def _no_workers(_: Actor, __: int) -> int:
    return 0


def _no_worker(_: str, __: str) -> None:
    """Nobody works here."""


def _undecided(_: str) -> list[Decision]:
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Handed to every part; `assemble` fills in whom to call, tests fill in fakes."""

    store: Store
    clock: Clock
    new_id: IdSource
    new_execution_id: IdSource = field(default_factory=IdSequence)
    """Ids that follow one another: see there why."""
    config: ServiceConfig
    wake: Callable[[str], None] = _nothing
    """There may be work for this actor, or its first worker is due."""
    accepted: Callable[[], None] = _uncounted
    """A message of a request is on disk."""
    halt: Callable[[str], None] = _nothing
    """Stop this running execution."""
    retire: Callable[[str], Awaitable[bool]] = _retired
    """Stop the runs and workers of an actor that is SHUTTING_DOWN; False: it takes longer."""
    refresh: Callable[[str], None] = _nothing
    """The image changed: let busy workers finish, then start new ones."""
    changed: Callable[[str], None] = _nothing
    """Something else changed, such as how many workers the actor may have."""
    ensure_workers: Callable[[Actor, int], Awaitable[int]] = _no_workers
    """Start workers until there are so many; how many there were."""
    remove_worker: Callable[[str, str], None] = _no_worker
    """(actor, worker): stop it when it has finished what it runs."""
    decisions: Callable[[str], list[Decision]] = _undecided
    """What the autoscaler decided about this actor of late, newest first."""
    stirred: Callable[[str], None] = _nothing
    """Something that is shown of this actor is not as it was, or it is gone."""
    withdraw: Callable[[Sequence[str], timedelta], Awaitable[list[str]]] = _none_withdrawn
    """Those of these executions that a worker took and that have not begun wait again, and stay
    where they are for this long."""
    failed: Callable[[str, Sequence[str]], None] = _nobody_failed
    """These executions of an actor ended in ERROR and never ran: tell whoever waits for them."""
    clock_set: Callable[[], None] = _no_clock
    """An actor's schedule may be new."""
    next_time: Callable[[str, str, datetime], datetime | None] = _no_schedules
    """(cron, time zone, after): when a schedule comes next; a ValueError says what is wrong."""
    live_log: Callable[[str], str | None] = _no_log
    """The log so far of an execution that runs now."""
    metrics: Callable[[], Awaitable[bytes]] = _no_metrics
    """All counters in Prometheus's text format."""
    describe: Callable[[], dict[str, Any]] = field(default=dict)
    workbench: Workbench | None = None
    account: FindAccount = no_account
    """A user's account on this machine. It may block."""
    vault: Vault = field(default_factory=Vault.ephemeral)
    """Seals what is secret at rest. The default forgets its key: for tests."""
