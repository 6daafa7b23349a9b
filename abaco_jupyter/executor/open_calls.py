"""The calls of one graph or loop that have not ended, so that all end with it."""

from typing import TYPE_CHECKING, Any

from abaco_jupyter.executor.future import AbacoFuture
from abaco_jupyter.wire.errors import AbacoError

if TYPE_CHECKING:
    from abaco_jupyter.executor.executor import AbacoExecutor


class OpenCalls:
    def __init__(self) -> None:
        self._open: set[AbacoFuture] = set()

    def submit(self, executor: "AbacoExecutor", function: Any, /, *args: Any) -> AbacoFuture:
        future = executor.submit(function, *args)
        self._open.add(future)
        future.add_done_callback(self._open.discard)
        return future

    def give_up(self) -> AbacoError | None:
        """Drop those that wait and stop those that run. What hindered it: the server is gone, or
        refuses."""
        for future in list(self._open):
            try:
                future.cancel(force=True)
            except AbacoError as error:
                return error
        return None
