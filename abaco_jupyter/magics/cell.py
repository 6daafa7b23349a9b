"""`%%abaco_actor`: what the cell does, and what it says."""

import sys
from collections.abc import Callable
from typing import Any

from abaco_jupyter.build import cell as cells
from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.errors import ServerNotFound
from abaco_jupyter.client.registration import Change
from abaco_jupyter.client.resources import Abaco, Plan
from abaco_jupyter.functions.cell_actor import CellActor
from abaco_jupyter.functions.making import Made, make
from abaco_jupyter.magics.options import CellOptions
from abaco_jupyter.show.progress import View, open_view
from abaco_jupyter.show.surroundings import is_plain
from abaco_jupyter.show.tracebacks import as_sentence
from abaco_jupyter.wire.errors import BuildFailed, Unavailable
from abaco_jupyter.wire.spec import BuildSpec

NO_BOUNDARY = (
    "in a subprocess of the notebook server. That is no isolation boundary: it can read and "
    "change whatever you can."
)


def register(
    abaco: Abaco,
    options: CellOptions,
    spec: BuildSpec,
    *,
    local: Callable[..., Any] | None = None,
    say: Callable[[str], None] | None = None,
) -> CellActor:
    """Build, register, say so; the build's log grows in the cell."""
    progress = BuildView(options.name)
    try:
        made = make(
            abaco,
            options.actor,
            options.actor.finished(spec),
            cells.docstring(spec),
            build=options.build,
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
    (say or _say)(result(made, abaco.status()))
    return CellActor(abaco, made.registration.actor, spec, local)


def describe(connect: Callable[[], Abaco], options: CellOptions, spec: BuildSpec) -> None:
    """`--dry-run`: what would be sent to the server, and the Dockerfile that it would make."""
    final = options.actor.finished(spec)
    settings = options.actor.settings(cells.docstring(spec))
    actor = options.actor
    facts = {
        "entry": spec.entry or "none: the cell runs from top to bottom",
        "base": spec.base or f"Python {spec.python}",
        "apt": " ".join(spec.apt),
        "pip": " ".join(spec.pip),
        "env": " ".join(spec.env),
        "files": ", ".join(f"{path} ({len(body):,} bytes)" for path, body in spec.files.items()),
        "kind": "stateless" if settings.stateless else "stateful",
        "max workers": settings.max_workers,
        "cpus": actor.cpus,
        "memory": settings.mem_limit,
        "timeout": actor.timeout,
        "retries": actor.retries,
        "hints": " ".join(settings.hints),
        "secrets": " ".join(actor.secrets),
        "schedules": ", ".join(actor.cron),
        "link": actor.link,
        "webhook": actor.webhook,
        "shared with": ", ".join(f"{user} ({level})" for user, level in actor.shares),
        "description": settings.description,
        "digest": final.digest()[:12],
    }
    told = "\n".join(f"  {name}: {value}" for name, value in facts.items() if value)
    _say(f"{options.name} would be built of {len(spec.source.splitlines())} lines:\n{told}")
    try:
        _say(_plan(connect().plan(final)))
    except (ServerNotFound, Unavailable):
        _say("No server answers, so its Dockerfile cannot be shown: the server writes it.")


def _plan(plan: Plan) -> str:
    there = "is there already" if plan.cached else "is not built yet"
    image = "Its image" if is_plain() else f"Its image {plan.image}"
    return f"{image} {there}. Its Dockerfile:\n\n{plan.dockerfile}"


def result(made: Made, status: dict[str, Any]) -> str:
    """What was done, in a sentence or two."""
    done = made.registration
    actor = done.actor
    revision = f"revision {actor.revision}"
    what = {
        Change.CREATED: f"{actor.title} is registered ({revision}).",
        Change.UPDATED: f"{actor.title} is updated ({revision}).",
        Change.UNCHANGED: f"{actor.title} is unchanged ({revision}): nothing was built or "
        "registered.",
    }[done.change]
    if made.done:
        what += f" It is {', '.join(made.done)}."
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


class BuildView:
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
