"""Calls that an executor before this one has submitted, found again by their label."""

from typing import Any

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.executor import places
from abaco_jupyter.executor.future import AbacoFuture
from abaco_jupyter.executor.house import House
from abaco_jupyter.wire import paths

_PAGE = 1000


def found_again(house: House, label: str, *, only: Actor | None) -> list[AbacoFuture]:
    """In the order in which the calls were submitted first."""
    actors = [only] if only is not None else places.made_by_executors(house.server)
    found: list[tuple[str, AbacoFuture]] = []
    for actor in actors:
        tries = _last_tries(_labelled(actor, label))
        if not tries:
            continue
        line = house.line_of(actor)
        futures = [AbacoFuture(line) for _ in tries]
        line.adopt([(future, last["id"]) for future, (_, last) in zip(futures, tries, strict=True)])
        times = [first["messageReceivedTime"] for first, _ in tries]
        found += zip(times, futures, strict=True)
    # Sorting is stable: calls of one batch have one time, and are in order already.
    return [future for _, future in sorted(found, key=lambda one: one[0])]


def _labelled(actor: Actor, label: str) -> list[dict[str, Any]]:
    """All executions with this label, oldest first."""
    found: list[dict[str, Any]] = []
    query = {"label": label, "limit": str(_PAGE)}
    while True:
        path = paths.newest_executions(actor.id)
        page = actor.transport.call("GET", path, params=query)["executions"]
        found += page
        if len(page) < _PAGE:
            return found
        query["after"] = page[-1]["id"]


def _last_tries(executions: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The first and the last execution of each call."""
    calls: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for execution in executions:
        first = execution.get("retryOf") or execution["id"]
        known = calls.get(first)
        calls[first] = (execution if known is None else known[0], execution)
    return list(calls.values())
