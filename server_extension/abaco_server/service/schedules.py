"""Five-field schedules of an actor (ours; Abaco's own is the actor's `cronSchedule`)."""

import json
from datetime import timedelta
from typing import Any

from abaco_jupyter.wire.codes import ContentType, Level
from abaco_jupyter.wire.errors import InvalidRequest, ScheduleNotFound
from abaco_server.model.principal import Principal
from abaco_server.model.schedule import Schedule
from abaco_server.service import access, fields
from abaco_server.service.desk import Desk
from abaco_server.service.fields import Fields
from abaco_server.store import MAX_INLINE, Connection
from abaco_server.store import schedules as rows

DEFAULT_MESSAGE = "This is your cron execution"
"""The text of Abaco's own clock."""

DEFAULT_GRACE = timedelta(hours=1)
LONGEST_GRACE = timedelta(days=366)
KNOWN = frozenset({"cron", "timeZone", "message", "coalesce", "misfireGrace"})


class Schedules:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list(self, principal: Principal, identifier: str) -> list[Schedule]:
        """Oldest first."""

        def read(conn: Connection) -> list[Schedule]:
            actor = access.actor_for(conn, principal, identifier, Level.READ)
            return rows.of_actor(conn, actor.id)

        return await self._desk.store.read(read)

    async def get(self, principal: Principal, identifier: str, schedule_id: str) -> Schedule:
        def read(conn: Connection) -> Schedule:
            actor = access.actor_for(conn, principal, identifier, Level.READ)
            found = rows.get(conn, actor.id, schedule_id)
            if found is None:
                raise _missing(schedule_id)
            return found

        return await self._desk.store.read(read)

    async def create(self, principal: Principal, identifier: str, given: Fields) -> Schedule:
        """Raises InvalidRequest for what is no schedule, or one that never comes."""
        desk = self._desk
        values = _parsed(given)
        now = desk.clock.now()
        try:
            next_time = desk.next_time(values["cron"], values["time_zone"], now)
        except ValueError as invalid:
            raise InvalidRequest(f"{invalid}.") from None
        if next_time is None:
            raise InvalidRequest(f"The time of {values['cron']!r} never comes.")

        def insert(conn: Connection) -> Schedule:
            actor = access.actor_for(conn, principal, identifier, Level.UPDATE)
            schedule = Schedule(
                id=desk.new_id(),
                actor_id=actor.id,
                tenant=actor.tenant,
                api_server=actor.api_server,
                owner=principal.username,
                create_time=now,
                next_time=next_time,
                **values,
            )
            rows.insert(conn, schedule)
            return schedule

        schedule = await desk.store.write(insert)
        desk.clock_set()
        return schedule

    async def delete(self, principal: Principal, identifier: str, schedule_id: str) -> None:
        def remove(conn: Connection) -> None:
            actor = access.actor_for(conn, principal, identifier, Level.UPDATE)
            if not rows.delete_one(conn, actor.id, schedule_id):
                raise _missing(schedule_id)

        await self._desk.store.write(remove)


def _missing(schedule_id: str) -> ScheduleNotFound:
    return ScheduleNotFound(f"No schedule found with id: {schedule_id}.")


def _parsed(given: Fields) -> dict[str, Any]:
    unknown = sorted(set(given) - KNOWN)
    if unknown:
        raise InvalidRequest(f"A schedule has {', '.join(sorted(KNOWN))}, but no {unknown[0]!r}.")
    if given.get("cron") is None:
        raise InvalidRequest("A schedule needs cron: five fields such as '30 2 * * mon-fri'.")
    content_type, body = _message(given.get("message"))
    return {
        "cron": fields.text(given["cron"]),
        "time_zone": fields.text(given.get("timeZone") or "UTC"),
        "content_type": content_type,
        "body": body,
        "coalesce": _coalesce(given.get("coalesce")),
        "misfire_grace": _grace(given),
    }


def _message(given: Any) -> tuple[ContentType, bytes]:
    """A text is sent as it is, an object or a list as JSON."""
    if isinstance(given, dict | list):
        kind, body = ContentType.JSON, json.dumps(given).encode()
    else:
        text = DEFAULT_MESSAGE if given is None else fields.text(given)
        kind, body = ContentType.TEXT, text.encode()
    if len(body) > MAX_INLINE:
        raise InvalidRequest(
            f"The message of a schedule has at most {MAX_INLINE} bytes, not {len(body)}."
        )
    return kind, body


def _coalesce(given: Any) -> bool:
    try:
        return True if given is None else fields.boolean(given)
    except ValueError:
        raise InvalidRequest(f"coalesce is true or false, not {given!r}.") from None


def _grace(given: Fields) -> timedelta | None:
    """Absent: an hour. null: no run is too late."""
    if "misfireGrace" not in given:
        return DEFAULT_GRACE
    if given["misfireGrace"] is None:
        return None
    longest = int(LONGEST_GRACE.total_seconds())
    try:
        seconds = fields.integer(given["misfireGrace"])
    except (ValueError, TypeError):
        seconds = 0
    if not 0 < seconds <= longest:
        raise InvalidRequest(
            f"misfireGrace is a number of seconds from 1 to {longest}, or null,"
            f" not {given['misfireGrace']!r}."
        )
    return timedelta(seconds=seconds)
