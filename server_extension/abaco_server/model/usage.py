"""What the whole installation does and has done (abaco-api.md, section 14)."""

from dataclasses import dataclass

from abaco_server.model.actor import Actor
from abaco_server.model.execution import Totals
from abaco_server.model.worker import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Utilization:
    current_actors: int
    total_actors: int
    """All that there have ever been."""
    workers: int
    command_queue: int
    """Workers that were asked for and that nobody has begun to start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorUse:
    actor: Actor
    workers: tuple[Worker, ...]
    messages: int
    """Waiting, without those being worked on."""
    totals: Totals
    on_loan: int = 0
    """Messages that workers have taken: they run, or are about to. Not asked for everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerUse:
    workers: tuple[Worker, ...]
    actors_without: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What one actor's executions have used."""

    actor_id: str
    owner: str
    image: str
    totals: Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    actors: int
    """All that there have ever been."""
    actors_with_executions: int
    existing: tuple[Account, ...]
    all: Totals
    """Of all actors, those that are gone among them."""
