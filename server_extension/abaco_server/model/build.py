"""A build: one attempt to make the image of a BuildSpec."""

from dataclasses import dataclass
from datetime import datetime

from abaco_jupyter.wire.codes import BuildStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    id: str
    digest: str
    image: str
    owner: str
    tenant: str
    status: BuildStatus
    create_time: datetime
    finish_time: datetime | None = None
    log: str = ""
    error: str | None = None
    cached: bool = False
    """The image was there already: nothing was built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPlan:
    """What a build would be. `cached`: its image is there already."""

    image: str
    digest: str
    cached: bool
    dockerfile: str
