"""An execution: the record of one message's run (abaco-api.md, section 8)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from abaco_jupyter.wire.codes import ExecutionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    id: str
    actor_id: str
    tenant: str
    api_server: str
    executor: str
    status: ExecutionStatus
    message_received_time: datetime
    worker_id: str | None = None
    start_time: datetime | None = None
    finish_time: datetime | None = None
    runtime: int = 0
    """Whole seconds."""
    cpu: int = 0
    """Nanoseconds."""
    io: int = 0
    """Bytes received."""
    exit_code: int | str | None = None
    final_state: dict[str, Any] | None = None
    """Docker's State object, or one of the same shape."""
    reason: str | None = None
    """Ours: why it is in ERROR, for a person."""
    exception: dict[str, Any] | None = None
    """Ours: what abaco_runtime reported of an uncaught exception (`type message traceback
    pickle`, the last base64); never unpickled here."""
    taken_time: datetime | None = None
    """Ours: when a worker took its message; from then to `start_time` its container is made."""
    peak_memory: int = 0
    """Ours: bytes; 0 where nobody measured."""
    label: str | None = None
    """Ours: what its sender finds it again by, among the actor's executions."""
    retry_of: str | None = None
    """Ours: the execution whose call this is once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """An execution whose end is on record, for who waits for it."""

    id: str
    status: ExecutionStatus
    exit_code: int | str | None = None
    results: tuple[bytes, ...] | None = None
    """What it answered, when that was small enough to be at hand; None: look on record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Maintained counters of one actor."""

    executions: int = 0
    cpu: int = 0
    io: int = 0
    runtime: int = 0
