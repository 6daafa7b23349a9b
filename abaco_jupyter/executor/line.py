"""The calls of one executor on their way: waiting here, being sent, on the server.

Two threads: one sends what has gathered, in batches, as long as not too many are on the server;
the other (`watcher`) follows the server's event stream. Both begin with the first call and end
when the executor is shut down and its last call has ended.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, field
from typing import Any

import msgspec

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.errors import ServerUnreachable
from abaco_jupyter.client.execution import Execution
from abaco_jupyter.executor.future import AbacoFuture, drop, fail
from abaco_jupyter.executor.watcher import Watcher
from abaco_jupyter.wire import paths
from abaco_jupyter.wire.call import encode_call
from abaco_jupyter.wire.errors import AbacoError, ExecutionNotRunning
from abaco_jupyter.wire.limits import MAX_BATCH, MIB
from abaco_jupyter.wire.options import NO_OPTIONS, CallOptions

ON_SERVER = 1000
"""Calls that have been sent and not ended: the others wait here, where they are easily dropped."""

_AT_ONCE = 500
_BYTES_AT_ONCE = 8 * MIB
_PATIENCE = 120.0
_PAUSE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Pickles of the function and of its arguments; equal functions share one."""

    function: bytes
    arguments: bytes
    many: bool = False
    options: CallOptions = NO_OPTIONS

    @property
    def size(self) -> int:
        return len(self.function) + len(self.arguments)


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
        self._state = _State()
        self._changed = threading.Condition()
        self._watcher = Watcher(self)
        self._sender: threading.Thread | None = None

    # ---- what the executor and its futures ask for -------------------------------------------

    def add(self, calls: Sequence[tuple[AbacoFuture, Call]]) -> None:
        """Take calls in. Raises RuntimeError after the shutdown, BrokenExecutor without server."""
        with self._changed:
            self._open()
            self._state.waiting.extend(calls)
            self._changed.notify_all()

    def again(self, future: AbacoFuture, call: Call) -> None:
        """A call that was here before, its execution failed: also while the line is closing."""
        with self._changed:
            self._state.waiting.append((future, call))
            self._changed.notify_all()

    def adopt(self, calls: Sequence[tuple[AbacoFuture, str]]) -> None:
        """Wait for what another life of the executor has sent: futures and execution ids."""
        with self._changed:
            self._open()
            for future, execution_id in calls:
                future.sent_as(Execution(self.actor, execution_id, {"status": "SUBMITTED"}))
                self._state.sent[execution_id] = future
        self._watcher.wait_until_open()
        self._watcher.look_at([execution_id for _, execution_id in calls])

    def cancel(self, futures: Sequence[AbacoFuture], *, force: bool = False) -> bool:
        """Drop those that have not begun; with `force`, stop the others. Whether none runs on."""
        with self._changed:
            self._changed.wait_for(lambda: self._state.sending.isdisjoint(futures))
            dropped = self._remove_waiting(set(futures))
            there = [(one.execution, one) for one in futures if not one.done()]
        for future in dropped:
            future.drop()
        on_server = {ran.id: future for ran, future in there if ran is not None}
        self._take_back(on_server)
        if force:
            for future in on_server.values():
                # One that a worker has taken and not started yet is stopped when it starts.
                future.unwanted = True
                self._halt(future)
        stopped = [one.cancelled() or (force and one in on_server.values()) for one in futures]
        return all(stopped)

    def close(self, *, cancel: bool = False, force: bool = False) -> None:
        """Take no more calls in. Those that are here run to their end, or are dropped."""
        with self._changed:
            self._state.closing = True
            left = [one for one, _ in self._state.waiting]
            left += [*self._state.sending, *self._state.sent.values()]
            self._finish_if_idle()
            self._changed.notify_all()
        if cancel and left:
            for future in left:
                future.retries_left = 0
            self.cancel(left, force=force)

    def join(self) -> None:
        """Wait until all calls have ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._state.idle)
        self._watcher.join()

    # ---- what the watcher tells --------------------------------------------------------------

    @property
    def on_server(self) -> list[str]:
        with self._changed:
            return list(self._state.sent)

    def connected(self) -> list[str]:
        """The stream is open: whose status must be asked for, as its change may have been
        missed."""
        with self._changed:
            self._state.reopened = True
            return list(self._state.sent)

    def running(self, execution_id: str) -> None:
        with self._changed:
            future = self._state.sent.get(execution_id)
        if future is None:
            return
        future.begin()
        if future.unwanted:
            self._halt(future)

    def ended(self, record: dict[str, Any]) -> AbacoFuture | None:
        """The future that this is the end of: nobody else gets it."""
        with self._changed:
            future = self._state.sent.get(record["id"])
            if future is None and self._state.sending:
                self._state.early[record["id"]] = record
            return future

    def settled(self, execution_id: str) -> None:
        """Its future has its result."""
        with self._changed:
            self._state.sent.pop(execution_id, None)
            self._finish_if_idle()
            self._changed.notify_all()

    def broke(self, error: BaseException) -> None:
        """There is no more news: every call ends in this error."""
        with self._changed:
            self._state.broken = error
            left = [one for one, _ in self._state.waiting] + list(self._state.sent.values())
            self._state.waiting.clear()
            self._state.sent.clear()
            self._changed.notify_all()
        for future in left:
            fail(future, error)

    # ---- the sending thread ------------------------------------------------------------------

    def _send_all(self) -> None:
        self._watcher.wait_until_open()
        while batch := self._next_batch():
            self._send(batch)

    def _next_batch(self) -> list[tuple[AbacoFuture, Call]]:
        """What has gathered, as far as there is room; empty at the end."""
        state = self._state
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    state.broken
                    or (state.waiting and len(state.sent) < ON_SERVER)
                    or (state.closing and state.idle)
                )
            )
            batch: list[tuple[AbacoFuture, Call]] = []
            room, size = min(_AT_ONCE, ON_SERVER - len(state.sent)), 0
            while state.waiting and len(batch) < room:
                size += state.waiting[0][1].size
                if batch and size > _BYTES_AT_ONCE:
                    break
                if batch and state.waiting[0][1].options != batch[0][1].options:
                    break
                batch.append(state.waiting.popleft())
            state.sending = {future for future, _ in batch}
            state.reopened = False
            return batch

    def _send(self, batch: list[tuple[AbacoFuture, Call]]) -> None:
        bodies = [encode_call(c.function, c.arguments, many=c.many) for _, c in batch]
        try:
            ids = self._post(msgspec.msgpack.encode(bodies), batch[0][1].options)
        except AbacoError as error:
            with self._changed:
                self._batch_is_out()
                self._finish_if_idle()
            for future, _ in batch:
                fail(future, error)
            return
        with self._changed:
            for execution_id, (future, _) in zip(ids, batch, strict=True):
                future.sent_as(Execution(self.actor, execution_id, {"status": "SUBMITTED"}))
                self._state.sent[execution_id] = future
            early = [one for one in self._state.early.values() if one["id"] in self._state.sent]
            self._batch_is_out()
            missed, broken = self._state.reopened, self._state.broken
        if broken is not None:
            self.broke(broken)
            return
        try:
            for record in early:
                self._watcher.hear(record)
            if missed:
                self._watcher.look_at(ids)
        except AbacoError as error:
            self.broke(error)

    def _post(self, content: bytes, options: CallOptions) -> list[str]:
        """Tried again only when the server cannot have had it: no call runs twice."""
        until = time.monotonic() + _PATIENCE
        headers = {"Content-Type": "application/msgpack"}
        while True:
            try:
                answer = self.actor.transport.call(
                    "POST",
                    paths.batch(self.actor.id),
                    content=content,
                    headers=headers,
                    params=options.query,
                )
                return list(answer["executionIds"])
            except ServerUnreachable as error:
                if error.sent or time.monotonic() > until or self._state.broken:
                    raise
            with self._changed:
                self._changed.wait_for(lambda: self._state.broken, timeout=_PAUSE)

    def _open(self) -> None:
        """With the condition held: begin, unless it is over."""
        if self._state.broken is not None:
            raise BrokenExecutor(
                f"This executor has lost its server: {self._state.broken} Make a new one."
            ) from self._state.broken
        if self._state.closing:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if self._sender is None:
            self._sender = threading.Thread(
                target=self._send_all, name="abaco-executor-send", daemon=True
            )
            self._sender.start()
            self._watcher.start()

    # ---- parts -------------------------------------------------------------------------------

    def _take_back(self, on_server: dict[str, AbacoFuture]) -> None:
        ids = list(on_server)
        for start in range(0, len(ids), MAX_BATCH):
            some = ids[start : start + MAX_BATCH]
            answer = self.actor.transport.call(
                "POST", paths.cancel(self.actor.id), json={"executions": some}
            )
            for execution_id in answer["cancelled"]:
                drop(on_server[execution_id])
                self.settled(execution_id)

    def _halt(self, future: AbacoFuture) -> None:
        if future.done() or future.execution is None:
            return
        try:
            future.execution.halt()
        except ExecutionNotRunning:
            return  # it has ended in the meantime

    def _remove_waiting(self, unwanted: set[AbacoFuture]) -> list[AbacoFuture]:
        """With the condition held."""
        before = self._state.waiting
        self._state.waiting = deque(item for item in before if item[0] not in unwanted)
        self._finish_if_idle()
        self._changed.notify_all()
        return [future for future, _ in before if future in unwanted]

    def _batch_is_out(self) -> None:
        """With the condition held. Before anybody is told: who is told may cancel its neighbours,
        which waits for a batch that is under way."""
        self._state.sending.clear()
        self._state.early.clear()
        self._changed.notify_all()

    def _finish_if_idle(self) -> None:
        if self._state.closing and self._state.idle:
            self._watcher.stop()
