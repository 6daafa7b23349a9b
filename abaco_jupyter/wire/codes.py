"""Closed sets that travel between the three sides (abaco-api.md, sections 4, 9, 11 and 15)."""

from enum import StrEnum


class ActorStatus(StrEnum):
    SUBMITTED = "SUBMITTED"
    READY = "READY"
    ERROR = "ERROR"
    SHUTTING_DOWN = "SHUTTING_DOWN"


class ExecutionStatus(StrEnum):
    SUBMITTED = "SUBMITTED"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    ERROR = "ERROR"

    @property
    def ended(self) -> bool:
        return self in (ExecutionStatus.COMPLETE, ExecutionStatus.ERROR)


class WorkerStatus(StrEnum):
    """The blanks are Abaco's own."""

    REQUESTED = "REQUESTED"
    SPAWNER_SETUP = "SPAWNER SETUP"
    PULLING_IMAGE = "PULLING IMAGE"
    CREATING_CONTAINER = "CREATING CONTAINER"
    READY = "READY"
    BUSY = "BUSY"
    SHUTDOWN_REQUESTED = "SHUTDOWN_REQUESTED"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    ERROR = "ERROR"


class BuildStatus(StrEnum):
    """Ours: what `/abaco/v1/builds` answers."""

    WAITING = "WAITING"
    BUILDING = "BUILDING"
    READY = "READY"
    ERROR = "ERROR"
    CANCELLED = "CANCELLED"

    @property
    def ended(self) -> bool:
        return self in (BuildStatus.READY, BuildStatus.ERROR, BuildStatus.CANCELLED)


class DeliveryStatus(StrEnum):
    """Ours: how far an event has come on its way to a webhook."""

    WAITING = "WAITING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    """Nobody answered, as often as it was tried."""
    REFUSED = "REFUSED"
    """Never sent: this server does not post to such an address."""

    @property
    def ended(self) -> bool:
        return self is not DeliveryStatus.WAITING


class ContentType(StrEnum):
    """The value of `_abaco_Content_Type` in the container."""

    TEXT = "str"
    JSON = "application/json"
    BINARY = "application/octet-stream"


class Level(StrEnum):
    """Permission levels; each includes those before it."""

    NONE = "NONE"
    READ = "READ"
    EXECUTE = "EXECUTE"
    UPDATE = "UPDATE"

    def includes(self, needed: "Level") -> bool:
        order = list(Level)
        return order.index(self) >= order.index(needed)


class Role(StrEnum):
    ADMIN = "Internal/abaco-admin"
    PRIVILEGED = "Internal/abaco-privileged"
    USER = "Internal/abaco-user"
    LIMITED = "Internal/abaco-limited"


class EventType(StrEnum):
    ACTOR_READY = "ACTOR_READY"
    ACTOR_ERROR = "ACTOR_ERROR"
    EXECUTION_COMPLETE = "EXECUTION_COMPLETE"


CANCELLED = "Cancelled before it was run."
"""The reason of an execution whose message was taken back (ours)."""
