"""What a runner is given and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from abaco_server.model.actor import Mount


class Isolation(StrEnum):
    """What stands between two executions of an actor."""

    CONTAINER = "container"
    """A container for each, as with Abaco."""
    PROCESS = "process"
    """Containers serve many executions, one after the other; each runs in processes of its own."""
    NONE = "none"
    """As `process`; but an image with our runtime runs them all in one interpreter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a container is made with: known before its message is."""

    actor_id: str
    image: str
    memory: int | None = None
    nano_cpus: int | None = None
    user: str | None = None
    """`uid:gid`; None leaves the image's own."""
    privileged: bool = False
    mounts: tuple[Mount, ...] = ()
    warm: int | None = None
    """How many containers wait for this actor's next messages; None: as many as it needs."""
    isolation: Isolation = Isolation.CONTAINER


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One execution, ready to be run: everything is decided."""

    execution_id: str
    actor_id: str
    worker_id: str
    tenant: str
    image: str
    environment: Mapping[str, str]
    """All variables of section 10 except MSG."""
    text: str | None = None
    """MSG; None for a binary message."""
    binary: bytes | Path | None = None
    """The bytes of `/_abaco_binary_data`, or a file that holds them."""
    files: tuple[Path, ...] = ()
    """That user code finds beside the message, under the same names."""
    memory: int | None = None
    nano_cpus: int | None = None
    user: str | None = None
    """`uid:gid`; None leaves the image's own."""
    privileged: bool = False
    mounts: tuple[Mount, ...] = ()
    timeout: timedelta | None = None
    keeps_state: bool = False
    """A stateful actor's: what runs may replace the actor's state."""
    warm: int | None = None
    isolation: Isolation = Isolation.CONTAINER

    @property
    def place(self) -> Place:
        return Place(
            actor_id=self.actor_id,
            image=self.image,
            memory=self.memory,
            nano_cpus=self.nano_cpus,
            user=self.user,
            privileged=self.privileged,
            mounts=self.mounts,
            warm=self.warm,
            isolation=self.isolation,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One execution of a group."""

    execution_id: str
    environment: Mapping[str, str]
    """What it has beside the group's own; it wins. Without MSG."""
    text: str | None = None
    binary: bytes | Path | None = None
    files: tuple[Path, ...] = ()
    timeout: timedelta | None = None
    """Its own, in place of the group's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Executions of one actor that one worker runs one after the other, in this order."""

    place: Place
    worker_id: str
    tenant: str
    environment: Mapping[str, str]
    """What all have."""
    timeout: timedelta | None = None
    """Of each that has none of its own: ask `limit`."""
    keeps_state: bool = False
    members: tuple[Member, ...]

    def limit(self, member: Member) -> timedelta | None:
        """How long it may run."""
        return self.timeout if member.timeout is None else member.timeout

    def task(self, member: Member) -> Task:
        """One of them as a runner of single executions knows it."""
        place = self.place
        return Task(
            execution_id=member.execution_id,
            actor_id=place.actor_id,
            worker_id=self.worker_id,
            tenant=self.tenant,
            image=place.image,
            environment={**self.environment, **member.environment},
            text=member.text,
            binary=member.binary,
            files=member.files,
            memory=place.memory,
            nano_cpus=place.nano_cpus,
            user=place.user,
            privileged=place.privileged,
            mounts=place.mounts,
            timeout=self.limit(member),
            keeps_state=self.keeps_state,
            warm=place.warm,
            isolation=place.isolation,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """User code ran and ended, however it ended: its execution is COMPLETE."""

    exit_code: int | str
    """The string "undetermined" when nobody can tell any more."""
    start_time: datetime
    finish_time: datetime
    final_state: dict[str, Any]
    cpu: int = 0
    io: int = 0
    peak_memory: int = 0
    timed_out: bool = False
    exception: dict[str, Any] | None = None


class FailureKind(StrEnum):
    INTERNAL = "internal"
    """Engine gone, socket time-out, lost process: retried with backoff, the actor is left alone."""
    IMAGE = "image"
    """The image cannot be had: the actor goes to ERROR."""
    START = "start"
    """The container does not start: after MAX_START_ATTEMPTS execution and actor go to ERROR."""


class RunFailed(Exception):
    """User code did not run, or nobody knows how it ended.

    `started` tells whether user code may have begun: then it must not be run again.
    """

    def __init__(self, kind: FailureKind, reason: str, *, started: bool = False) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.started = started


ResultBody = bytes | BinaryIO
"""Of a result: the bytes, or the open file that holds many of them. Whoever opened it closes it."""

NO_STATE: Any = object()
"""It left no new state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one execution of a group ended, and what is not on record of it yet."""

    execution_id: str
    end: Outcome | RunFailed
    log: bytes = b""
    """What was not told while it ran."""
    results: tuple[tuple[str, bytes], ...] = ()
    """Key and body of each, in order. The same key again is the same result."""
    state: Any = NO_STATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """A run that an earlier life of this service began: found again by its labels."""

    execution_id: str
    actor_id: str
    worker_id: str
    image: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The runner's own: a container id, a process id, a directory."""
    started: bool = True
    """False when user code certainly never ran: a container that was created and no more."""
