"""Many executions in one table that lives: filtered, sorted and opened in the page."""

from collections.abc import Iterable, Mapping
from typing import Any

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.execution import Execution, ExecutionList
from abaco_jupyter.client.records import newest_records
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.show import tables
from abaco_jupyter.show.views.board import Board, has_failed, moment, times, why_beside
from abaco_jupyter.show.views.execution import ExecutionView
from abaco_jupyter.show.views.feed import Feed
from abaco_jupyter.show.views.view import Command, State, View, escaped, source
from abaco_jupyter.show.watch import ending

MOST_ROWS = 10_000
_STANDING_ROWS = 30


class ExecutionsTable(View):
    """A live table of executions: filter by status, sort, open one, stop one.

    Parameters
    ----------
    of : Actor, Abaco or ExecutionList, optional
        Whose executions: an actor's, all that you may see on a server, or exactly these.
    limit : int
        Rows, at most 10 000; the oldest leave first.

    Examples
    --------
    >>> ExecutionsTable(actor)
    """

    _esm = source("parts.js", "log.js", "executions.js")

    def __init__(self, of: Actor | Abaco | ExecutionList | None = None, limit: int = 1000) -> None:
        if not 1 <= limit <= MOST_ROWS:
            raise ValueError(f"limit is 1 to {MOST_ROWS} rows, not {limit}")
        of = Abaco() if of is None else of
        if isinstance(of, ExecutionList) and not of:
            raise ValueError("there are no executions in this list; give the actor to see new ones")
        self._limit = limit
        self._actors: dict[str, Actor] = {}
        self._only = {one.id for one in of} if isinstance(of, ExecutionList) else None
        self._actor = of if isinstance(of, Actor) else None
        self._transport = of[0].actor.transport if isinstance(of, ExecutionList) else of.transport
        self._opened: ExecutionView | None = None
        rows = {one["id"]: _row(one, title) for one, title in self._first(of)}
        title = self._actor.title if self._actor else "Executions"
        super().__init__({"title": title, "rows": rows, "away": None, "notice": None})
        self.listen(Feed.of(self._transport))

    def commands(self) -> Mapping[str, Command]:
        return {"stop": self._stop, "log": self._log}

    def text(self) -> str:
        rows: list[State] = list(self._told["rows"].values())
        counts: dict[str, int] = {}
        for row in rows:
            counts[row["status"]] = counts.get(row["status"], 0) + 1
        said = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        return f"{self._told['title']}: {len(rows)} executions" + (f" ({said})" if said else "")

    def standing(self) -> str:
        head = ["status", "actor", "received", "waited", "ran", "id"]
        newest = sorted(self._told["rows"].values(), key=lambda row: row["at"] or 0, reverse=True)
        rows = [
            [
                ending({"status": row["status"], "exitCode": row["code"]}),
                row["actor"],
                row["received"] or "",
                _seconds(row["waited"]),
                _seconds(row["ran"]),
                row["id"],
            ]
            for row in newest[:_STANDING_ROWS]
        ]
        left = len(newest) - len(rows)
        more = f"<div>({left} earlier ones are not shown)</div>" if left > 0 else ""
        return f"<b>{escaped(self.text())}</b>" + tables.as_html(head, rows) + more

    def _first(self, of: Actor | Abaco | ExecutionList) -> Iterable[tuple[State, str]]:
        if isinstance(of, ExecutionList):
            return [(one.known | {"id": one.id}, one.actor.title) for one in of]
        if isinstance(of, Abaco):
            self._actors = {actor.id: actor for actor in of.actors()}
            return []  # the stream begins with the newest of each actor
        self._actors = {of.id: of}
        return [(record, of.title) for record in newest_records(of, self._limit)]

    def look(self, board: Board) -> None:
        before: dict[str, State] = self._told["rows"]
        rows = before
        moved = [one for one in board.moved.values() if self._wants(one)]
        if not before and self._actor is None and self._only is None:
            moved = [one for one in board.executions.values() if self._wants(one)]
        if moved:
            rows = before | {one["id"]: _row(one, self._title(one, board)) for one in moved}
            if len(rows) > self._limit:
                oldest = sorted(rows, key=lambda key: rows[key]["at"] or 0)
                for key in oldest[: len(rows) - self._limit]:
                    del rows[key]
        self.publish(rows=rows, away=board.away)

    def _wants(self, record: State) -> bool:
        if self._only is not None:
            return record["id"] in self._only
        return self._actor is None or record["actorId"] == self._actor.id

    def _title(self, record: State, board: Board) -> str:
        actor = board.actors.get(record["actorId"], {})
        return str(actor.get("name") or record["actorId"])

    def _execution(self, key: str) -> Execution:
        actor_id = self._told["rows"][key]["actorId"]
        record = {"id": actor_id, "name": self._told["rows"][key]["actor"], "image": ""}
        known = self._actors.get(actor_id) or Actor(self._transport, record)
        return Execution(known, key)

    def _stop(self, key: str) -> str:
        return self._execution(key).stop()

    def _log(self, key: str) -> None:
        """The end of its log, for the row that is open."""
        logs = self._execution(key).logs
        self.send({"log": key, "text": logs[-100_000:], "at": max(0, len(logs) - 100_000)})


def _row(record: State, actor: str) -> dict[str, Any]:
    waited, ran = times(record)
    began = moment(record.get("startTime"))
    return {
        "id": record["id"],
        "actorId": record.get("actorId"),
        "actor": actor,
        "status": str(record.get("status", "SUBMITTED")),
        "failed": has_failed(record),
        "code": record.get("exitCode"),
        "at": moment(record.get("messageReceivedTime")),
        "received": record.get("messageReceivedTime"),
        "began": began,
        "waited": waited,
        "ran": ran,
        "cpu": record.get("cpu") or 0,
        "why": why_beside(record),
    }


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"
