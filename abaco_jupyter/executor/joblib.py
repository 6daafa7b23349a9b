"""joblib's loops in containers: `parallel_config(backend="abaco")`."""

from concurrent.futures import Future
from typing import Any

from joblib.parallel import AutoBatchingMixin, ParallelBackendBase

from abaco_jupyter.executor.executor import AbacoExecutor
from abaco_jupyter.executor.open_calls import OpenCalls


class AbacoBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc]
    """Runs each batch of a `joblib.Parallel` as one call of an executor.

    Batches grow until one takes 0.2 s, as loky's do. When a call raises, and on an interrupt,
    the other batches are stopped.

    Parameters
    ----------
    executor : AbacoExecutor, optional
        Without it, one is made for the first loop; its image gets joblib and what the functions
        need.

    Examples
    --------
    >>> with joblib.parallel_config(backend="abaco"):
    ...     search.fit(X, y)
    >>> with joblib.parallel_config(backend="abaco", executor=executor):
    ...     joblib.Parallel()(joblib.delayed(simulate)(n) for n in range(100))
    """

    supports_retrieve_callback = True
    default_n_jobs = -1

    def __init__(self, executor: AbacoExecutor | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._given = executor
        self._calls = OpenCalls()

    @property
    def executor(self) -> AbacoExecutor:
        if self._given is None:
            self._given = AbacoExecutor()
        return self._given

    def configure(self, n_jobs: int = 1, parallel: Any = None, **_: Any) -> int:
        self.parallel = parallel
        return self.effective_n_jobs(n_jobs)

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """-1: as many as run at once; -2: one less."""
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None or n_jobs > 0:
            return n_jobs or 1
        return max(self.executor._max_workers + 1 + n_jobs, 1)

    def submit(self, func: Any, callback: Any = None) -> Future[Any]:
        future = self._calls.submit(self.executor, func)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Future[Any]) -> Any:
        return out.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """A server that is gone stops nothing, and what ends the loop matters more than that."""
        self._calls.give_up()

    def terminate(self) -> None:
        """A loop has ended. The executor stays: the next loop of the same backend uses it."""
        self.reset_batch_stats()
