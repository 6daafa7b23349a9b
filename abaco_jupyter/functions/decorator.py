"""`@actor`: a function of a notebook that runs on the server."""

import functools
import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abaco_jupyter.build.function import DECORATOR, UNDECORATED, from_function
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.functions.calls import MARK, call_message
from abaco_jupyter.functions.fitting import check_call
from abaco_jupyter.functions.function_actor import FunctionActor
from abaco_jupyter.functions.making import make
from abaco_jupyter.functions.options import Options, check_keywords, options
from abaco_jupyter.show.building import BuildView, sentence
from abaco_jupyter.show.note import Note
from abaco_jupyter.show.surroundings import is_plain
from abaco_jupyter.show.tracebacks import our_frames_hidden
from abaco_jupyter.wire.errors import InvalidRequest
from abaco_jupyter.wire.spec import BuildSpec

if TYPE_CHECKING:
    from abaco_jupyter.client.execution import Execution
    from abaco_jupyter.executor.future import AbacoFuture


class ActorFunction:
    """A function whose calls run on the server, as `@actor` makes it.

    The actor is built and registered when it is first needed, and again by a cell that defines
    the function anew. Arguments and results may be anything that can be pickled; other people
    send the actor JSON messages, as they do to any actor.

    - ``f(...)`` and ``f.remote(...)`` run it there and return what it returned; the first shows
      its log meanwhile,
    - ``f.local(...)`` runs it here,
    - ``f.spawn(...)`` returns a `concurrent.futures.Future` at once, ``f.submit(...)`` the
      `Execution`,
    - ``f.map(values)`` and ``f.starmap(tuples)`` call it many times at once,
    - ``f.with_options(memory="2g")`` is the same function as another actor,
    - ``f.actor`` is the `Actor`: its executions, rights, schedules.
    """

    def __init__(
        self,
        function: Callable[..., Any] | None,
        name: str,
        keywords: dict[str, Any],
        abaco: Abaco | None = None,
    ) -> None:
        check_keywords(keywords)
        self._function = function
        self._name = name
        self._keywords = keywords
        self._options: Options = options(name, folder=Path.cwd(), **keywords)
        self._abaco = abaco
        self._actor: FunctionActor | None = None
        if function is not None:
            functools.update_wrapper(self, function)
            setattr(self, UNDECORATED, function)

    @classmethod
    def from_name(cls, name: str, *, abaco: Abaco | None = None) -> "ActorFunction":
        """The function of an actor that was made before, here or elsewhere, by id, name or alias.

        Raises
        ------
        ActorNotFound
            There is none.
        InvalidRequest
            It was built from no function.
        """
        found = cls(None, name, {}, abaco)
        server = found._server
        actor = server.actor(name)
        if not actor.known.get("defaultEnvironment", {}).get(MARK):
            raise InvalidRequest(
                f"{name} was not made by @actor or %%abaco_actor of this version, so it takes no "
                "calls. Send it messages: Abaco().actor(...)(...)."
            )
        found._actor = FunctionActor(server, actor)
        return found

    @property
    def actor(self) -> FunctionActor:
        """The actor, built and registered if it is not yet."""
        if self._actor is None:
            with our_frames_hidden():
                self._actor = self._make()
        return self._actor

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it on the server, show its log, return what it returned or raise what it raised."""
        __tracebackhide__ = True
        from abaco_jupyter.show.watch import watched_result

        return watched_result(self.submit(*args, **kwargs))

    def remote(self, *args: Any, **kwargs: Any) -> Any:
        """As a call, but quietly: the log is shown only when it fails."""
        __tracebackhide__ = True
        from abaco_jupyter.show.watch import quiet_result

        return quiet_result(self.submit(*args, **kwargs))

    def local(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function here, in this process."""
        if self._function is None:
            return self.actor.local(*args, **kwargs)
        return self._function(*args, **kwargs)

    def submit(self, *args: Any, **kwargs: Any) -> "Execution":
        """Send the call and return its `Execution` at once."""
        __tracebackhide__ = True
        with our_frames_hidden():
            self._check(args, kwargs)
            return self.actor.send(call_message(args, kwargs))

    def spawn(self, *args: Any, **kwargs: Any) -> "AbacoFuture":
        """Send the call and return a `concurrent.futures.Future`."""
        with our_frames_hidden():
            self._check(args, kwargs)
        return self.actor.spawn(*args, **kwargs)

    def map(
        self,
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        progress: bool = True,
    ) -> Iterator[Any]:
        """Results of the calls with each value, in order; all calls are sent at once.

        Parameters
        ----------
        timeout : float, optional
            Seconds until all results must be there.
        chunksize : int
            So many calls are one execution.
        progress : bool
            Whether a cell that waits for longer than two seconds shows how far they are.
        """
        return self.actor.map(*iterables, timeout=timeout, chunksize=chunksize, progress=progress)

    def starmap(
        self,
        arguments: Iterable[Sequence[Any]],
        *,
        timeout: float | None = None,
        chunksize: int = 1,
        progress: bool = True,
    ) -> Iterator[Any]:
        """As `map`, for tuples of arguments."""
        return self.actor.starmap(
            arguments, timeout=timeout, chunksize=chunksize, progress=progress
        )

    def with_options(self, **keywords: Any) -> "ActorFunction":
        """The same function with other options, as an actor of its own beside this one.

        Its name is this one's and a digest of the options, so the same ones find it again.
        """
        if self._function is None:
            raise InvalidRequest(f"The source of {self._name} is not here: nothing can be built.")
        told = json.dumps(keywords, sort_keys=True, default=str)
        name = f"{self._name}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
        return ActorFunction(self._function, name, self._keywords | keywords, self._abaco)

    def __repr__(self) -> str:
        if self._actor is None:
            return f"<@actor {self._name}: not made yet>"
        return f"<@actor {self._name}: actor{'' if is_plain() else f' {self._actor.id}'}>"

    @property
    def _server(self) -> Abaco:
        if self._abaco is None:
            self._abaco = _found()
        return self._abaco

    def _check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A call that cannot fit is refused here, as Python would."""
        if self._function is not None:
            check_call(self._function, args, kwargs)

    def _spec(self) -> BuildSpec:
        assert self._function is not None
        spec = from_function(self._function, self._options.environment)
        return self._options.finished(spec)

    def _make(self) -> FunctionActor:
        spec, progress = self._spec(), BuildView(self._name)
        told = (inspect.getdoc(self._function) or "").partition("\n")[0].strip()
        try:
            made = make(
                self._server, self._options, spec, told, listener=progress, starts=progress.open
            )
        except BaseException:
            progress.close("the build failed", failed=True)
            raise
        progress.close("built", fold=True)
        done = made.registration
        if done.change != "unchanged":
            Note(sentence(done, made.done, self._server.found.status))
        return FunctionActor(self._server, done.actor, spec, self._function)


@functools.cache
def _found() -> Abaco:
    """The notebook's server, for all functions of this process."""
    return Abaco()


def actor(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    abaco: Abaco | None = None,
    **keywords: Any,
) -> Any:
    """Let a function's calls run on the server: `@actor`, or `@actor(pip=["numpy"], memory="1g")`.

    Parameters
    ----------
    name : str, optional
        The actor's name, instead of the function's.
    abaco : Abaco, optional
        The server; without it, it is found as `Abaco()` finds it.
    **keywords
        As `%%abaco_actor` has its options: `base`, `python`, `pip`, `apt`, `file`, `env`,
        `secret`, `stateful`, `hint`, `isolation`, `max_workers`, `cpus`, `memory`, `timeout`,
        `retries`, `cron`, `link`, `webhook`, `public`, `share`, `description` and `force`.

    Returns
    -------
    ActorFunction

    Raises
    ------
    InvalidOption
        At once: a value that cannot be. Nothing is asked of the server before the first call.

    Examples
    --------
    >>> @actor(pip=["numpy"], memory="1g")
    ... def norm(values):
    ...     import numpy
    ...     return float(numpy.linalg.norm(values))
    >>> norm([3, 4])
    5.0
    >>> list(norm.map([[3, 4], [5, 12]]))
    [5.0, 13.0]
    """

    def decorate(given: Callable[..., Any]) -> ActorFunction:
        with our_frames_hidden():
            if not inspect.isfunction(given):
                raise TypeError(f"@actor stands before a function, not before {given!r}.")
            return ActorFunction(given, name or given.__name__, keywords, abaco)

    return decorate if function is None else decorate(function)


setattr(actor, DECORATOR, True)
