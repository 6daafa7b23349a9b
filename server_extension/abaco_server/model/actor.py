"""An actor: an image with an inbox (abaco-api.md, section 6)."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from abaco_jupyter.wire.codes import ActorStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    host_path: str
    container_path: str
    mode: str = "ro"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    id: str
    tenant: str
    owner: str
    api_server: str
    image: str
    status: ActorStatus
    create_time: datetime
    last_update_time: datetime
    name: str | None = None
    description: str = ""
    stateless: bool = True
    type: str = "none"
    link: str = ""
    webhook: str = ""
    token: bool | None = None
    """None: not said, so the tenant's default holds, which clients see as the text "false"."""
    hints: tuple[str, ...] = ()
    privileged: bool = False
    use_container_uid: bool = False
    queue: str = "default"
    max_workers: int | None = None
    max_cpus: int | None = None
    """Nano-CPUs: 10**9 is one."""
    mem_limit: str | None = None
    """Docker's format, such as `200m`."""
    default_environment: dict[str, Any] = field(default_factory=dict)
    log_ex: int | None = None
    """Seconds after which logs of this actor expire."""
    cron_on: bool = False
    cron_schedule: str | None = None
    cron_next_ex: str | None = None
    state: Any = field(default_factory=dict)
    status_message: str | None = None
    revision: int = 1
    mounts: tuple[Mount, ...] = ()
    tasdir: str | None = None
    uid: int | None = None
    gid: int | None = None

    @property
    def dbid(self) -> str:
        """The internal id, which events and the container's environment show."""
        return f"{self.tenant}_{self.id}"
