"""Makes a command of a function.

The function takes a `Session` first. Its other parameters are typer's; the options that all
commands share are put beside them, and whatever goes wrong becomes one line and an exit code.
"""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from abaco_jupyter.cli import ends, output
from abaco_jupyter.cli.ends import End
from abaco_jupyter.cli.session import Session
from abaco_jupyter.wire.errors import AbacoError

_PANEL = "Options of every command"

Parameter = inspect.Parameter


def option(name: str, kind: Any, default: Any, *names: str, **details: Any) -> Parameter:
    """A parameter that several commands share."""
    return Parameter(
        name,
        Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, typer.Option(*names, **details)],
    )


SHARED = (
    option(
        "json",
        bool,
        False,
        "--json",
        help="Answer with the API's own JSON, and nothing else on the standard output.",
        rich_help_panel=_PANEL,
    ),
    option(
        "profile",
        str | None,
        None,
        "--profile",
        help="A server of `abaco profiles`.",
        rich_help_panel=_PANEL,
    ),
    option("url", str | None, None, "--url", help="The server's URL.", rich_help_panel=_PANEL),
    option(
        "token",
        str | None,
        None,
        "--token",
        "-z",
        help="The server's token, instead of the profile's or ABACO_TOKEN.",
        rich_help_panel=_PANEL,
    ),
)


def command(
    app: typer.Typer, name: str, *others: str, panel: str | None = None, extra: Sequence[Any] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as `name`, and under the names it has in abaco-cli.

    Parameters
    ----------
    extra : sequence of Parameter
        Options that the function takes together, as the dictionary `settings`.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        run = _with_border(function, extra)
        app.command(name, rich_help_panel=panel)(run)
        for other in others:
            app.command(other, hidden=True)(run)
        return function

    return register


def shared_options(app: typer.Typer) -> None:
    """Take the options of every command before the command's name too."""

    def before(**_: Any) -> None:
        """Nothing is to be done: `command` reads them."""

    before.__signature__ = inspect.Signature(SHARED)  # type: ignore[attr-defined]
    before.__annotations__ = {p.name: p.annotation for p in SHARED}
    app.callback()(before)


def _with_border(function: Callable[..., None], extra: Sequence[Any]) -> Callable[..., None]:
    own = list(inspect.signature(function).parameters.values())[1:]
    own = [p.replace(kind=Parameter.KEYWORD_ONLY) for p in own if p.name != "settings"]

    @functools.wraps(function)
    def run(ctx: typer.Context, **given: Any) -> None:
        before = ctx.find_root().params  # `abaco --json list` is `abaco list --json`
        shared: dict[str, Any] = {p.name: given.pop(p.name) or before.get(p.name) for p in SHARED}
        if extra:
            given["settings"] = {p.name: given.pop(p.name) for p in extra}
        # A notebook brings a session of its own, and shows errors in its own way.
        session = ctx.obj(**shared) if callable(ctx.obj) else Session(http=ctx.obj, **shared)
        try:
            if session.raises:
                function(session, **given)
            else:
                _guarded(session, lambda: function(session, **given))
        finally:
            session.close()

    context = Parameter("ctx", Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [context, *own, *extra, *SHARED]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def _guarded(session: Session, work: Callable[[], None]) -> None:
    try:
        work()
        sys.stdout.flush()
    except AbacoError as error:
        _fail(session, ends.of_error(error), error.code, _sentence(error))
    except TimeoutError as error:
        _fail(session, End.TIMED_OUT, "timed_out", str(error))
    except KeyboardInterrupt as interrupt:
        _fail(session, End.INTERRUPTED, "interrupted", str(interrupt) or "Interrupted.")
    except (typer.Exit, BrokenPipeError):
        raise
    except OSError as error:
        _fail(session, End.USAGE, "usage", str(error))
    except Exception as error:  # the border of the program: a person gets a line, not a traceback
        if os.environ.get("ABACO_TRACEBACK"):
            raise
        text = f"{type(error).__name__}: {error} (ABACO_TRACEBACK=1 shows where)"
        _fail(session, End.FAILED, "internal_error", text)


def _fail(session: Session, end: End, code: str, text: str) -> None:
    session.note(f"abaco: {text}")
    if session.json:
        told = {"code": code, "message": text, "exitCode": int(end)}
        session.write(output.as_json({"error": told}))
    raise typer.Exit(int(end))


def _sentence(error: AbacoError) -> str:
    """One line where one says it: a single server was asked, and it does not answer."""
    asked = [attempt for attempt in getattr(error, "tried", ()) if "http" in attempt]
    if len(asked) == 1:
        return f"No Abaco server: {asked[0].removeprefix('the url given: ')}."
    return str(error)
