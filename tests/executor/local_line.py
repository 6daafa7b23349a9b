"""A server that makes nothing, and a line that runs calls here, in threads.

What goes there and comes back has been pickled.
"""

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from types import SimpleNamespace
from typing import Any

import cloudpickle

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.errors import ExecutionFailed
from abaco_jupyter.client.execution import Execution
from abaco_jupyter.executor.future import AbacoFuture, drop, ended_badly, fail, succeed
from abaco_jupyter.executor.line import Call
from abaco_jupyter.wire.ids import new_id
from abaco_jupyter.wire.spec import BuildSpec
from abaco_runtime import calls


class LocalServer:
    """As much of `client.resources.Abaco` as places ask for. It builds and makes nothing."""

    found = SimpleNamespace(status={"runner": "docker"})

    def __init__(self) -> None:
        self.built: list[BuildSpec] = []
        self.made: list[Actor] = []

    def build(self, what: BuildSpec) -> Any:
        self.built.append(what)
        return SimpleNamespace(image=what.image())

    def named(self, name: str) -> Actor | None:
        return next((one for one in self.made if one.name == name), None)

    def create(self, image: str, **fields: Any) -> Actor:
        record = {"id": new_id(), "image": image, "status": "READY"} | fields
        self.made.append(Actor(None, record))  # type: ignore[arg-type]  nobody is asked
        return self.made[-1]


class LocalLine:
    """What `executor.line.Line` does, as far as executor and futures see it."""

    def __init__(self, actor: Actor, *, cancel_on_close: bool = False) -> None:
        self.actor = actor
        self.broken: Exception | None = None
        self._waiting: deque[tuple[AbacoFuture, Call]] = deque()
        self._running: set[AbacoFuture] = set()
        self._closing = False
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []

    def add(self, sent: Sequence[tuple[AbacoFuture, Call]]) -> None:
        with self._changed:
            if self.broken is not None:
                raise BrokenExecutor("it has lost its server") from self.broken
            if self._closing:
                raise RuntimeError("cannot schedule new futures after shutdown")
        for one in sent:
            self.again(*one)

    def again(self, future: AbacoFuture, call: Call) -> None:
        with self._changed:
            self._waiting.append((future, call))
            self._changed.notify_all()
            if len(self._threads) < (self.actor.known.get("maxWorkers") or 2):
                worker = threading.Thread(target=self._work, daemon=True, name="abaco-local")
                self._threads.append(worker)
                worker.start()

    def cancel(self, futures: Sequence[AbacoFuture], *, force: bool = False) -> bool:
        with self._changed:
            wanted, waiting = set(futures), self._waiting
            mine = [one for one in waiting if one[0] in wanted]
            self._waiting = deque(one for one in waiting if one[0] not in wanted)
            self._changed.notify_all()
        for future, _ in mine:
            drop(future)
        return all(one.cancelled() for one in futures)

    def close(self, *, cancel: bool = False, force: bool = False) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            left = [future for future, _ in self._waiting]
        if cancel:
            self.cancel(left)

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (one := self._next()) is not None:
            self._run(*one)
            with self._changed:
                self._running.discard(one[0])
                del one
                self._changed.notify_all()

    def _next(self) -> tuple[AbacoFuture, Call] | None:
        def idle() -> bool:
            return self._closing and not self._waiting and not self._running

        with self._changed:
            self._changed.wait_for(lambda: self._waiting or idle())
            if not self._waiting:
                return None
            one = self._waiting.popleft()
            self._running.add(one[0])
            return one

    def _run(self, future: AbacoFuture, call: Call) -> None:
        record: dict[str, Any] = {"id": new_id(), "status": "RUNNING"}
        future.sent_as(Execution(self.actor, record["id"], record))
        future.begin()
        try:
            body = calls.dumped(calls.run(call.body))
        except SystemExit as exit:
            ended_badly(future, ExecutionFailed(f"ended with exit code {exit.code}", record=record))
        except BaseException as error:  # noqa: BLE001  as every executor does
            ended_badly(future, _carried(error, record))
        else:
            try:
                succeed(future, cloudpickle.loads(body))
            except Exception as error:  # noqa: BLE001  as above
                fail(future, error)


def _carried(error: BaseException, record: dict[str, Any]) -> BaseException:
    try:
        carried: BaseException = cloudpickle.loads(cloudpickle.dumps(error))
    except Exception:  # noqa: BLE001  as above
        return ExecutionFailed(f"raised {error!r}", record=record)
    return carried
