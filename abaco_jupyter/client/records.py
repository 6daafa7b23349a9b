"""Executions of an actor as whole records, however many."""

from collections.abc import Sequence
from typing import Any

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.wire import paths
from abaco_jupyter.wire.limits import MAX_BATCH

LISTED = 1000
"""Executions that the server gives in one answer."""


def newest_records(actor: Actor, number: int) -> list[dict[str, Any]]:
    """In the order they were sent. One request up to a thousand; beyond that the whole list of
    the actor's executions gives the ids."""
    newest = [each.known for each in actor.executions(min(number, LISTED))]
    if number <= LISTED or len(newest) < LISTED:
        return newest
    listed = actor.ledger.read()["executions"][-number:]
    return records(actor, [each["id"] for each in listed])


def records(actor: Actor, ids: Sequence[str]) -> list[dict[str, Any]]:
    path = paths.newest_executions(actor.id)
    found: list[dict[str, Any]] = []
    for start in range(0, len(ids), MAX_BATCH):
        wanted = {"executions": list(ids[start : start + MAX_BATCH])}
        found += actor.transport.call("POST", path, json=wanted)["executions"]
    return found
