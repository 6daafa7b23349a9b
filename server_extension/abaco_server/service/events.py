"""Everything that somebody may see happening (ours): what is now, then what changed."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from abaco_jupyter.wire.codes import Level
from abaco_server.model.actor import Actor
from abaco_server.model.decision import Decision
from abaco_server.model.execution import Execution
from abaco_server.model.news import LISTED, Page
from abaco_server.model.principal import Principal
from abaco_server.model.usage import ActorUse
from abaco_server.service import access
from abaco_server.service.desk import Desk
from abaco_server.store import Connection, actors, executions, usage

FEWEST = 5
"""Executions that are told of each actor, however many actors there are."""

_AT_ONCE = 500
"""Ids in one statement: databases bound its variables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a caller is told at one moment."""

    actors: list[ActorUse] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    """Actors that were told of and are there no more, or not for this caller."""
    executions: list[Execution] = field(default_factory=list)
    """Oldest first. Not all when many changed at once: `ends` has the numbers."""
    ends: dict[str, Counter[str]] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.actors or self.gone or self.executions)


class Events:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def watch(self, principal: Principal, identifiers: Sequence[str]) -> "Watch":
        """Look at these actors, or at all that the caller's list of actors has.

        Raises what GET of an actor raises for one that the caller may not read.
        """
        only = None
        if identifiers:
            only = await self._desk.store.read(
                lambda conn: frozenset(
                    access.actor_for(conn, principal, one, Level.READ).id for one in identifiers
                )
            )
        return Watch(self._desk, principal, only)


class Watch:
    """One caller's look. Rights are asked for anew at each look."""

    def __init__(self, desk: Desk, principal: Principal, only: frozenset[str] | None) -> None:
        self._desk = desk
        self._principal = principal
        self._only = only
        self._told: set[str] = set()
        """Actors that the caller knows of."""
        self._seq = 0
        """Of the executions up to here none was submitted lately."""

    async def all(self) -> Sight:
        """What is now."""

        def read(conn: Connection) -> tuple[Sight, int]:
            seen = self._visible(conn, self._only)
            seq = executions.last_seq(conn)
            newest = self._newest(conn, [actor.id for actor in seen], after=0)
            return Sight(actors=usage.of_some(conn, seen), executions=_in_order(newest)), seq

        sight, self._seq = await self._desk.store.read(read)
        self._told = {use.actor.id for use in sight.actors}
        for use in sight.actors:
            sight.decisions.extend(self._desk.decisions(use.actor.id)[:LISTED])
        sight.decisions.sort(key=lambda decision: decision.at)
        del sight.decisions[:-LISTED]
        return sight

    async def resume(self) -> None:
        """The caller knows what there was to see when it left: only changes are told. Which
        executions are new to it nobody knows: of the actors that got some, the newest are told."""
        seen = await self._desk.store.read(lambda conn: self._visible(conn, self._only))
        self._told = {actor.id for actor in seen}

    async def changed(self, page: Page) -> Sight:
        """What the page names, as far as the caller may see it."""

        def read(conn: Connection) -> tuple[Sight, int]:
            moved = executions.by_ids(conn, page.moved)
            asked = page.actors | {one.actor_id for one in moved}
            if self._only is not None:
                asked &= self._only
            seen = self._visible(conn, asked)
            ids = {actor.id for actor in seen}
            seq = executions.last_seq(conn)
            found = {one.id: one for one in moved if one.actor_id in ids}
            for one in self._newest(conn, page.submitted & ids, after=self._seq):
                found[one.id] = one
            for actor_id in ids & page.finished.keys():
                ended = executions.among(conn, actor_id, page.finished[actor_id])
                found |= {one.id: one for one in ended}
            return (
                Sight(
                    actors=usage.of_some(conn, seen),
                    gone=sorted((asked & self._told) - ids),
                    executions=_in_order(found.values()),
                    ends={key: page.ends[key] for key in ids & page.ends.keys()},
                    decisions=[one for one in page.decisions if one.actor_id in ids],
                ),
                seq,
            )

        sight, self._seq = await self._desk.store.read(read)
        self._told -= set(sight.gone)
        self._told |= {use.actor.id for use in sight.actors}
        return sight

    def _visible(self, conn: Connection, ids: Collection[str] | None) -> list[Actor]:
        """Oldest first; None: all."""
        who = self._principal
        if self._only is not None:
            found = (actors.get(conn, who.tenant, one) for one in sorted(ids or ()))
            mine = (one for one in found if one is not None)
            seen = [one for one in mine if access.allows(conn, who, one.id, Level.READ)]
            return sorted(seen, key=lambda actor: actor.create_time)
        if ids is None:
            return actors.owned_or_shared(conn, who.tenant, who.username)
        asked = [*ids]
        return [
            actor
            for start in range(0, len(asked), _AT_ONCE)
            for actor in actors.owned_or_shared(
                conn, who.tenant, who.username, asked[start : start + _AT_ONCE]
            )
        ]

    def _newest(self, conn: Connection, ids: Collection[str], *, after: int) -> list[Execution]:
        each = max(FEWEST, LISTED // max(1, len(ids)))
        return [one for key in ids for one in executions.since(conn, key, after, each)]


def _in_order(found: Iterable[Execution]) -> list[Execution]:
    return sorted(found, key=lambda one: one.message_received_time)
