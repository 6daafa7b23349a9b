"""`%%abaco_actor`: what the cell does, and what it says."""

import sys
from collections.abc import Callable
from typing import Any

from abaco_jupyter.build import cell as cells
from abaco_jupyter.client.errors import ServerNotFound
from abaco_jupyter.client.resources import Abaco, Plan
from abaco_jupyter.functions.function_actor import FunctionActor
from abaco_jupyter.functions.making import make
from abaco_jupyter.magics.options import CellOptions
from abaco_jupyter.show.building import BuildView, sentence
from abaco_jupyter.show.surroundings import is_plain
from abaco_jupyter.show.tracebacks import as_sentence
from abaco_jupyter.wire.errors import BuildFailed, Unavailable
from abaco_jupyter.wire.spec import BuildSpec


def register(
    abaco: Abaco,
    options: CellOptions,
    spec: BuildSpec,
    *,
    local: Callable[..., Any] | None = None,
    say: Callable[[str], None] | None = None,
    progress: BuildView | None = None,
) -> FunctionActor:
    """Build, register, say so; the build's log grows in the cell, or in `progress`, which was
    opened there before another thread came here."""
    progress = progress or BuildView(options.name)
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
    (say or _say)(sentence(made.registration, made.done, abaco.found.status))
    return FunctionActor(abaco, made.registration.actor, spec, local)


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


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
