"""The traits of AbacoApp as plain data: what `assemble` is given."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path


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
    lease: timedelta = timedelta(seconds=60)
    memory_limit: str | None = None
    nano_cpus: int | None = None
    pids_limit: int = 512
    max_run: timedelta | None = None
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
