"""The traits of AbacoApp as plain data: what `assemble` is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One value a trait; None means no limit, or the default."""

    data_dir: Path
    store_url: str
    synchronous: str = "NORMAL"
    runner: str = "auto"
    tenant: str = "JUPYTER"
    capacity: int = 16
    max_workers: int = 6
    worker_idle: timedelta = timedelta(seconds=60)
    sync_idle: timedelta = timedelta(seconds=600)
    worker_ttl: timedelta | None = timedelta(hours=24)
    autoscaler: timedelta = timedelta(seconds=5)
    health_check: timedelta = timedelta(seconds=30)
    max_cmd_length: int = 12
    queues: tuple[str, ...] = ("default", "special")
    queue_capacity: Mapping[str, int] = field(default_factory=dict)
    lease: timedelta = timedelta(seconds=60)
    memory_limit: str | None = None
    nano_cpus: int | None = None
    pids_limit: int = 512
    warm_containers: int = 8
    warm_idle: timedelta = timedelta(seconds=60)
    reuse_idle: timedelta = timedelta(seconds=60)
    reuse_executions: int = 100_000
    reuse_memory: int = 512 * 1024**2
    max_run: timedelta | None = None
    token_default: bool = True
    execution_token_scope: str = "actor"
    max_binary_message: int = 500_000_000
    log_lifetime: timedelta = timedelta(seconds=43_200)
    max_log_lifetime: timedelta = timedelta(seconds=86_400)
    mounts: tuple[str, ...] = ()
    privileged_mounts: tuple[str, ...] = ()
    run_as_owner: bool = False
    actor_uid: int | None = None
    actor_gid: int | None = None
    base_image: str | None = None
    webhook_secret: str = ""
    private_webhooks: bool = False


def settings_of(app: Any) -> Settings:
    """The values of an AbacoApp."""
    ttl = app.worker_ttl_seconds
    return Settings(
        data_dir=Path(app.data_dir),
        store_url=app.store_url,
        synchronous=app.synchronous,
        runner=app.runner,
        tenant=app.tenant,
        capacity=app.capacity,
        max_workers=app.max_workers,
        worker_idle=timedelta(seconds=app.worker_idle_seconds),
        sync_idle=timedelta(seconds=app.sync_idle_seconds),
        worker_ttl=timedelta(seconds=ttl) if ttl >= 0 else None,
        autoscaler=timedelta(seconds=app.autoscaler_seconds),
        health_check=timedelta(seconds=app.health_check_seconds),
        max_cmd_length=app.max_cmd_length,
        queues=tuple(app.queues),
        queue_capacity=dict(app.queue_capacity),
        lease=timedelta(seconds=app.lease_seconds),
        memory_limit=app.memory_limit or None,
        nano_cpus=int(app.max_cpus * 10**9) or None,
        pids_limit=app.pids_limit,
        warm_containers=app.warm_containers,
        warm_idle=timedelta(seconds=app.warm_idle_seconds),
        reuse_idle=timedelta(seconds=app.reuse_idle_seconds),
        reuse_executions=app.reuse_executions,
        reuse_memory=app.reuse_memory,
        max_run=timedelta(seconds=app.max_run_seconds) or None,
        max_binary_message=app.max_binary_message,
        token_default=app.token_default,
        execution_token_scope=app.execution_token_scope,
        log_lifetime=timedelta(seconds=app.log_ex_seconds),
        max_log_lifetime=timedelta(seconds=app.max_log_ex_seconds),
        mounts=tuple(app.mounts),
        privileged_mounts=tuple(app.privileged_mounts),
        run_as_owner=app.run_as_owner,
        actor_uid=app.actor_uid,
        actor_gid=app.actor_gid,
        base_image=app.base_image or None,
        webhook_secret=app.webhook_secret,
        private_webhooks=app.allow_private_webhooks,
    )
