"""`%%abaco_actor`: what the cell does, and what it says."""

import sys
from typing import Any

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.registration import Change, Registration
from abaco_jupyter.client.registration import register as register_actor
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.magics.options import CellOptions
from abaco_jupyter.show.progress import View, open_view
from abaco_jupyter.show.surroundings import is_plain
from abaco_jupyter.show.tracebacks import as_sentence
from abaco_jupyter.wire.errors import BuildFailed
from abaco_jupyter.wire.spec import BuildSpec

NO_BOUNDARY = (
    "in a subprocess of the notebook server. That is no isolation boundary: it can read and "
    "change whatever you can."
)


def register(abaco: Abaco, options: CellOptions, spec: BuildSpec) -> Actor:
    """Build, register, say so; the build's log grows in the cell."""
    progress = _BuildView(options.name)
    try:
        done = register_actor(
            abaco,
            options.name,
            spec,
            options.settings(spec),
            force=options.force,
            listener=progress,
            starts=progress.open,
        )
    except BaseException as error:
        failed = isinstance(error, BuildFailed)
        progress.close("the build failed" if failed else "stopped", failed=True)
        if failed and progress.shown:
            first = str(error).partition("\n")[0]
            as_sentence(error, f"{first}\nIts log stands above.")
        raise
    progress.close("built", fold=True)
    _say(_result(done, abaco.status()))
    return done.actor


def describe(options: CellOptions, spec: BuildSpec) -> None:
    """`--dry-run`: what would be sent to the server."""
    settings = options.settings(spec)
    facts = {
        "entry": spec.entry or "none: the cell runs from top to bottom",
        "base": spec.base or f"Python {spec.python}",
        "apt": " ".join(spec.apt),
        "pip": " ".join(spec.pip),
        "env": " ".join(spec.env),
        "files": ", ".join(f"{path} ({len(body):,} bytes)" for path, body in spec.files.items()),
        "kind": "stateless" if settings.stateless else "stateful",
        "max workers": settings.max_workers,
        "memory": settings.mem_limit,
        "description": settings.description,
        "digest": spec.digest()[:12],
    }
    told = "\n".join(f"  {name}: {value}" for name, value in facts.items() if value)
    _say(f"{options.name} would be built of {len(spec.source.splitlines())} lines:\n{told}")


def _result(done: Registration, status: dict[str, Any]) -> str:
    actor = done.actor
    revision = f"revision {actor.revision}"
    what = {
        Change.CREATED: f"{actor.title} is registered ({revision}).",
        Change.UPDATED: f"{actor.title} is updated ({revision}).",
        Change.UNCHANGED: f"{actor.title} is unchanged ({revision}): nothing was built or "
        "registered.",
    }[done.change]
    if done.change is not Change.UNCHANGED and done.build.cached and not is_plain():
        what += " Its image was there already."
    return f"{what} {_where(status, actor)}"


def _where(status: dict[str, Any], actor: Actor) -> str:
    if status.get("runner") == "process":
        return f"Each message runs {NO_BOUNDARY}"
    image = "" if is_plain() else f" of {actor.image}"
    return f"Each message runs in a container{image}."


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


class _BuildView:
    """Opens when there is something to build. Plain output leaves it out: it differs each time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._view: View | None = None

    def open(self) -> None:
        if not is_plain():
            self._view = open_view(f"building {self._name}", "waiting for the builder")

    @property
    def shown(self) -> bool:
        return self._view is not None

    def log(self, text: str) -> None:
        if self._view is not None:
            self._view.log(text)

    def changed(self, record: dict[str, Any]) -> None:
        if self._view is not None:
            self._view.changed(record)

    def lost(self, reason: str) -> None:
        if self._view is not None:
            self._view.lost(reason)

    def tick(self) -> float | None:
        return None if self._view is None else self._view.tick()

    def close(self, state: str, *, failed: bool = False, fold: bool = False) -> None:
        if self._view is not None:
            self._view.close(state, failed=failed, fold=fold)
