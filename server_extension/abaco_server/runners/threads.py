"""The runners' one bounded pool for calls that block."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Owned by one runner, which closes it. Only short calls: nothing here waits for user code."""

    def __init__(self, size: int = 8) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="abaco-runner")

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`function` in a thread. Cancelling the call does not stop the function."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(function, *args, **kwargs))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
