"""What all views of one executor share: the server, the places, and the end."""

import threading
import weakref

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.executor.line import Line
from abaco_jupyter.executor.places import Places, Settings


class House:
    def __init__(self, server: Abaco, *, cancel_on_close: bool) -> None:
        self.server = server
        self._lines = _Lines(cancel_on_close)
        self._lock = threading.Lock()
        self._places: dict[Settings, Places] = {}
        finalizer = weakref.finalize(self, self._lines.close)
        finalizer.atexit = False  # what is on the server goes on without us

    def places(self, settings: Settings) -> Places:
        with self._lock:
            found = self._places.get(settings)
            if found is None:
                found = Places(self.server, settings, self._lines.of)
                self._places[settings] = found
            return found

    def line_of(self, actor: Actor) -> Line:
        """The line of an actor of whatever settings."""
        return self._lines.of(actor)

    @property
    def actors(self) -> list[Actor]:
        return self._lines.actors

    def check_open(self) -> None:
        self._lines.check_open()

    def close(self, *, wait: bool, cancel: bool = False) -> None:
        self._lines.close(cancel=cancel)
        if not wait:
            return
        try:
            self._lines.join()
        except KeyboardInterrupt:
            self.stop()
            raise

    def stop(self) -> None:
        """Drop what waits and stop what runs, without waiting for its end."""
        self._lines.close(cancel=True, force=True)


class _Lines:
    """One for each actor. They outlive the house by as much as their calls take."""

    def __init__(self, cancel_on_close: bool) -> None:
        self._cancel_on_close = cancel_on_close
        self._lock = threading.Lock()
        self._open: dict[str, Line] = {}
        self._closed = False

    def of(self, actor: Actor) -> Line:
        with self._lock:
            self.check_open()
            found = self._open.get(actor.id)
            if found is None:
                found = Line(actor, cancel_on_close=self._cancel_on_close)
                self._open[actor.id] = found
            return found

    @property
    def actors(self) -> list[Actor]:
        with self._lock:
            return [line.actor for line in self._open.values()]

    def check_open(self) -> None:
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")

    def close(self, *, cancel: bool = False, force: bool = False) -> None:
        with self._lock:
            self._closed = True
            lines = list(self._open.values())
        for line in lines:
            line.close(cancel=cancel, force=force)

    def join(self) -> None:
        for line in list(self._open.values()):
            line.join()
