"""Plain HTTP: calls in batches, and a stream of what becomes of them.

For servers without a channel of calls, and where something in between lets no WebSocket through.
"""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from abaco_jupyter.client.errors import ServerUnreachable
from abaco_jupyter.client.execution import Execution
from abaco_jupyter.executor.future import AbacoFuture, drop, fail
from abaco_jupyter.executor.watcher import Watcher
from abaco_jupyter.executor.way import PAUSE
from abaco_jupyter.wire import paths
from abaco_jupyter.wire.errors import AbacoError, ExecutionNotRunning
from abaco_jupyter.wire.limits import MAX_BATCH, MIB
from abaco_jupyter.wire.options import CallOptions

if TYPE_CHECKING:
    from abaco_jupyter.executor.line import Call, Line

ON_SERVER = 1000
"""Calls that have been sent and not ended: the others wait here, where they are easily dropped."""

_AT_ONCE = 500
_BYTES_AT_ONCE = 8 * MIB


class Batches:
    def __init__(self, line: "Line") -> None:
        self._line = line
        self._actor = line.actor
        self._watcher = Watcher(line)

    def carry(self) -> None:
        self._watcher.start()
        self._watcher.wait_until_open()
        while batch := self._next_batch():
            self._send(batch)

    def take_back(self, left: Sequence[AbacoFuture], *, force: bool) -> None:
        line = self._line
        with line.changed:
            line.changed.wait_for(lambda: line.state.sending.isdisjoint(left))
            there = {one.execution.id: one for one in left if one.execution is not None}
        take_back_now(line, there)
        if force:
            for future in there.values():
                # One that a worker has taken and not started yet is stopped when it starts.
                future.unwanted = True
                halt(future)

    def look_at(self, ids: list[str]) -> None:
        self._watcher.wait_until_open()
        self._watcher.look_at(ids)

    def stop(self) -> None:
        self._watcher.stop()

    def join(self) -> None:
        self._watcher.join()

    def _next_batch(self) -> "list[tuple[AbacoFuture, Call]]":
        """What has gathered, as far as there is room; empty at the end."""
        line, state = self._line, self._line.state
        with line.changed:
            line.changed.wait_for(
                lambda: line.is_done or (state.waiting and len(state.sent) < ON_SERVER)
            )
            if state.broken:
                return []
            room = min(_AT_ONCE, ON_SERVER - len(state.sent))
            batch = line.take(room, _BYTES_AT_ONCE)
            state.reopened = False
            return batch

    def _send(self, batch: "Sequence[tuple[AbacoFuture, Call]]") -> None:
        line, state = self._line, self._line.state
        bodies = [call.body for _, call in batch]
        try:
            ids = self._post(msgspec.msgpack.encode(bodies), batch[0][1].options)
        except AbacoError as error:
            with line.changed:
                self._batch_is_out()
                line.finish_if_idle()
            for future, _ in batch:
                fail(future, error)
            return
        with line.changed:
            for execution_id, (future, _) in zip(ids, batch, strict=True):
                future.sent_as(Execution(self._actor, execution_id, {"status": "SUBMITTED"}))
                state.sent[execution_id] = future
            early = [one for one in state.early.values() if one["id"] in state.sent]
            self._batch_is_out()
            missed, broken = state.reopened, state.broken
        if broken is not None:
            line.broke(broken)
            return
        try:
            for record in early:
                self._watcher.hear(record)
            if missed:
                self._watcher.look_at(ids)
        except AbacoError as error:
            line.broke(error)

    def _post(self, content: bytes, options: CallOptions) -> list[str]:
        """Tried again only when the server cannot have had it: no call runs twice."""
        line = self._line
        until = time.monotonic() + line.patience
        headers = {"Content-Type": "application/msgpack"}
        while True:
            try:
                answer = self._actor.transport.call(
                    "POST",
                    paths.batch(self._actor.id),
                    content=content,
                    headers=headers,
                    params=options.query,
                )
                return list(answer["executionIds"])
            except ServerUnreachable as error:
                if error.sent or time.monotonic() > until or line.state.broken:
                    raise
            with line.changed:
                line.changed.wait_for(lambda: line.state.broken, timeout=PAUSE)

    def _batch_is_out(self) -> None:
        """With the condition held. Before anybody is told: who is told may cancel its neighbours,
        which waits for a batch that is under way."""
        self._line.state.sending.clear()
        self._line.state.early.clear()
        self._line.changed.notify_all()


def take_back_now(line: "Line", there: Mapping[str, AbacoFuture]) -> None:
    """Drop those that have not begun before this returns."""
    ids = list(there)
    for start in range(0, len(ids), MAX_BATCH):
        some = ids[start : start + MAX_BATCH]
        answer = line.actor.transport.call(
            "POST", paths.cancel(line.actor.id), json={"executions": some}
        )
        for execution_id in answer["cancelled"]:
            drop(there[execution_id])
        line.settled(answer["cancelled"])


def halt(future: AbacoFuture) -> None:
    if future.done() or future.execution is None:
        return
    try:
        future.execution.halt()
    except ExecutionNotRunning:
        return  # it has ended in the meantime
