"""Every URL path that one side builds and another side serves.

Paths start with a slash and stand below the server's base URL.
"""

ACTORS = "/actors/v2"
OURS = "/abaco/v1"

BUILDS = f"{OURS}/builds"
PLAN = f"{BUILDS}/plan"
STATUS = f"{OURS}/status"
METRICS = f"{OURS}/metrics"
PROFILES = "/profiles/v2"

ALIASES = f"{ACTORS}/aliases"
CONFIGS = f"{ACTORS}/configs"
UTILIZATION = f"{ACTORS}/utilization"
OPENAPI = f"{ACTORS}/openapi.yaml"


def actor(actor_id: str) -> str:
    return f"{ACTORS}/{actor_id}"


def alias(name: str) -> str:
    return f"{ACTORS}/aliases/{name}"


def config(name: str) -> str:
    return f"{ACTORS}/configs/{name}"


def permissions(place: str) -> str:
    """`place` is the path of an actor, an alias or a config."""
    return f"{place}/permissions"


def nonces(place: str) -> str:
    """`place` is the path of an actor or an alias."""
    return f"{place}/nonces"


def search(kind: str) -> str:
    """`kind`: actors, executions, workers or logs."""
    return f"{ACTORS}/search/{kind}"


def admin(kind: str = "") -> str:
    """`kind`: workers, executions, or nothing for the actors."""
    return f"{ACTORS}/admin/{kind}" if kind else f"{ACTORS}/admin"


def messages(actor_id: str) -> str:
    return f"{ACTORS}/{actor_id}/messages"


def state(actor_id: str) -> str:
    return f"{ACTORS}/{actor_id}/state"


def workers(actor_id: str) -> str:
    return f"{ACTORS}/{actor_id}/workers"


def worker(actor_id: str, worker_id: str) -> str:
    return f"{ACTORS}/{actor_id}/workers/{worker_id}"


def executions(actor_id: str) -> str:
    return f"{ACTORS}/{actor_id}/executions"


def execution(actor_id: str, execution_id: str) -> str:
    return f"{ACTORS}/{actor_id}/executions/{execution_id}"


def logs(actor_id: str, execution_id: str) -> str:
    return f"{ACTORS}/{actor_id}/executions/{execution_id}/logs"


def results(actor_id: str, execution_id: str) -> str:
    return f"{ACTORS}/{actor_id}/executions/{execution_id}/results"


def profile(username: str) -> str:
    return f"{PROFILES}/{username}"


def execution_stream(actor_id: str, execution_id: str) -> str:
    """SSE: the log as it grows, the status as it changes (ours)."""
    return f"{OURS}/actors/{actor_id}/executions/{execution_id}/stream"


def events() -> str:
    """SSE: everything that the caller may see happening (ours)."""
    return f"{OURS}/events"


def actor_stream(actor_id: str) -> str:
    """SSE: the status of all executions of an actor as it changes (ours)."""
    return f"{OURS}/actors/{actor_id}/stream"


def batch(actor_id: str) -> str:
    """Many messages in one request (ours)."""
    return f"{OURS}/actors/{actor_id}/messages/batch"


def cancel(actor_id: str) -> str:
    """Take back messages that wait, by the ids of their executions (ours)."""
    return f"{OURS}/actors/{actor_id}/messages/cancel"


def calls(actor_id: str) -> str:
    """WebSocket: the channel of calls (ours; `wire.frames`)."""
    return f"{OURS}/actors/{actor_id}/calls"


def payload(digest: str) -> str:
    """What is too large for a frame, by its SHA-256 (ours)."""
    return f"{OURS}/payloads/{digest}"


def kept_result(actor_id: str, execution_id: str, number: int) -> str:
    """A result that stays when it is read; the first is number 0 (ours)."""
    return f"{OURS}/actors/{actor_id}/executions/{execution_id}/results/{number}"


def newest_executions(actor_id: str) -> str:
    """The last so many executions, newest first, as full records (ours)."""
    return f"{OURS}/actors/{actor_id}/executions"


def build(build_id: str) -> str:
    return f"{BUILDS}/{build_id}"


def build_stream(build_id: str) -> str:
    """SSE: the build's log as it grows, then how it ended (ours)."""
    return f"{BUILDS}/{build_id}/stream"


def decisions(actor_id: str) -> str:
    """Why an actor has as many workers as it has, newest first (ours)."""
    return f"{OURS}/actors/{actor_id}/decisions"


def deliveries(actor_id: str) -> str:
    """What became of the posts to an actor's webhook, newest first (ours)."""
    return f"{OURS}/actors/{actor_id}/deliveries"


def schedules(actor_id: str) -> str:
    """Five-field schedules of an actor (ours)."""
    return f"{OURS}/actors/{actor_id}/schedules"


def schedule(actor_id: str, schedule_id: str) -> str:
    return f"{OURS}/actors/{actor_id}/schedules/{schedule_id}"
