"""One actor: what it is, what it does, who may use it, and a form that sends it messages."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from abaco_jupyter.client import stopping
from abaco_jupyter.client.actor import Actor
from abaco_jupyter.show import tables
from abaco_jupyter.show.reprs import actor_text
from abaco_jupyter.show.views.board import Board, Lane, has_failed, middle, times, why_beside
from abaco_jupyter.show.views.feed import Feed
from abaco_jupyter.show.views.view import Command, State, View, source
from abaco_jupyter.wire.errors import NotAuthorized

MOST_NEWEST = 6
MOST_DECISIONS = 6
_DETAILS_EVERY = 3.0
"""Seconds: permissions, nonces and schedules are asked for when the actor changed, not more."""


class ActorView(View):
    """An actor: queue and workers over time, decisions, rights; send, scale, stop, delete.

    Parameters
    ----------
    actor : Actor

    Examples
    --------
    >>> ActorView(Abaco().actor("word_count"))
    """

    _esm = source("parts.js", "actor.js")

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self._asked = 0.0
        self._asking = threading.Lock()
        self._seen: Any = None
        super().__init__(
            {
                "id": actor.id,
                "title": actor.title,
                "known": _known(actor.known),
                "live": None,
                "series": None,
                "workers": [],
                "newest": [],
                "decisions": [],
                "details": None,
                "gone": False,
                "away": None,
                "notice": None,
            }
        )
        self.listen(Feed.of(actor.transport))

    def commands(self) -> Mapping[str, Command]:
        return {
            "send": self._post,
            "scale": self._scale,
            "stop": self._stop,
            "delete": self._delete,
            "details": self._details,
        }

    def text(self) -> str:
        return actor_text(self.actor)

    def standing(self) -> str:
        known, live = self._told["known"], self._told["live"] or {}
        facts = [
            ("image", str(known["image"])),
            ("revision", str(known["revision"])),
            ("owner", str(known["owner"] or "")),
            ("waiting", str(live.get("waiting", ""))),
            ("workers", str(live.get("workerCount", ""))),
            ("executions", str(live.get("totalExecutions", ""))),
        ]
        shown = [(name, value) for name, value in facts if value]
        return tables.facts_html(f"Actor {self.actor.title}", str(known["status"]), shown)

    # ---- what the buttons do -----------------------------------------------------------------

    def _post(self, text: str, kind: str) -> str:
        if kind == "json":
            try:
                message = json.loads(text)
            except ValueError as error:
                raise ValueError(f"This is no JSON: {error}. Mend it, or send text.") from None
        else:
            message = text
        return f"Sent as {self.actor.send(message).id}."

    def _scale(self, number: int) -> str:
        self.actor.workers.ensure(int(number))
        return f"Asked for {number} workers. Idle ones leave by themselves."

    def _stop(self) -> str:
        """Drop what waits, halt what runs."""
        self.actor.purge()
        done = stopping.stop(self.actor, stopping.unfinished(self.actor))
        return f"Dropped what waited, and asked {len(done.halted)} to stop."

    def _delete(self) -> str:
        self.actor.delete()
        return f"{self.actor.title} was deleted."

    # ---- what there is to see ----------------------------------------------------------------

    def look(self, board: Board) -> None:
        record = board.actors.get(self.actor.id)
        if record is None:
            return self.publish(gone=board.known and board.away is None, away=board.away)
        lane = board.lanes[self.actor.id]
        mine = [one for one in board.executions.values() if one["actorId"] == self.actor.id]
        mine.sort(key=lambda one: str(one["messageReceivedTime"]))
        decisions = [one for one in board.decisions if one["actorId"] == self.actor.id]
        self.actor._record |= {key: record[key] for key in ("status", "statusMessage", "revision")}
        self.publish(
            known=_known(record),
            live=_live(record, lane),
            series={"waiting": list(lane.waiting), "workers": list(lane.workers)},
            workers=[*record["workers"]],
            newest=[_newest(one) for one in mine[-MOST_NEWEST:]][::-1],
            decisions=decisions[-MOST_DECISIONS:][::-1],
            gone=False,
            away=board.away,
        )
        version = (record["lastUpdateTime"], record["revision"], record["status"])
        due = self._asked == 0.0 or version != self._seen
        if due and time.monotonic() - self._asked > _DETAILS_EVERY:
            self._seen, self._asked = version, time.monotonic()
            threading.Thread(target=self._do, args=(self._details, {}), daemon=True).start()

    def _details(self) -> None:
        """What the stream does not tell."""
        actor = self.actor
        with self._asking:
            record = actor.record
            self.publish(
                details={
                    "description": record.get("description") or "",
                    "link": record.get("link") or "",
                    "webhook": record.get("webhook") or "",
                    "memLimit": record.get("memLimit") or "",
                    "maxCpus": record.get("maxCpus"),
                    "permissions": _or_none(actor.permissions.all),
                    "nonces": _or_none(lambda: [*map(_nonce, actor.nonces.all())]),
                    "schedules": _or_none(lambda: [*map(_schedule, actor.schedules.all())]),
                }
            )


def _or_none(ask: Callable[[], Any]) -> Any:
    """None: the user may not see it."""
    try:
        return ask()
    except NotAuthorized:
        return None


def _known(record: State) -> State:
    names = ("image", "revision", "owner", "status", "statusMessage", "stateless", "maxWorkers")
    more = ("hints", "cronSchedule", "cronOn", "cronNextEx", "name")
    return {name: record.get(name) for name in names + more}


def _live(record: State, lane: Lane) -> State:
    names = ("waiting", "inHand", "workerCount", "totalExecutions", "totalCpu", "totalRuntime")
    return {name: record[name] for name in names} | {
        "rate": lane.rate,
        "failed": sum(lane.failed),
        "wait": middle(lane.waits),
        "run": middle(lane.runs),
    }


def _newest(record: State) -> State:
    waited, ran = times(record)
    return {
        "id": record["id"],
        "status": record["status"],
        "failed": has_failed(record),
        "code": record["exitCode"],
        "at": record["messageReceivedTime"],
        "waited": waited,
        "ran": ran,
        "why": why_beside(record),
    }


def _nonce(record: State) -> State:
    """Without the nonce itself: a notebook is saved and shown."""
    left = record.get("remainingUses")
    return {
        "level": record.get("level"),
        "left": "any number of uses" if left in (-1, None) else f"{left} uses left",
        "text": record.get("description") or "",
    }


def _schedule(record: State) -> State:
    return {name: record.get(name) for name in ("cron", "timeZone", "nextTime")}
