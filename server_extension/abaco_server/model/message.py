"""A message: what an actor was asked. It waits in the queue until its execution has ended."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from abaco_jupyter.wire.codes import ContentType


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    execution_id: str
    actor_id: str
    content_type: ContentType
    body: bytes | Path
    """UTF-8 text for TEXT, JSON text for JSON, the bytes themselves for BINARY.

    A leased message whose body is too large for a row names the store's file instead. Whoever
    submits a message may always hand in bytes."""
    environment: dict[str, Any] = field(default_factory=dict)
    """Variables of this one execution, over the actor's `default_environment`."""
    executor: str = ""
    files: tuple[Path, ...] = ()
    """The store's, that user code finds beside the message under the same names."""

    def read(self) -> bytes:
        """The body as bytes; a large one is read from its file, which blocks."""
        return self.body.read_bytes() if isinstance(self.body, Path) else self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A message on loan to a worker until `until`; whoever is later finds it waiting again."""

    message: Message
    worker_id: str
    until: datetime
    put_time: datetime | None = None
    """When the message came."""
    attempt: int
    """1 at the first loan."""
