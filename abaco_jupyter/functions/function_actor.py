"""An actor with a function: it can do what every actor can, be called here, and many times."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.functions.calls import Calls
from abaco_jupyter.functions.here import function_of
from abaco_jupyter.wire.errors import InvalidRequest
from abaco_jupyter.wire.spec import BuildSpec

if TYPE_CHECKING:
    from abaco_jupyter.executor.future import AbacoFuture


class FunctionActor(Actor):
    """What `%%abaco_actor` binds to its name: an `Actor`, and

    - ``actor.local(...)`` runs its function in this kernel,
    - ``actor.map(values)``, ``actor.starmap(tuples)`` and ``actor.spawn(...)`` call its function
      with any arguments that can be pickled, each call an execution of its own.
    """

    def __init__(
        self,
        abaco: Abaco,
        actor: Actor,
        spec: BuildSpec | None = None,
        local: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(actor.transport, actor.known)
        self._spec = spec
        self._local = local
        self._calls = Calls(abaco, self)

    def local(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function here, in this process and with its packages."""
        if self._local is None:
            if self._spec is None:
                raise InvalidRequest(
                    f"The source of {self.title} is not here: it runs on the server only."
                )
            self._local = function_of(self._spec, self.title)
        return self._local(*args, **kwargs)

    def spawn(self, *args: Any, **kwargs: Any) -> "AbacoFuture":
        """Call the function and return a `concurrent.futures.Future` at once."""
        return self._calls.spawn(args, kwargs)

    def close(self) -> None:
        """Wait for the calls of `map` and `spawn`, and close their connection."""
        self._calls.close()

    def map(
        self,
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        progress: bool = True,
    ) -> Iterator[Any]:
        """As `AbacoExecutor.map`: results in the order of the values."""
        pairs = zip(*iterables, strict=False)
        return self.starmap(pairs, timeout=timeout, chunksize=chunksize, progress=progress)

    def starmap(
        self,
        arguments: Iterable[Sequence[Any]],
        *,
        timeout: float | None = None,
        chunksize: int = 1,
        progress: bool = True,
    ) -> Iterator[Any]:
        """As `map`, for tuples of arguments."""
        return self._calls.starmap(
            arguments, timeout=timeout, chunksize=chunksize, progress=progress
        )
