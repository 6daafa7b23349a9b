"""A worker: one lane in which an actor's executions run one after another (section 9)."""

from dataclasses import dataclass
from datetime import datetime

from abaco_jupyter.wire.codes import WorkerStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    id: str
    actor_id: str
    tenant: str
    status: WorkerStatus
    create_time: datetime
    image: str | None = None
    location: str | None = None
    cid: str | None = None
    host_id: str | None = None
    host_ip: str | None = None
    last_execution_time: datetime | None = None
    last_health_check_time: datetime | None = None
