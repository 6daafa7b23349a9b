"""When an actor is sent a message by the clock, and what became of its webhook."""

from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import quote

from abaco_jupyter.client.errors import absent
from abaco_jupyter.client.transport import Transport
from abaco_jupyter.wire import paths
from abaco_jupyter.wire.errors import ScheduleNotFound

Record = dict[str, Any]


class Schedules:
    """Five-field schedules of one actor."""

    def __init__(self, transport: Transport, actor_id: str) -> None:
        self._transport = transport
        self._actor_id = actor_id

    def all(self) -> list[Record]:
        """Oldest first."""
        answer = self._transport.call("GET", paths.schedules(self._actor_id))
        found: list[Record] = answer["schedules"]
        return found

    def create(self, cron: str, **fields: Any) -> Record:
        """`cron` is five fields such as `30 2 * * mon-fri`.

        Parameters
        ----------
        **fields
            `timeZone` (UTC), `message`, `coalesce` (true) and `misfireGrace` (seconds; None: no
            run is too late).
        """
        path = paths.schedules(self._actor_id)
        made: Record = self._transport.call("POST", path, json={"cron": cron, **fields})
        return made

    def get(self, schedule_id: str) -> Record:
        with _no_schedule(schedule_id):
            found: Record = self._transport.call("GET", self._one(schedule_id))
        return found

    def delete(self, schedule_id: str) -> None:
        with _no_schedule(schedule_id):
            self._transport.call("DELETE", self._one(schedule_id))

    def _one(self, schedule_id: str) -> str:
        return paths.schedule(self._actor_id, quote(schedule_id, safe=""))


def _no_schedule(schedule_id: str) -> AbstractContextManager[None]:
    return absent(
        f"The actor has no schedule {schedule_id!r}. `abaco schedules list ACTOR` lists those it "
        "has.",
        ScheduleNotFound,
    )


def deliveries(transport: Transport, actor_id: str, limit: int = 100) -> list[Record]:
    """Posts to the actor's webhook, newest first, at most 1000."""
    path, params = paths.deliveries(actor_id), {"limit": str(limit)}
    found: list[Record] = transport.call("GET", path, params=params)["deliveries"]
    return found
