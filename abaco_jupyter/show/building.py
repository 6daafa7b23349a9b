"""How an actor is made, as who waits for it sees it: the build's log, and a sentence at the end."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.registration import Change, Registration
from abaco_jupyter.client.resources import Abaco, Build
from abaco_jupyter.show.progress import View, open_view
from abaco_jupyter.show.surroundings import in_cell, is_plain
from abaco_jupyter.wire.errors import BuildFailed
from abaco_jupyter.wire.spec import BuildSpec

_PATIENCE = 2.0
"""Seconds of a build that nobody asked for by name, without its log."""

NO_BOUNDARY = (
    "in a subprocess of the notebook server. That is no isolation boundary: it can read and "
    "change whatever you can."
)


def sentence(done: Registration, given: Sequence[str], status: dict[str, Any]) -> str:
    """What was done, in a sentence or two. `given`: phrases of what was done beside it."""
    actor = done.actor
    revision = f"revision {actor.revision}"
    what = {
        Change.CREATED: f"{actor.title} is registered ({revision}).",
        Change.UPDATED: f"{actor.title} is updated ({revision}).",
        Change.UNCHANGED: f"{actor.title} is unchanged ({revision}): nothing was built or "
        "registered.",
    }[done.change]
    if given:
        what += f" It is {', '.join(given)}."
    if done.change is not Change.UNCHANGED and done.build.cached and not is_plain():
        what += " Its image was there already."
    return f"{what} {_where(status, actor)}"


def _where(status: dict[str, Any], actor: Actor) -> str:
    if status.get("runner") == "process":
        return f"Each message runs {NO_BOUNDARY}"
    image = "" if is_plain() else f" of {actor.image}"
    return f"Each message runs in a container{image}."


def built(server: Abaco, spec: BuildSpec, what: str) -> Build:
    """`server.build`. A cell in which that takes longer than two seconds shows its log; a script
    has its output to itself."""
    if not in_cell():
        return server.build(spec)
    view = BuildView(what, after=_PATIENCE)
    try:
        build = server.build(spec, listener=view, starts=view.open)
    except BaseException as error:
        failed = isinstance(error, BuildFailed)
        view.close("the build failed" if failed else "stopped", failed=True)
        raise
    view.close("built", fold=True)
    return build


class BuildView:
    """Opens when there is something to build, or `after` so many seconds of it. Plain output
    leaves it out: it differs each time."""

    def __init__(
        self, name: str, *, after: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._after = after
        self._clock = clock
        self._due: float | None = None
        self._early = ""
        self._view: View | None = None
        self._begun = False

    def open(self) -> None:
        if self._due is None:
            self._due = self._clock() + self._after
        if self._view is None and not is_plain() and self._clock() >= self._due:
            self._view = open_view(f"building {self._name}", "waiting for the builder")
            if self._early:
                self.log(self._early)

    @property
    def shown(self) -> bool:
        return self._view is not None

    def log(self, text: str) -> None:
        if self._view is None:
            self._early += text
            return
        if not self._begun:
            self._begun = True
            self._view.changed({"status": "the builder is at work"})
        self._view.log(text)

    def changed(self, record: dict[str, Any]) -> None:
        if self._view is not None:
            self._view.changed(record)

    def lost(self, reason: str) -> None:
        if self._view is not None:
            self._view.lost(reason)

    def tick(self) -> float | None:
        if self._view is None and self._due is not None and not is_plain():
            rest = self._due - self._clock()
            if rest > 0:
                return rest
            self.open()
        return None if self._view is None else self._view.tick()

    def close(self, state: str, *, failed: bool = False, fold: bool = False) -> None:
        if self._view is not None:
            self._view.close(state, failed=failed, fold=fold)
