"""`AbacoExecutor`: its calls, pickled and handed to their line."""

import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, Literal

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.executor import order, packages, places
from abaco_jupyter.executor.apart import Place, pickled_apart
from abaco_jupyter.executor.future import AbacoFuture
from abaco_jupyter.executor.house import House
from abaco_jupyter.executor.line import Call, Line
from abaco_jupyter.executor.pickling import Pickled, pickled_or_why_not
from abaco_jupyter.executor.places import SOURCE, Settings
from abaco_jupyter.executor.reattach import found_again
from abaco_jupyter.show.bar import open_bar
from abaco_jupyter.wire.limits import MAX_WORKERS
from abaco_jupyter.wire.options import NO_OPTIONS, CallOptions

__all__ = ["SOURCE", "AbacoExecutor"]


class Same:
    """Stands for an option that stays as it is."""


SAME = Same()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """What a view of an executor does otherwise than another one."""

    settings: Settings
    options: CallOptions = NO_OPTIONS
    retries: int = 0


class AbacoExecutor(Executor):
    """`concurrent.futures.Executor` whose calls run in containers, each one an execution.

    The calls go to a stateless actor that is made, and its image built, when the first of them
    needs it: the next executor whose functions need the same finds both. The actor and what it
    ran stay; calls that have reached the server survive its restart. Functions of notebook cells
    and of modules that are not installed travel by value, with what they use; packages that they
    use are installed in the image, in this kernel's versions.

    Functions, arguments and results may have up to 1 GiB each, pickled. What calls have in common
    is sent once: a large function, an argument that all calls of a `map` share, and one that comes
    again as it was.

    Parameters
    ----------
    max_workers : int, optional
        Calls that run at once; without it, as many as the server gives an actor (6).
    pip : sequence of str, optional
        Packages for the image, beside those that the functions are seen to use, or in place of
        those of the same name; an empty one: no packages at all.
    image : str, optional
        A base image, with this kernel's Python version, in place of ours. Of packages it gets
        those in `pip` only.
    actor : str, optional
        The id or name of an actor that another executor made. Nothing is built.
    memory : str, optional
        What a container may use, such as `"512m"`.
    isolation : str
        `"container"`: a new one for each call; `"process"`: they share containers, each in a
        process of its own; `"none"`: one interpreter runs them all, one after the other.
    on_kernel_exit : str
        What becomes of calls that have not ended when this kernel ends, in whatever way: `"keep"`,
        they go on, and `reattach` finds those that have a label; `"cancel"`.
    abaco : Abaco, optional
        The server; without it, it is found as `Abaco()` finds it.

    Raises
    ------
    ServerNotFound
        As `Abaco` raises it.
    BuildFailed, InvalidSpec
        The image cannot be made. Without `pip`, `image` and `actor` the first call raises it.
    InvalidRequest
        `actor` was made by no executor, or by one in another version of Python.

    Examples
    --------
    >>> with AbacoExecutor() as executor:
    ...     print(list(executor.map(simulate, range(20))))
    """

    def __init__(
        self,
        max_workers: int | None = None,
        *,
        pip: Sequence[str] | None = None,
        image: str | None = None,
        actor: str | None = None,
        memory: str | None = None,
        isolation: Literal["container", "process", "none"] = "process",
        on_kernel_exit: Literal["keep", "cancel"] = "keep",
        abaco: Abaco | None = None,
    ) -> None:
        if on_kernel_exit not in ("keep", "cancel"):
            raise ValueError(f"on_kernel_exit is 'keep' or 'cancel', not {on_kernel_exit!r}")
        if actor is not None and (pip or image or memory or max_workers is not None):
            raise ValueError("an actor brings its own image and settings: give only actor=")
        if isinstance(pip, str):
            raise ValueError(f"pip is a list of packages: pip=[{pip!r}]")
        settings = Settings(
            max_workers=max_workers,
            memory=memory,
            isolation=isolation,
            image=image,
            pip=() if actor is not None else None if pip is None else tuple(pip),
        )
        server = Abaco() if abaco is None else abaco
        self._way = _Way(settings=settings)
        self._house = House(server, cancel_on_close=on_kernel_exit == "cancel")
        self._last: dict[Place, bytes] = {}
        self._given = None if actor is None else places.made_before(server, actor)
        here = self._house.places(settings)
        if self._given is not None:
            here.at(self._given)
        elif not settings.learns:
            here.line()

    @property
    def actor(self) -> Actor:
        """The newest of its actors; made now, if there was no call yet."""
        return self._line.actor

    @property
    def actors(self) -> list[Actor]:
        """All that its calls have gone to, those of its views too, oldest first."""
        return self._house.actors

    @property
    def _line(self) -> Line:
        return self._house.places(self._way.settings).line()

    @property
    def _max_workers(self) -> int:
        """dask and joblib ask for it."""
        made = self._house.places(self._way.settings).lines
        told = made[-1].actor.known.get("maxWorkers") if made else self._way.settings.max_workers
        return told or MAX_WORKERS

    def with_options(
        self,
        *,
        timeout: float | Same | None = SAME,
        retries: int | Same = SAME,
        label: str | Same | None = SAME,
        memory: str | Same | None = SAME,
        max_workers: int | Same | None = SAME,
        isolation: str | Same = SAME,
    ) -> "AbacoExecutor":
        """This executor with other options for the calls that are submitted through the answer.

        Both are one executor, with one `shutdown`. With another `memory`, `max_workers` or
        `isolation` the calls go to an actor of their own, of the same image.

        Parameters
        ----------
        timeout : float, optional
            Seconds that a call may run. The server stops it then, whether the kernel is still
            there or not, and the call ends in `ExecutionFailed`.
        retries : int
            How often a call is tried again that raised, or was lost. The last exception is the
            call's, with notes on those before.
        label : str, optional
            `reattach` finds the calls by it, in this kernel or another one.

        Examples
        --------
        >>> nightly = executor.with_options(timeout=600, retries=2, label="nightly")
        >>> futures = [nightly.submit(simulate, n) for n in range(100)]
        """
        given = {"max_workers": max_workers, "memory": memory, "isolation": isolation}
        changes: dict[str, Any] = {k: v for k, v in given.items() if not isinstance(v, Same)}
        told = {"timeout": timeout, "label": label}
        options: dict[str, Any] = {k: v for k, v in told.items() if not isinstance(v, Same)}
        if changes and self._given is not None:
            raise ValueError("an actor brings its own settings: they cannot be changed here")
        view = AbacoExecutor.__new__(type(self))
        view._house, view._given = self._house, self._given
        view._last = {}
        view._way = replace(
            self._way,
            settings=replace(self._way.settings, **changes),
            options=replace(self._way.options, **options),
            retries=self._way.retries if isinstance(retries, Same) else _checked(retries),
        )
        return view

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> AbacoFuture:
        """Call `fn(*args, **kwargs)` in a container.

        What cannot be pickled is the future's exception.

        Raises
        ------
        RuntimeError
            After `shutdown`.
        concurrent.futures.BrokenExecutor
            The server was lost for good.
        BuildFailed, InvalidSpec
            An image with the packages that it needs cannot be made.
        """
        (future,) = self._submit(fn, [(args, kwargs)], many=False)
        return future

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        ordered: bool = True,
        return_exceptions: bool = False,
        progress: bool | str = True,
    ) -> Iterator[Any]:
        """As `Executor.map`. All calls are submitted at once.

        A kernel interrupt, as leaving the iteration, drops what has not begun; an interrupt also
        stops what runs.

        Parameters
        ----------
        timeout : float, optional
            Seconds from now after which the iteration raises TimeoutError.
        chunksize : int
            With more than 1, so many calls are one execution.
        ordered : bool
            False: results come as the calls end.
        return_exceptions : bool
            Exceptions are results too. That of one call of a chunk stands for the whole chunk.
        progress : bool or str
            Whether a cell that waits for the results shows how far they are once that takes two
            seconds; a text is what it calls them. Scripts show nothing.
        """
        return self.starmap(
            fn,
            zip(*iterables, strict=False),
            timeout=timeout,
            chunksize=chunksize,
            ordered=ordered,
            return_exceptions=return_exceptions,
            progress=progress,
        )

    def starmap(
        self,
        fn: Callable[..., Any],
        arguments: Iterable[Sequence[Any]],
        *,
        timeout: float | None = None,
        chunksize: int = 1,
        ordered: bool = True,
        return_exceptions: bool = False,
        progress: bool | str = True,
    ) -> Iterator[Any]:
        """As `map`, for tuples of arguments: `fn(*one)` for each."""
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        deadline = None if timeout is None else time.monotonic() + timeout
        many = chunksize > 1
        chunks = list(order.chunked(arguments, chunksize))
        given = [list(chunk) if many else (tuple(chunk[0]), {}) for chunk in chunks]
        batch = order.Batch(
            futures=self._submit(fn, given, many=many),
            sizes=[len(chunk) for chunk in chunks] if many else None,
            deadline=deadline,
            return_exceptions=return_exceptions,
            bar=open_bar(_title(fn, progress), sum(map(len, chunks))) if progress else None,
        )
        return order.in_order(batch) if ordered else order.as_they_end(batch)

    def as_completed(
        self, futures: Iterable[AbacoFuture], timeout: float | None = None
    ) -> Iterator[AbacoFuture]:
        """As `concurrent.futures.as_completed`, which may be used as well; but a kernel interrupt
        stops those that have not ended."""
        return order.completed(list(futures), timeout)

    def reattach(self, label: str) -> list[AbacoFuture]:
        """Futures of all calls that were submitted with this label, in that order.

        Also after the kernel or the server was started again. Of a call that was tried again the
        last try counts. Results are on the server for an hour. Empty: there are none.

        An executor with `actor=` looks there, any other one at all actors of executors.
        """
        return found_again(self._house, label, only=self._given)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; wait for those there are, unless `wait` is False.

        `cancel_futures` drops those that have not begun, on the server too. A kernel interrupt
        while this waits stops them all.
        """
        self._house.close(wait=wait, cancel=cancel_futures)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Waits, as every executor does; but an interrupt of the block stops the calls."""
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self._house.stop()
        else:
            self.shutdown()

    def __call__(self, graph: Any, keys: Any, **options: Any) -> Any:
        """What dask calls of its `scheduler=executor`: the values of `keys` of a graph."""
        from abaco_jupyter.executor.dask import run_graph

        return run_graph(self, graph, keys, **options)

    def __repr__(self) -> str:
        made = self._house.places(self._way.settings).lines
        where = repr(made[-1].actor.title) if made else "made at the first call"
        return f"AbacoExecutor(actor={where}, max_workers={self._max_workers})"

    def _submit(
        self, fn: Callable[..., Any], given: Sequence[Any], *, many: bool
    ) -> list[AbacoFuture]:
        """One future for each of `given`; those that cannot be pickled have ended."""
        self._house.check_open()
        here = self._house.places(self._way.settings)
        travels = packages.travels if here.learns else _never
        function = pickled_or_why_not(fn, travels, "its function")
        pickle_one = partial(pickled_or_why_not, from_here=travels, what="its arguments")
        constants, arguments = pickled_apart(given, pickle_one, many=many) if given else ({}, [])
        wrong = [p for p in (function, *arguments) if isinstance(p, Exception)]
        if wrong and (isinstance(function, Exception) or len(wrong) == len(arguments)):
            failed = function if isinstance(function, Exception) else None
            return [_unsent(fn, failed or one) for one in arguments]
        assert isinstance(function, Pickled)
        good = [p for p in (*arguments, *constants.values()) if isinstance(p, Pickled)]
        line = here.line(function.needs.union(*(p.needs for p in good)))
        body = self._shared("", function.body)
        large = {place: self._shared(place, one.body) for place, one in constants.items()}
        futures, calls = [], []
        for one in arguments:
            if isinstance(one, Exception):
                futures.append(_unsent(fn, one))
                continue
            call = Call(
                function=body,
                arguments=one.body,
                constants=large,
                many=many,
                options=self._way.options,
            )
            future = AbacoFuture(line, call, retries=self._way.retries)
            futures.append(future)
            calls.append((future, call))
        line.add(calls)
        return futures

    def _shared(self, place: Place, pickled: bytes) -> bytes:
        """Thousands of calls of one function, or with one large argument, keep one copy of its
        pickle. The function has no place among the arguments."""
        last = self._last.get(place)
        if last == pickled:
            return last
        # Another thread's call may be in its place at once: what is returned is this one's.
        self._last[place] = pickled
        return pickled


def _title(fn: Any, progress: bool | str) -> str:
    return progress if isinstance(progress, str) else getattr(fn, "__name__", "map")


def _never(_: str) -> bool:
    return False


def _unsent(fn: Any, error: Any) -> AbacoFuture:
    name = getattr(fn, "__name__", repr(fn))
    failed = pickle.PicklingError(f"The call of {name} cannot be sent to a container: {error}")
    failed.__cause__ = error
    future = AbacoFuture(None)
    future.set_exception(failed)
    return future


def _checked(retries: int) -> int:
    if retries < 0:
        raise ValueError(f"retries must be 0 or more, not {retries}")
    return retries
