"""Makes the parts and joins them. The only file that knows all of them.

Backward and sideways needs (service -> wake and halt, workers -> live views) are callables and
small adapters handed in here; nobody imports against the arrows.
"""

import asyncio
import logging
import os
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from abaco_jupyter.wire.ids import IdSequence, new_id
from abaco_server import configure, metrics, queue
from abaco_server.builds.bench import Workbench
from abaco_server.builds.builder import Builder
from abaco_server.builds.docker import DockerBuilder
from abaco_server.builds.process import ProcessBuilder
from abaco_server.cron.clocks import Clocks
from abaco_server.cron.five_fields import next_time
from abaco_server.cron.schedules import Schedules
from abaco_server.cron.ticker import Ticker
from abaco_server.events.deliveries import Deliveries
from abaco_server.events.news import News
from abaco_server.events.outbox import Outbox
from abaco_server.events.relay import Relay
from abaco_server.events.stream import Hub
from abaco_server.events.webhooks import Webhooks
from abaco_server.metrics import Figures
from abaco_server.model.clock import Clock, SystemClock
from abaco_server.model.decision import Decision
from abaco_server.outcomes.expiry import Expiry
from abaco_server.outcomes.ledger import Ledger
from abaco_server.outcomes.roster import Roster
from abaco_server.runners.choose import choose
from abaco_server.runners.docker import DockerRunner
from abaco_server.runners.docker.container import name as container_name
from abaco_server.runners.docker.resident.policy import ReusePolicy
from abaco_server.runners.docker.warm.demand import WarmPolicy
from abaco_server.runners.process import ProcessRunner
from abaco_server.runners.protocol import Runner
from abaco_server.service import (
    Desk,
    Service,
    access,
    configs,
    execution_tokens,
    links,
    open_service,
    placement,
)
from abaco_server.service.vault import Vault
from abaco_server.settings import Settings
from abaco_server.store import Store, usage
from abaco_server.telling import HubTell, deciding, waking
from abaco_server.web.listener import Listener
from abaco_server.web.served import Web
from abaco_server.workers.context import TalkBack
from abaco_server.workers.decisions import Decisions
from abaco_server.workers.pool import Pool
from abaco_server.workers.runs import Runs

log = logging.getLogger(__name__)

LOCATIONS = {"docker": "unix://var/run/docker.sock", "process": "process"}
"""A worker's `location` by runner; the first is Abaco's own text (section 9)."""

PATIENCE = timedelta(seconds=20)
"""How long a DELETE of an actor waits for its workers (abaco-api.md, section 6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A running service."""

    service: Service
    hub: Hub
    news: News
    pool: Pool
    runner: Runner
    closing: AsyncExitStack

    async def stop(self, drain: timedelta) -> None:
        """Begin nothing new, let what runs end for a while, then close everything."""
        try:
            await self.pool.stop(drain)
        finally:
            await self.closing.aclose()


def _untold(_: Decision) -> None:
    """Nobody else wants to know."""


async def assemble(settings: Settings, *, announce: Callable[[Decision], None] = _untold) -> Parts:
    """Open the store, find a runner, take up what an earlier life left.

    `announce` is told what the autoscaler decides.

    Raises RunnerUnavailable, DatabaseIsNewer, or what the database's driver raises; whatever was
    opened by then is closed.
    """
    async with AsyncExitStack() as closing:
        clock, meters = SystemClock(), metrics.meters()
        store = Store.open(
            settings.store_url,
            payload_dir=settings.data_dir / "payloads",
            clock=clock,
            synchronous=settings.synchronous,
            committed=meters.committed,
        )
        closing.push_async_callback(store.close)
        await store.claim()
        runner = await _runner(settings)
        closing.push_async_callback(runner.close)
        vault = Vault.open(settings.data_dir / "key")
        # Before anything runs, as its address goes into each container's environment; it answers
        # once there is a service.
        listener = await _listener(settings, runner)
        if listener is not None:
            closing.push_async_callback(listener.close)

        def noted() -> None:
            outbox.wake()

        hub, news = Hub(), News()
        tell = HubTell(hub, meters.ended, news)
        decisions = Decisions(deciding(hub, news, announce))
        ledger = Ledger(
            store,
            clock,
            noted,
            log_lifetime=configure.log_lifetime(settings),
            container_of=_container_of(runner),
            waited=meters.waited,
            ran=meters.ran,
        )
        roster = Roster(
            store,
            clock,
            noted,
            location=LOCATIONS[runner.name],
            configs_of=partial(configs.injected, vault=vault),
            stirred=news.stirred,
        )
        runs = Runs(
            ledger=ledger,
            roster=roster,
            runner=runner,
            tell=tell,
            limits=configure.run_limits(settings),
            policy=configure.policy(settings),
            talk_back=_talk_back(settings, vault, listener),
        )
        pool = _pool(settings, ledger, roster, runner, runs, clock, decisions)
        wake = waking(pool.wake, news)
        webhooks = Webhooks(secret=settings.webhook_secret, allow_private=settings.private_webhooks)
        closing.push_async_callback(webhooks.close)
        deliveries = Deliveries(store, clock, meters.posting(webhooks.post))
        closing.push_async_callback(deliveries.stop)
        outbox = Outbox(store, _relay(clock), woken=wake, posting=deliveries.wake)
        closing.push_async_callback(outbox.stop)
        ticker = _ticker(store, clock, wake)
        closing.push_async_callback(ticker.stop)
        workbench = Workbench(_builder(settings, runner), store, clock, new_id)
        closing.push_async_callback(workbench.close)
        figures = _figures(settings, store, runs)
        desk = _desk(
            settings,
            store,
            clock,
            pool,
            runs,
            workbench,
            runner,
            tell,
            ticker,
            vault,
            listener,
            decisions,
            figures,
            wake,
            news,
        )
        await workbench.open()
        deliveries.start()
        outbox.start()
        expiry = Expiry(store, clock)
        closing.push_async_callback(expiry.stop)
        expiry.start()
        await pool.start()
        ticker.start()
        await figures.open()
        closing.push_async_callback(figures.close)
        service = open_service(desk)
        closing.push_async_callback(service.attendance.close)
        if listener is not None:
            listener.serve(_web(settings, service, hub))
        deletions = asyncio.create_task(_finish_deletions(service), name="abaco-deletions")
        closing.push_async_callback(_end, deletions)
        return Parts(
            service=service,
            hub=hub,
            news=news,
            pool=pool,
            runner=runner,
            closing=closing.pop_all(),
        )
    raise AssertionError("an exit stack swallows nothing")


def _container_of(runner: Runner) -> Callable[[str], str | None]:
    return container_name if isinstance(runner, DockerRunner) else lambda _: None


async def _finish_deletions(service: Service) -> None:
    try:
        await service.actors.finish_deletions()
    except Exception:
        log.exception("deletions of actors were not finished; the next start tries again")


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def service_id(data_dir: Path) -> str:
    """Made once a data directory: labels by which containers are known as this service's own."""
    file = data_dir / "service-id"
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        file.write_text(uuid.uuid4().hex)
        return file.read_text().strip()


async def _runner(settings: Settings) -> DockerRunner | ProcessRunner:
    return await choose(
        settings.runner,
        service_id=service_id(settings.data_dir),
        run_dir=settings.data_dir / "run",
        environments=settings.data_dir / "environments",
        pids_limit=settings.pids_limit,
        max_running=settings.capacity,
        warm=WarmPolicy(
            total=settings.warm_containers,
            idle=settings.warm_idle,
            uses=settings.reuse_executions,
            reuse_idle=settings.reuse_idle,
        ),
        reuse=ReusePolicy(
            idle=settings.reuse_idle,
            executions=settings.reuse_executions,
            memory=settings.reuse_memory,
            ahead=settings.warm_containers > 0,
        ),
    )


async def _listener(settings: Settings, runner: DockerRunner | ProcessRunner) -> Listener | None:
    """Where executions talk back. None: to the address at which their actor was made, if at all."""
    try:
        address = await runner.host_address()
        return Listener.bind(address, settings.data_dir / "listener-port")
    except (LookupError, OSError) as error:
        log.warning(
            "executions have no port of their own to talk back to (%s), as with an engine on "
            "another machine or in a virtual one: _abaco_api_server is this server's own address",
            error,
        )
        return None


def _talk_back(settings: Settings, vault: Vault, listener: Listener | None) -> TalkBack:
    return TalkBack(
        api_server=None if listener is None else listener.url,
        token=partial(execution_tokens.for_run, vault, default=settings.token_default),
    )


def _web(settings: Settings, service: Service, hub: Hub) -> Web:
    return Web(
        tenant=settings.tenant,
        service=service,
        hub=hub,
        ready=True,
        max_body=settings.max_binary_message,
    )


def _figures(settings: Settings, store: Store, runs: Runs) -> Figures:
    def now() -> dict[str, int]:
        return {"executions_running": len(runs), "executions_capacity": settings.capacity}

    return Figures(partial(store.read, usage.figures), now, metrics.meters().registry)


def _relay(clock: Clock) -> Relay:
    return Relay(
        resolve=access.resolve,
        may_link=links.holds,
        submit=metrics.meters().submitting("event", queue.submit_many),
        clock=clock,
        new_id=IdSequence(),
    )


def _ticker(store: Store, clock: Clock, woken: Callable[[str], None]) -> Ticker:
    """Abaco's clocks and our schedules, looked at by one task."""
    new_id = IdSequence()
    submit = metrics.meters().submitting("cron", queue.submit_many)
    clocks = Clocks(store, clock, submit=submit, woken=woken, new_id=new_id)
    schedules = Schedules(store, clock, submit=submit, woken=woken, new_id=new_id)
    return Ticker(clock, [clocks.look, schedules.look])


def _builder(settings: Settings, runner: DockerRunner | ProcessRunner) -> Builder:
    if isinstance(runner, DockerRunner):
        return DockerBuilder(runner.engine.client, base=settings.base_image)
    return ProcessBuilder(settings.data_dir / "environments")


def _pool(
    settings: Settings,
    ledger: Ledger,
    roster: Roster,
    runner: DockerRunner | ProcessRunner,
    runs: Runs,
    clock: Clock,
    decisions: Decisions,
) -> Pool:
    return Pool(
        ledger=ledger,
        roster=roster,
        runner=runner,
        runs=runs,
        clock=clock,
        new_id=new_id,
        config=configure.pool(settings),
        decided=decisions.note,
        # A process tells its end by a signal that cannot be lost.
        check_runs=runner.check if isinstance(runner, DockerRunner) else None,
    )


def _desk(
    settings: Settings,
    store: Store,
    clock: Clock,
    pool: Pool,
    runs: Runs,
    workbench: Workbench,
    runner: DockerRunner | ProcessRunner,
    tell: HubTell,
    ticker: Ticker,
    vault: Vault,
    listener: Listener | None,
    decisions: Decisions,
    figures: Figures,
    wake: Callable[[str], None],
    news: News,
) -> Desk:
    def describe() -> dict[str, Any]:
        facts = {"runner": runner.name, **runner.describe(), "pid": os.getpid()}
        facts["containers_api_server"] = None if listener is None else listener.url
        return facts | {"running": len(runs), "capacity": settings.capacity}

    return Desk(
        store=store,
        clock=clock,
        new_id=new_id,
        config=configure.service(settings, runner.name),
        wake=wake,
        stirred=news.stirred,
        accepted=metrics.meters().accepted,
        metrics=figures.text,
        halt=pool.halt,
        retire=partial(pool.retire, patience=PATIENCE),
        refresh=pool.refresh,
        changed=pool.changed,
        withdraw=pool.withdraw,
        ensure_workers=pool.ensure,
        remove_worker=pool.remove,
        decisions=decisions.of,
        clock_set=ticker.wake,
        next_time=next_time,
        live_log=runs.live_log,
        failed=tell.failed,
        describe=describe,
        workbench=workbench,
        account=placement.account,
        vault=vault,
    )
