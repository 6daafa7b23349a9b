"""One thread that hears of all calls of an executor, and gives each its result."""

import json
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from abaco_jupyter.client.errors import ServerUnreachable
from abaco_jupyter.client.stream import EventStream, Following, Frame
from abaco_jupyter.executor import ending
from abaco_jupyter.executor.parcels import large_value
from abaco_jupyter.executor.settle import settle
from abaco_jupyter.wire import paths
from abaco_jupyter.wire.codes import CANCELLED, ActorStatus, ExecutionStatus
from abaco_jupyter.wire.errors import AbacoError
from abaco_jupyter.wire.limits import MAX_BATCH

if TYPE_CHECKING:
    from abaco_jupyter.executor.line import Line

_QUIET = 10.0
"""Seconds without news after which it looks whether the actor can run anything at all."""

_PAUSE = 1.0


class Watcher:
    def __init__(self, line: "Line") -> None:
        self._line = line
        self._stream = EventStream(
            line.actor.transport, paths.actor_stream(line.actor.id), patience=line.patience
        )
        self._open = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._watch, name="abaco-executor-watch", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._stream.close()

    def join(self) -> None:
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def wait_until_open(self) -> None:
        """From here on nothing is missed; or the line is broken."""
        self._open.wait()

    def hear(self, record: dict[str, Any]) -> None:
        """An execution as it is now: ours, or somebody else's."""
        if not ExecutionStatus(record["status"]).ended:
            if record["status"] == ExecutionStatus.RUNNING:
                self._line.running(record["id"])
            return
        future = self._line.ended(record)
        if future is None:
            return
        execution = future.execution
        assert execution is not None
        value = partial(large_value, execution, self._patiently)
        settle(future, record, value)
        self._line.settled([record["id"]])
        if record["status"] == ExecutionStatus.ERROR and record.get("reason") != CANCELLED:
            self._check_actor()

    def look_at(self, ids: list[str]) -> None:
        """Ask how these are: their change may have been missed."""
        actor = self._line.actor
        for start in range(0, len(ids), MAX_BATCH):
            some = ids[start : start + MAX_BATCH]
            answer = actor.transport.call(
                "POST", paths.newest_executions(actor.id), json={"executions": some}
            )
            known = {record["id"]: record for record in answer["executions"]}
            for execution_id in some:
                self.hear(known.get(execution_id) or _vanished(execution_id))

    # ---- the thread --------------------------------------------------------------------------

    def _watch(self) -> None:
        try:
            with Following(self._stream) as news:
                while not self._stopped.is_set():
                    self._one(news.next(_QUIET))
        except AbacoError as error:
            self._line.broke(error)
        except BaseException as error:
            self._line.broke(error)
            raise
        finally:
            self._stopped.set()
            self._open.set()

    def _one(self, item: object) -> None:
        if item is None:
            self._check_actor()
        elif isinstance(item, Frame):
            data = json.loads(item.data)
            if item.event == "open":
                missed = self._line.connected()
                self._open.set()
                self._patiently(lambda: self.look_at(missed))
            else:
                self.hear(data)

    def _patiently(self, ask: Any) -> Any:
        """The answer, when it takes a restart of the server to have it."""
        until = time.monotonic() + self._line.patience
        while True:
            try:
                return ask()
            except ServerUnreachable:
                if time.monotonic() > until:
                    raise
            self._stopped.wait(_PAUSE)

    def _check_actor(self) -> None:
        """An actor in ERROR runs nothing: those that wait would wait for ever."""
        waiting = self._line.on_server
        if not waiting:
            return
        try:
            actor = self._line.actor.record
        except ServerUnreachable:
            return  # the stream finds out
        if actor.get("status") != ActorStatus.ERROR:
            return
        raise ending.actor_in_error(actor)


def _vanished(execution_id: str) -> dict[str, Any]:
    reason = "the server has no record of it (any more)"
    return {"id": execution_id, "status": ExecutionStatus.ERROR, "reason": reason}
