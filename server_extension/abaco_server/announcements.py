"""What the autoscaler decides, for whoever listens to Jupyter's own events (`/api/events`)."""

import logging
from typing import Any

from abaco_server.model.decision import Action, Decision, Rule, facts

log = logging.getLogger(__name__)

SCHEMA_ID = "https://events.jupyter.org/abaco_jupyter/decision"

_TEXTS = {"type": "array", "items": {"type": "string"}}
SCHEMA: dict[str, Any] = {
    "$id": SCHEMA_ID,
    "version": "1",
    "title": "Decisions about workers",
    "description": "A rule started, kept, removed or held back workers of an actor.",
    "type": "object",
    "required": ["actorId", "time", "rule", "action", "workers", "waiting", "workerIds"],
    "properties": {
        "actorId": {"type": "string", "title": "The actor's id"},
        "time": {"type": "string", "title": "When it was decided"},
        "rule": {"title": "The rule that acted", "enum": [rule.value for rule in Rule]},
        "action": {"title": "What it did", "enum": [action.value for action in Action]},
        "workers": {"type": "integer", "title": "Workers that the actor has after this"},
        "waiting": {"type": "integer", "title": "Messages that wait, as far as workers know"},
        "workerIds": {**_TEXTS, "title": "The workers that this is about"},
    },
}


class Announcements:
    """Loop thread only. Costs next to nothing while nobody listens."""

    def __init__(self, logger: Any) -> None:
        """`logger` is the EventLogger of jupyter_events."""
        self._logger = logger
        if SCHEMA_ID not in logger.schemas:
            logger.register_event_schema(SCHEMA)

    def decided(self, decision: Decision) -> None:
        """Never raises: what others have hung into the logger must not stop the workers."""
        try:
            self._logger.emit(schema_id=SCHEMA_ID, data=facts(decision))
        except Exception:
            log.exception("the decision %s of %s was not told", decision.rule, decision.actor_id)
