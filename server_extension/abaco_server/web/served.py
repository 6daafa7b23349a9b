"""What handlers find in tornado's settings, and what their paths say of themselves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from abaco_jupyter.wire.errors import NotReady, Unavailable
from abaco_jupyter.wire.limits import MAX_BINARY_MESSAGE
from abaco_server.events.news import News
from abaco_server.events.stream import Hub
from abaco_server.model.roles import RoleBook
from abaco_server.service import Service
from abaco_server.web import forward
from abaco_server.web.starting import REASON

SETTING = "abaco_web"
"""Key of the `Web` object in tornado's settings; `abaco` is the extension itself."""


class Reach(Enum):
    """Which executions' tokens a path takes."""

    NOBODY = "of none, unless they reach as far as their owner"
    ITS_ACTOR = "of the actor in the path"
    EVERYBODY = "of all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """What handlers find in tornado's settings. It is replaced, never changed."""

    tenant: str
    service: Service | None = None
    hub: Hub | None = None
    news: News | None = None
    ready: bool = False
    not_ready_reason: str = REASON
    not_ready_kind: type[Unavailable] = NotReady
    """Another one when it will not help to ask again in a moment."""
    host: Callable[[], forward.Host | None] | None = None
    """Where the service is when this server does not host it: asked for each request, as the
    host may change; it answers None while nobody has taken over."""
    max_body: int = MAX_BINARY_MESSAGE
    roles: RoleBook = field(default_factory=RoleBook)
    narrow: bool = False
    """For containers only: of our tokens just those of executions are taken."""

    def refusal(self) -> Unavailable:
        """Why there is no service."""
        return self.not_ready_kind(self.not_ready_reason)
