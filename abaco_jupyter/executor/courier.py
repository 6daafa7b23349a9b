"""The channel of calls: groups under way, ends as they come, and the way back after a loss.

A group's ids are known before it is sent. Until the server has accepted it, it is kept as it was
sent, and sent again on the next connection: nothing runs twice, and nothing is lost.
"""

import itertools
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from abaco_jupyter.client.channel import Channel, Closed, Lost, NoChannel
from abaco_jupyter.client.errors import ServerUnreachable
from abaco_jupyter.client.execution import Execution
from abaco_jupyter.executor import ending
from abaco_jupyter.executor.batches import take_back_now
from abaco_jupyter.executor.flights import Credit, Flight, Flights, Question
from abaco_jupyter.executor.future import AbacoFuture, fail
from abaco_jupyter.executor.parcels import Parcels, large_value
from abaco_jupyter.executor.settle import settle
from abaco_jupyter.executor.way import PAUSE
from abaco_jupyter.wire import frames, paths
from abaco_jupyter.wire.codes import CANCELLED, ActorStatus, ExecutionStatus
from abaco_jupyter.wire.errors import AbacoError, NotFound, Unavailable, from_code

if TYPE_CHECKING:
    from abaco_jupyter.executor.line import Line

_QUIET = 10.0
"""Seconds without news after which it looks whether the actor can run anything at all."""

_CANCEL_AFTER = 10.0
"""Seconds without its client after which the server cancels the calls of one that wants that."""

_FINAL = {frames.NOT_AUTHORIZED, frames.NOT_FOUND, frames.BAD_FRAME, frames.NO_CREDIT}


class Courier:
    def __init__(self, line: "Line") -> None:
        self._line = line
        self._actor = line.actor
        self._channel = Channel(line.actor.transport, paths.calls(line.actor.id))
        self._parcels = Parcels(line.actor.transport)
        self._state = Flights()
        self._numbers = itertools.count(1)
        self._name = secrets.token_hex(8)
        self._stopped = threading.Event()
        self._reader = threading.Thread(target=self._read, name="abaco-executor-watch", daemon=True)

    def open(self) -> None:
        """Raises NoChannel, ServerUnreachable after a while, or the server's refusal."""
        self._until_there(self._connect)
        self._reader.start()

    # ---- the line's thread -------------------------------------------------------------------

    def carry(self) -> None:
        while (flight := self._next_flight()) is not None:
            try:
                data = self._frame(flight)
            except AbacoError as error:
                self._fail(flight, error)
                continue
            with self._line.changed:
                # While there is no connection it is left to whoever makes the next one.
                flight.data, up = data, self._state.up
            if up:
                self._try_to_send(data)

    def _next_flight(self) -> Flight | None:
        """What has gathered, as far as there is room; None at the end."""
        line, state = self._line, self._state
        with line.changed:
            line.changed.wait_for(lambda: line.is_done or state.has_room(line))
            return None if line.is_done else state.next(line)

    def _frame(self, flight: Flight) -> bytes:
        options = flight.calls[0][1].options
        return frames.encode(
            frames.Calls(
                flight.block.first,
                flight.offset,
                [self._parcels.body(call) for _, call in flight.calls],
                timeout=options.timeout,
                label=options.label,
                retry_of=options.retry_of,
            )
        )

    def _try_to_send(self, data: bytes) -> None:
        """A loss is seen by the reader, which sends again what was not answered."""
        try:
            self._channel.send(data)
        except Lost:
            self._channel.drop()

    # ---- what the line asks for --------------------------------------------------------------

    def take_back(self, left: Sequence[AbacoFuture], *, force: bool) -> None:
        line = self._line
        from_callback = threading.current_thread() is self._reader
        with line.changed:
            if from_callback:
                # Nobody else hears that these are accepted.
                self._state.to_cancel.update(line.state.sending.intersection(left))
            else:
                line.changed.wait_for(
                    lambda: line.state.broken or line.state.sending.isdisjoint(left)
                )
            there = {one.execution.id: one for one in left if one.execution is not None}
        if force:
            for future in there.values():
                future.unwanted = True
                assert future.execution is not None
                future.execution.will_be_halted()
        if from_callback:
            take_back_now(line, there)
        ids = list(there)
        for start in range(0, len(ids), frames.MAX_IDS):
            self._ask_to_cancel(ids[start : start + frames.MAX_IDS], force=force)

    def _ask_to_cancel(self, ids: list[str], *, force: bool) -> None:
        """Their ends are heard of as all others are. The reader itself cannot wait for them."""
        number, line = next(self._numbers), self._line
        question = Question(frames.encode(frames.Cancel(number, ids, force)))
        with line.changed:
            self._state.questions[number] = question
            up = self._state.up
        if up:
            self._try_to_send(question.frame)
        if threading.current_thread() is self._reader:
            return
        with line.changed:
            # The end of the last call may come first: then nobody reads the answer any more.
            line.changed.wait_for(lambda: question.answer is not None or self._is_over)
            cancelled = [] if question.answer is None else question.answer.ids
            # Told as cancelled by their ends, which the server sends first or soon.
            line.changed.wait_for(
                lambda: self._is_over or line.state.sent.keys().isdisjoint(cancelled)
            )

    @property
    def _is_over(self) -> bool:
        """Nothing more is heard of the server."""
        return self._line.state.broken is not None or self._stopped.is_set()

    def look_at(self, ids: list[str]) -> None:
        with self._line.changed:
            up = self._state.up
        if up:
            self._await(ids)

    def stop(self) -> None:
        self._stopped.set()
        self._channel.goodbye()

    def join(self) -> None:
        if threading.current_thread() is not self._reader and self._reader.ident is not None:
            self._reader.join()

    # ---- the reading thread ------------------------------------------------------------------

    def _read(self) -> None:
        line = self._line
        try:
            while not self._stopped.is_set():
                try:
                    self._hear(self._channel.receive(_QUIET))
                except (Lost, Closed) as loss:
                    if not self._stopped.is_set():
                        self._come_back(loss)
        except (AbacoError, frames.BadFrame) as error:
            line.broke(error)
        except BaseException as error:
            line.broke(error)
            raise
        finally:
            with line.changed:
                self._stopped.set()
                line.changed.notify_all()
            self._channel.close()

    def _come_back(self, loss: Exception) -> None:
        """Connect again; say and ask again whatever was not answered."""
        if isinstance(loss, Closed) and loss.code in _FINAL:
            raise ServerUnreachable(self._actor.transport.url, str(loss), sent=True)
        with self._line.changed:
            self._state.up = False
        self._until_there(self._reconnect)

    def _reconnect(self) -> None:
        """To a server that had a channel: whoever refuses it now, as a proxy does while the server
        is started again, may not refuse it for long."""
        try:
            self._connect()
        except NoChannel as none:
            url = self._actor.transport.url
            raise ServerUnreachable(url, f"its channel of calls is gone: {none}") from none

    def _connect(self) -> None:
        self._channel.connect()
        state, line = self._state, self._line
        with line.changed:
            flights = list(state.flights.values())
            blocks = [one.block for one in state.credit] + [one.block for one in flights]
            held = {block.first: block for block in blocks}
            sent = [flight.data for flight in flights if flight.data]
        after = _CANCEL_AFTER if line.cancel_on_close else None
        hello = frames.Hello(frames.VERSION, self._name, list(held.values()), after)
        try:
            self._channel.send(frames.encode(hello))
            for data in sent:
                self._channel.send(data)
            under_way = {one for flight in flights for one in flight.ids}
            self._await([one for one in line.on_server if one not in under_way])
            with line.changed:
                questions = [question.frame for question in state.questions.values()]
            for frame in questions:
                self._channel.send(frame)
        except Lost as loss:
            raise ServerUnreachable(self._actor.transport.url, str(loss)) from loss
        with line.changed:
            state.up = True
            # Those whose frame was put together meanwhile.
            late = [one.data for one in state.flights.values() if one.data and one.data not in sent]
            line.changed.notify_all()
        for data in late:
            self._try_to_send(data)

    def _await(self, ids: list[str]) -> None:
        for start in range(0, len(ids), frames.MAX_IDS):
            some = frames.Await(ids[start : start + frames.MAX_IDS])
            self._channel.send(frames.encode(some))

    def _hear(self, frame: frames.FromServer | None) -> None:
        line = self._line
        match frame:
            case None:
                self._check_actor()
            case frames.Credit():
                with line.changed:
                    self._state.credit.append(Credit(frame.block))
                    line.changed.notify_all()
            case frames.Accepted():
                self._accepted(frame)
            case frames.Refused():
                self._refused(frame)
            case frames.Began():
                for execution_id in frame.ids:
                    future = line.state.sent.get(execution_id)
                    if future is not None:
                        future.begin()
            case frames.Ended():
                self._ended(frame.calls)
            case frames.Cancelled():
                with line.changed:
                    question = self._state.questions.pop(frame.number, None)
                    if question is not None:
                        question.answer = frame
                    line.changed.notify_all()
            case frames.Unknown():
                gone = "the server has no record of it (any more)"
                self._ended(
                    [
                        frames.EndedCall(
                            one,
                            ExecutionStatus.ERROR,
                            record={"id": one, "status": "ERROR", "reason": gone},
                        )
                        for one in frame.ids
                    ]
                )
            case frames.Welcome() | frames.Log():
                return

    def _accepted(self, frame: frames.Accepted) -> None:
        with self._line.changed:
            flight = self._state.flights.pop((frame.block, frame.offset), None)
            if flight is None:
                return
            self._on_server(flight)
            late = self._state.to_cancel.intersection(future for future, _ in flight.calls)
            self._state.to_cancel -= late
            self._line.changed.notify_all()
        if late:
            ids = [one.execution.id for one in late if one.execution is not None]
            self._ask_to_cancel(ids, force=False)

    def _on_server(self, flight: Flight) -> None:
        """With the condition held."""
        for execution_id, (future, _) in zip(flight.ids, flight.calls, strict=True):
            if future.execution is None or future.execution.id != execution_id:
                future.sent_as(Execution(self._actor, execution_id, {"status": "SUBMITTED"}))
            self._line.state.sending.discard(future)

    def _refused(self, frame: frames.Refused) -> None:
        with self._line.changed:
            flight = self._state.flights.get((frame.block, frame.offset))
        if flight is None:
            return
        if frame.code == NotFound.code and not flight.again:
            flight.again = True
            self._parcels.forget()
            flight.data = self._frame(flight)
            self._try_to_send(flight.data)
            return
        self._fail(flight, from_code(frame.code, frame.message))

    def _fail(self, flight: Flight, error: Exception) -> None:
        line = self._line
        with line.changed:
            self._state.flights.pop((flight.block.first, flight.offset), None)
            for execution_id, (future, _) in zip(flight.ids, flight.calls, strict=True):
                line.state.sent.pop(execution_id, None)
                line.state.sending.discard(future)
            line.finish_if_idle()
            line.changed.notify_all()
        for future, _ in flight.calls:
            fail(future, error)

    def _ended(self, ended: list[frames.EndedCall]) -> None:
        line = self._line
        with line.changed:
            sent = line.state.sent
            mine = [(future, one) for one in ended if (future := sent.get(one.id)) is not None]
            if any(future in line.state.sending for future, _ in mine):
                # Before the answer to their group, which has nothing more to say.
                for flight in self._state.flights.values():
                    self._on_server(flight)
        for future, one in mine:
            record = one.record or {"id": one.id, "status": one.status, "exitCode": one.exit_code}
            settle(future, record, partial(self._value, future, one))
        line.settled([one.id for _, one in mine])
        if any(_went_wrong(one) for _, one in mine):
            self._check_actor()

    def _value(self, future: AbacoFuture, one: frames.EndedCall) -> Any:
        assert future.execution is not None
        if one.results is None:
            return large_value(future.execution, self._until_there)
        return ending.returned(future.execution, one.results)

    # ---- parts -------------------------------------------------------------------------------

    def _until_there(self, ask: Callable[[], Any]) -> Any:
        """The answer, when it takes a restart of the server to have it."""
        until = time.monotonic() + self._line.patience
        while True:
            try:
                return ask()
            except Unavailable:  # among them that nobody answers
                if time.monotonic() > until or self._stopped.is_set():
                    raise
            self._stopped.wait(PAUSE)

    def _check_actor(self) -> None:
        """An actor in ERROR runs nothing: those that wait would wait for ever."""
        if not self._line.on_server:
            return
        try:
            actor = self._actor.record
        except Unavailable:
            return  # the channel finds out
        if actor.get("status") == ActorStatus.ERROR:
            raise ending.actor_in_error(actor)


def _went_wrong(one: frames.EndedCall) -> bool:
    reason = (one.record or {}).get("reason")
    return one.status is ExecutionStatus.ERROR and reason != CANCELLED
