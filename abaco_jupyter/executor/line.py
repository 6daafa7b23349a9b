"""The calls of one executor on their way: waiting here, being sent, on the server.

Two threads: one sends what has gathered while its last batch was under way, as long as not too
many are on the server; the other hears of them. Both begin with the first call and end when the
executor is shut down and its last call has ended. How they reach the server is a `Way`.
"""

import logging
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, field
from typing import Any

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.channel import NoChannel
from abaco_jupyter.client.errors import ServerUnreachable
from abaco_jupyter.client.execution import Execution
from abaco_jupyter.executor.batches import Batches, halt
from abaco_jupyter.executor.courier import Courier
from abaco_jupyter.executor.future import AbacoFuture, fail
from abaco_jupyter.executor.way import PATIENCE, Way
from abaco_jupyter.wire.call import encode_call
from abaco_jupyter.wire.errors import AbacoError
from abaco_jupyter.wire.options import NO_OPTIONS, CallOptions

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Pickles of the function and of its arguments; equal ones are the same object."""

    function: bytes
    arguments: bytes
    constants: Mapping[int | str, bytes] = field(default_factory=dict)
    """Large arguments by themselves, as `wire.call` has them: many calls have the same."""
    many: bool = False
    options: CallOptions = NO_OPTIONS

    @property
    def size(self) -> int:
        return len(self.function) + len(self.arguments) + sum(map(len, self.constants.values()))

    @property
    def body(self) -> bytes:
        """All of it."""
        constants = self.constants
        return encode_call(self.function, self.arguments, many=self.many, constants=constants)


@dataclass(slots=True, kw_only=True)
class _State:
    """All of it is read and changed with the line's condition held."""

    waiting: deque[tuple[AbacoFuture, Call]] = field(default_factory=deque)
    sending: set[AbacoFuture] = field(default_factory=set)
    sent: dict[str, AbacoFuture] = field(default_factory=dict)
    early: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Ended before the answer to their batch was here."""
    reopened: bool = False
    """The stream was connected anew while a batch was under way."""
    closing: bool = False
    broken: BaseException | None = None

    @property
    def idle(self) -> bool:
        return not (self.waiting or self.sending or self.sent)


class Line:
    def __init__(self, actor: Actor, *, cancel_on_close: bool = False) -> None:
        self.actor = actor
        self.cancel_on_close = cancel_on_close
        self.patience = PATIENCE
        self.state = _State()
        self.changed = threading.Condition()
        self._way: Way | None = None
        self._sender: threading.Thread | None = None

    # ---- what the executor and its futures ask for -------------------------------------------

    def add(self, calls: Sequence[tuple[AbacoFuture, Call]]) -> None:
        """Take calls in. Raises RuntimeError after the shutdown, BrokenExecutor without server."""
        with self.changed:
            self._open()
            self.state.waiting.extend(calls)
            self.changed.notify_all()

    def again(self, future: AbacoFuture, call: Call) -> None:
        """A call that was here before, its execution failed: also while the line is closing."""
        with self.changed:
            self.state.waiting.append((future, call))
            self.changed.notify_all()

    def adopt(self, calls: Sequence[tuple[AbacoFuture, str]]) -> None:
        """Wait for what another life of the executor has sent: futures and execution ids."""
        with self.changed:
            self._open()
            for future, execution_id in calls:
                future.sent_as(Execution(self.actor, execution_id, {"status": "SUBMITTED"}))
                self.state.sent[execution_id] = future
        way = self._known_way()
        if way is not None:
            way.look_at([execution_id for _, execution_id in calls])

    def cancel(self, futures: Sequence[AbacoFuture], *, force: bool = False) -> bool:
        """Drop those that have not begun; with `force`, stop the others. Whether none runs on."""
        with self.changed:
            dropped = self._remove_waiting(set(futures))
        for future in dropped:
            future.drop()
        if (left := [one for one in futures if not one.done()]) and (way := self._known_way()):
            way.take_back(left, force=force)
        return all(one.cancelled() or (force and one in left) for one in futures)

    def close(self, *, cancel: bool = False, force: bool = False) -> None:
        """Take no more calls in. Those that are here run to their end, or are dropped."""
        with self.changed:
            self.state.closing = True
            left = [one for one, _ in self.state.waiting]
            left += [*self.state.sending, *self.state.sent.values()]
            self.finish_if_idle()
            self.changed.notify_all()
        if cancel and left:
            for future in left:
                future.retries_left = 0
            self.cancel(left, force=force)

    def join(self) -> None:
        """Wait until all calls have ended."""
        with self.changed:
            self.changed.wait_for(lambda: self.state.idle)
        if self._sender is not None and (way := self._known_way()) is not None:
            way.join()

    # ---- what the ways ask for, and tell -----------------------------------------------------

    @property
    def on_server(self) -> list[str]:
        with self.changed:
            return list(self.state.sent)

    @property
    def is_done(self) -> bool:
        """With the condition held: whether there is nothing more to send."""
        state = self.state
        return bool(state.broken or (state.closing and state.idle))

    def take(self, count: int, size: int) -> list[tuple[AbacoFuture, Call]]:
        """With the condition held: the oldest that wait, of the same options, as `sending`."""
        waiting = self.state.waiting
        batch: list[tuple[AbacoFuture, Call]] = []
        while waiting and len(batch) < count:
            call = waiting[0][1]
            size -= call.size
            if batch and (size < 0 or call.options != batch[0][1].options):
                break
            batch.append(waiting.popleft())
        self.state.sending.update(future for future, _ in batch)
        return batch

    def connected(self) -> list[str]:
        """The stream is open: whose status must be asked for, as its change may have been
        missed."""
        with self.changed:
            self.state.reopened = True
            return list(self.state.sent)

    def running(self, execution_id: str) -> None:
        with self.changed:
            future = self.state.sent.get(execution_id)
        if future is None:
            return
        future.begin()
        if future.unwanted:
            halt(future)

    def ended(self, record: dict[str, Any]) -> AbacoFuture | None:
        """The future that this is the end of: nobody else gets it."""
        with self.changed:
            future = self.state.sent.get(record["id"])
            if future is None and self.state.sending:
                self.state.early[record["id"]] = record
            return future

    def settled(self, ids: Sequence[str]) -> None:
        """Their futures have their results."""
        with self.changed:
            for execution_id in ids:
                self.state.sent.pop(execution_id, None)
            self.finish_if_idle()
            self.changed.notify_all()

    def broke(self, error: BaseException) -> None:
        """There is no more news: every call ends in this error."""
        with self.changed:
            state = self.state
            state.broken = state.broken or error
            left = [one for one, _ in state.waiting] + list(state.sent.values())
            left += state.sending
            state.waiting.clear()
            state.sent.clear()
            state.sending.clear()
            self.changed.notify_all()
        for future in left:
            fail(future, error)

    def finish_if_idle(self) -> None:
        """With the condition held."""
        if self.state.closing and self.state.idle and self._way is not None:
            self._way.stop()

    # ---- parts -------------------------------------------------------------------------------

    def _open(self) -> None:
        """With the condition held: begin, unless it is over."""
        if self.state.broken is not None:
            raise BrokenExecutor(
                f"This executor has lost its server: {self.state.broken} Make a new one."
            ) from self.state.broken
        if self.state.closing:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if self._sender is None:
            self._sender = threading.Thread(
                target=self._carry, name="abaco-executor-send", daemon=True
            )
            self._sender.start()

    def _carry(self) -> None:
        try:
            way = self._find_way()
        except (AbacoError, ServerUnreachable) as error:
            self.broke(error)
            return
        with self.changed:
            self._way = way
            self.finish_if_idle()
            self.changed.notify_all()
        way.carry()

    def _find_way(self) -> Way:
        courier = Courier(self)
        try:
            courier.open()
        except NoChannel as none:
            _log.warning(
                "%s has no channel of calls here (%s): calls go by plain HTTP, which is slower",
                self.actor.title,
                none,
            )
            return Batches(self)
        return courier

    def _known_way(self) -> Way | None:
        """Waits until it is known; None: there is none, the server could not be reached."""
        with self.changed:
            self.changed.wait_for(lambda: self._way or self.state.broken or self._sender is None)
            return self._way

    def _remove_waiting(self, unwanted: set[AbacoFuture]) -> list[AbacoFuture]:
        """With the condition held."""
        before = self.state.waiting
        self.state.waiting = deque(item for item in before if item[0] not in unwanted)
        self.finish_if_idle()
        self.changed.notify_all()
        return [future for future, _ in before if future in unwanted]
