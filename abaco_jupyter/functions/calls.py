"""Calls of an actor's own function: any arguments, as pickles, each call an execution.

An actor that was built from a cell or a function takes two kinds of messages: what anybody can
send over HTTP, and calls as `AbacoExecutor` sends them. A call here is one of a small function
that looks up the actor's own.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.message import Body
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.executor.pickling import pickle_by_value
from abaco_jupyter.wire.call import encode_call, own_version
from abaco_jupyter.wire.codes import ContentType
from abaco_jupyter.wire.spec import BuildSpec

if TYPE_CHECKING:
    from abaco_jupyter.executor.executor import AbacoExecutor
    from abaco_jupyter.executor.future import AbacoFuture

MARK = "ABACO_EXECUTOR_PYTHON"
"""As `executor.executor` has it: the Python version whose calls an actor runs."""


def caller_mark(spec: BuildSpec) -> dict[str, str]:
    """The variable that says so; none for a script, which answers no calls."""
    python = spec.python or own_version()
    return {MARK: python} if spec.entry else {}


def own_function() -> Callable[..., Any]:
    """What is sent as the function of a call: it calls the actor's own."""

    def own(*args: Any, **kwargs: Any) -> Any:
        import asyncio
        import inspect
        import os
        import sys

        module, entry = sys.modules["__main__"], "_abaco_entry"
        value = getattr(module, os.environ[entry])(*args, **kwargs)
        return asyncio.run(value) if inspect.iscoroutine(value) else value

    own.__module__ = "__main__"  # so that it travels by value: no image has this package
    own.__qualname__ = own.__name__
    return own


def call_message(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Body:
    """One call as a binary message. Raises what pickling raises."""
    frame = encode_call(
        pickle_by_value(own_function()), pickle_by_value((args, kwargs)), many=False
    )
    return Body(content=frame, content_type=ContentType.BINARY)


class Calls:
    """Many calls of one actor at once. The connection is made with the first."""

    def __init__(self, abaco: Abaco, actor: Actor) -> None:
        self._abaco = abaco
        self._actor = actor
        self._function = own_function()
        self._made: AbacoExecutor | None = None

    def spawn(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> "AbacoFuture":
        return self._executor.submit(self._function, *args, **kwargs)

    def starmap(
        self,
        arguments: Iterable[Sequence[Any]],
        *,
        timeout: float | None,
        chunksize: int,
        progress: bool,
    ) -> Iterator[Any]:
        return self._executor.starmap(
            self._function,
            arguments,
            timeout=timeout,
            chunksize=chunksize,
            progress=progress and self._actor.title,
        )

    def close(self) -> None:
        """Wait for those that are under way. The next call connects anew."""
        made, self._made = self._made, None
        if made is not None:
            made.shutdown()

    @property
    def _executor(self) -> "AbacoExecutor":
        from abaco_jupyter.executor.executor import AbacoExecutor

        if self._made is None:
            self._made = AbacoExecutor(actor=self._actor.id, abaco=self._abaco)
        return self._made
