"""Which execution a container that waited was given to: the label it could not have had.

Stands in the execution's directory before the command is told to run, so that an heir of this
service finds the run; the container's own labels only say that it waited.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

FILE = "claim.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    container_id: str
    secret: str
    execution_id: str
    actor_id: str
    worker_id: str
    image: str
    started: str
    """ISO 8601; the engine knows only since when it waited."""
    timeout: float | None = None
    """Seconds."""
    after: str = ""
    """The secret of the execution before, whose end the container's log has too."""

    @property
    def lasts(self) -> timedelta | None:
        return None if self.timeout is None else timedelta(seconds=self.timeout)

    @property
    def since(self) -> datetime:
        return datetime.fromisoformat(self.started)


def write(path: Path, claim: Claim) -> None:
    (path / FILE).write_text(json.dumps(asdict(claim)))


def read(path: Path) -> Claim | None:
    """None: no container that waited, or its server was killed before it was given away."""
    try:
        return Claim(**json.loads((path / FILE).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
