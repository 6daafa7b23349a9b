"""A pool on a real store with a fake runner, for the tests of what it does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from abaco_jupyter.wire.codes import ActorStatus, ContentType, ExecutionStatus
from abaco_jupyter.wire.ids import new_id
from abaco_server import queue
from abaco_server.model.actor import Actor
from abaco_server.model.clock import SystemClock
from abaco_server.model.decision import Decision
from abaco_server.model.execution import Execution, Finished
from abaco_server.model.message import Message
from abaco_server.model.worker import Worker
from abaco_server.outcomes.ledger import Ledger
from abaco_server.outcomes.roster import Roster
from abaco_server.runners.fake import FakeRun, FakeRunner
from abaco_server.store import Store, actors, executions, workers
from abaco_server.workers.policy import Policy, PoolConfig
from abaco_server.workers.pool import Pool
from abaco_server.workers.runs import RunLimits, Runs

CLOCK = SystemClock()
QUICK = Policy(
    capacity=8,
    idle=timedelta(seconds=0.2),
    start_retry=timedelta(seconds=0.02),
    first_backoff=timedelta(seconds=0.02),
)


class Told:
    """What the live views would have shown."""

    def __init__(self) -> None:
        self.items: list[tuple[str, ...]] = []

    def log(self, execution_id: str, offset: int, text: str) -> None:
        self.items.append(("log", execution_id, text))

    def status(self, execution_id: str, status: str) -> None:
        self.items.append(("status", execution_id, status))

    def result(self, execution_id: str) -> None:
        self.items.append(("result", execution_id))

    def finished(self, actor_id: str, finished: Sequence[Finished]) -> None:
        self.items += [("ended", one.id, one.status) for one in finished]


class Bench:
    """A pool and everything around it, over one store and one fake engine."""

    def __init__(self, store: Store, runner: FakeRunner, **settings: object) -> None:
        """`settings` are PoolConfig's, or the policy's."""
        self.store, self.runner, self.told = store, runner, Told()
        self.decisions: list[Decision] = []
        self.checks = 0
        ledger = Ledger(store, CLOCK, lambda: None)
        roster = Roster(store, CLOCK, lambda: None, location="fake")
        self.runs = Runs(
            ledger=ledger,
            roster=roster,
            runner=runner,
            tell=self.told,
            limits=RunLimits(),
            policy=QUICK,
        )
        self.pool = Pool(
            ledger=ledger,
            roster=roster,
            runner=runner,
            runs=self.runs,
            clock=CLOCK,
            new_id=new_id,
            config=_config(settings),
            decided=self.decisions.append,
            check_runs=self._check_runs,
        )

    async def told_so_far(self) -> list[tuple[object, ...]]:
        return list(self.told.items)

    async def _check_runs(self) -> None:
        self.checks += 1

    async def actor(self, **fields: object) -> Actor:
        now = CLOCK.now()
        values: dict[str, object] = {
            "id": new_id(),
            "tenant": "T",
            "owner": "me",
            "api_server": "http://here",
            "image": "image",
            "status": ActorStatus.SUBMITTED,
            "create_time": now,
            "last_update_time": now,
        }
        actor = Actor(**{**values, **fields})  # type: ignore[arg-type]
        await self.store.write(lambda conn: actors.insert(conn, actor))
        return actor

    async def send(self, actor: Actor, text: str = "hello", *, wake: bool = True) -> str:
        execution, message = self.message(actor, text)
        assert await queue.submit(self.store, execution, message)
        if wake:
            self.pool.wake(actor.id)
        return execution.id

    def message(self, actor: Actor, text: str) -> tuple[Execution, Message]:
        execution = Execution(
            id=new_id(),
            actor_id=actor.id,
            tenant="T",
            api_server="http://here",
            executor="me",
            status=ExecutionStatus.SUBMITTED,
            message_received_time=CLOCK.now(),
        )
        message = Message(
            execution_id=execution.id,
            actor_id=actor.id,
            content_type=ContentType.TEXT,
            body=text.encode(),
            executor="me",
        )
        return execution, message

    async def record(self, actor: Actor, execution_id: str) -> Execution:
        found = await self.store.read(lambda conn: executions.get(conn, actor.id, execution_id))
        assert found is not None
        return found

    async def ended(self, actor: Actor, *execution_ids: str) -> list[Execution]:
        return [
            await until(lambda i=i: self.record(actor, i), lambda found: found.status.ended)
            for i in execution_ids
        ]

    async def workers(self, actor: Actor) -> list[Worker]:
        return await self.store.read(lambda conn: workers.of_actor(conn, actor.id))

    async def status(self, actor: Actor) -> Actor:
        found = await self.store.read(lambda conn: actors.get_any(conn, actor.id))
        assert found is not None
        return found


def _config(settings: dict[str, object]) -> PoolConfig:
    numbers = {name: value for name, value in settings.items() if hasattr(QUICK, name)}
    others = {name: value for name, value in settings.items() if name not in numbers}
    config = PoolConfig(
        max_workers=4,
        lease=timedelta(seconds=30),
        policy=replace(QUICK, **numbers),  # type: ignore[arg-type]
    )
    return replace(config, **others)  # type: ignore[arg-type]


async def until(look: Callable, enough: Callable[[object], bool], seconds: float = 10):  # type: ignore[no-untyped-def, type-arg]
    """Look again and again until what is seen is enough."""
    async with asyncio.timeout(seconds):
        while True:
            found = await look()
            if enough(found):
                return found
            await asyncio.sleep(0.01)


@asynccontextmanager
async def opened(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store.open(
        f"sqlite:///{tmp_path / 'abaco.db'}", payload_dir=tmp_path / "payloads", clock=CLOCK
    )
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def running(
    store: Store, runner: FakeRunner, *, drain: float = 5, **settings: object
) -> AsyncIterator[Bench]:
    bench = Bench(store, runner, **settings)
    await bench.pool.start()
    try:
        yield bench
    finally:
        await bench.pool.stop(timedelta(seconds=drain))


async def echo(run: FakeRun) -> int:
    run.log(b"working on " + (run.task.text or "").encode())
    run.result(b"done")
    return 0
