"""An execution: one message's run."""

import json
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from abaco_jupyter.client import outcome, stopping
from abaco_jupyter.client.follow import Listener, LogText, Quiet, to_end
from abaco_jupyter.client.patience import Patience
from abaco_jupyter.client.stream import LAST, EventStream, Following, Frame
from abaco_jupyter.wire import paths
from abaco_jupyter.wire.call import decode_result
from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_jupyter.wire.errors import AbacoError

if TYPE_CHECKING:
    from abaco_jupyter.client.actor import Actor


class Execution:
    """One message's run, as `Actor.submit` and `Actor.executions` return it.

    A kernel interrupt while `wait` or `result` waits halts the execution.

    Attributes
    ----------
    id : str
    actor : Actor
    """

    def __init__(self, actor: "Actor", execution_id: str, record: dict[str, Any] | None = None):
        self.actor = actor
        self.id = execution_id
        self._known = record or {}
        self._final: dict[str, Any] | None = None
        self._tail = ""
        self._bodies: list[bytes] = []
        self._fetching = threading.Lock()
        self._halted = False

    @property
    def record(self) -> dict[str, Any]:
        """The execution's record as the server keeps it now (names in camel case)."""
        if self._final is None:
            path = paths.execution(self.actor.id, self.id)
            self._known = self.actor.transport.call("GET", path)
        return dict(self._known)

    @property
    def known(self) -> dict[str, Any]:
        """The record as it was last seen; asks nobody."""
        return dict(self._known)

    @property
    def status(self) -> ExecutionStatus:
        """SUBMITTED, RUNNING, COMPLETE (whatever the exit code) or ERROR (could not be run)."""
        return ExecutionStatus(self.record["status"])

    @property
    def logs(self) -> str:
        """What the execution printed so far, stdout and stderr together."""
        answer = self.actor.transport.call("GET", paths.logs(self.actor.id, self.id))
        return str(answer["logs"])

    def follow(self) -> Iterator[str]:
        """Pieces of the log as they are printed, up to the end of the execution.

        Leaving the loop, by a kernel interrupt too, lets the execution go on.
        """
        log, quiet = LogText(), Quiet()
        with Following(self._stream()) as following:
            while True:
                item = following.next()
                if not isinstance(item, Frame):
                    continue
                data = json.loads(item.data)
                if item.event == "log" and (text := log.new(data["text"], item.id)):
                    quiet.log(text)
                    yield text
                if item.event == LAST:
                    self._end(data, quiet.tail)
                    return

    def wait(
        self,
        timeout: float | None = None,
        *,
        listener: Listener | None = None,
        halts: bool = True,
    ) -> Self:
        """Wait for the end, good or bad, and return this execution.

        Parameters
        ----------
        timeout : float, optional
            Seconds. Without it, as long as it takes.
        listener : Listener, optional
            Is told the log and the status as they change.
        halts : bool
            Whether an interrupt halts it. Else it goes on.

        Raises
        ------
        TimeoutError
            It has not ended yet. It goes on.
        ExecutionError
            It has not started, and cannot while its actor is in ERROR. It stays in the inbox.
        """
        __tracebackhide__ = True
        from abaco_jupyter.show.tracebacks import our_frames_hidden

        with our_frames_hidden():
            if self._final is None:
                self._wait(timeout, listener, halts)
        return self

    def result(self, timeout: float | None = None, *, listener: Listener | None = None) -> Any:
        """Wait for the end and return what the actor's function returned.

        A JSON value comes back as Python value, anything else as the object itself (unpickled
        here), bytes that are neither as bytes. Of several results it is the last, which is the
        function's; `results` has all. None when there is none (any more: the server hands out
        a result once).

        Raises
        ------
        Exception
            What the function raised, with the traceback in the container as its cause; a
            `RemoteError` when that exception cannot be unpickled here.
        ExecutionFailed
            It ended with an exit code other than 0, and without an exception.
        ExecutionError
            It could not be run.
        TimeoutError
            It has not ended after `timeout` seconds. It goes on.
        """
        __tracebackhide__ = True
        from abaco_jupyter.show.tracebacks import our_frames_hidden

        with our_frames_hidden():
            error = self.wait(timeout, listener=listener).failure()
            if error is not None:
                raise error
        results = self.results()
        return results[-1] if results else None

    def failure(self) -> Exception | None:
        """Why the execution failed, as `result` would raise it; None when it ended well.

        Waits for the end.
        """
        self.wait()
        assert self._final is not None
        return outcome.failure(self._final, title=self.title, tail=self._tail, halted=self._halted)

    def results(self, *, raw: bool = False) -> list[Any]:
        """All results so far, oldest first. The server hands each out once; they are kept here.

        Parameters
        ----------
        raw : bool
            As the bytes that were sent, nothing decoded or unpickled.
        """
        while self.next_result():
            pass
        return list(self._bodies) if raw else [decode_result(body) for body in self._bodies]

    def next_result(self) -> bytes:
        """The oldest result that was not handed out yet, as it was sent; empty: there is none."""
        # A live view fetches them in a thread of its own: what is handed out once is kept before
        # anybody else is told that there are no more.
        with self._fetching:
            body = self.actor.transport.fetch(paths.results(self.actor.id, self.id))
            if body:
                self._bodies.append(body)
        return body

    def stop(self, *, patience: float = stopping.PATIENCE) -> str:
        """Stop it, whether it waits or runs; a sentence that says which of the two it was.

        Parameters
        ----------
        patience : float
            Seconds for which one that is about to begin is waited for.
        """
        done = stopping.stop(self.actor, [self], patience=patience)
        if done.taken:
            return f"{self.title} was taken back before it ran."
        if done.halted:
            return f"{self.title} was halted."
        if done.ended:
            return f"{self.title} had ended already."
        return f"{self.title} was not stopped: it is about to begin. Stop it again in a moment."

    def halt(self) -> None:
        """Stop what runs: TERM, and KILL after a grace. Returns at once. `stop` does more.

        Raises
        ------
        ExecutionNotRunning
            It has not started yet, or has ended.
        """
        self.actor.transport.call("DELETE", paths.execution(self.actor.id, self.id))
        self._halted = True

    def will_be_halted(self) -> None:
        """Its end has been asked for in another way."""
        self._halted = True

    @property
    def was_halted(self) -> bool:
        """Whether this object asked for its end."""
        return self._halted

    @property
    def log_tail(self) -> str:
        """The end of the log as it was followed; empty before the end."""
        return self._tail

    @property
    def title(self) -> str:
        """How a sentence names it."""
        return f"Execution {self.id} of {self.actor.title}"

    def _stream(self) -> EventStream:
        path = paths.execution_stream(self.actor.id, self.id)
        return EventStream(self.actor.transport, path)

    def _wait(self, timeout: float | None, listener: Listener | None, halts: bool) -> None:
        quiet = Quiet()
        listeners: list[Listener] = [quiet, Patience(self)]
        if listener is not None:
            listeners.append(listener)
        try:
            self._end(to_end(self._stream(), *listeners, timeout=timeout), quiet.tail)
        except TimeoutError:
            raise TimeoutError(
                f"{self.title} has not ended after {timeout} s. It goes on: wait again, or stop "
                "it with .halt()."
            ) from None
        except KeyboardInterrupt:
            told = self._interrupt() if halts else f"{self.title} goes on."
            raise KeyboardInterrupt(told) from None

    def _end(self, record: dict[str, Any], tail: str) -> None:
        self._final = record
        self._tail = tail
        ours = ("reason", "exception")
        self._known = {
            key: value for key, value in record.items() if key not in ours or value is not None
        }

    def _interrupt(self) -> str:
        try:
            return self.stop()
        except AbacoError as error:
            return f"{self.title} was not stopped: {error}"

    def __repr__(self) -> str:
        from abaco_jupyter.show.reprs import execution_text

        return execution_text(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        from abaco_jupyter.show.reprs import execution_bundle

        return execution_bundle(self)


class ExecutionList(list[Execution]):
    """Executions of one actor, oldest first."""

    def __repr__(self) -> str:
        from abaco_jupyter.show.reprs import executions_text

        return executions_text(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        from abaco_jupyter.show.reprs import executions_bundle

        return executions_bundle(self)
