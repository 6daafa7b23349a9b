"""`--noblock`: an actor that is being made while other cells run."""

import threading
from collections.abc import Callable
from typing import Any

from abaco_jupyter.show.note import Note
from abaco_jupyter.show.tracebacks import our_frames_hidden


class PendingActor:
    """Stands for an actor until it is made. Whatever is asked of it waits for that.

    ``pending.wait(timeout)`` returns the actor, or raises why there is none;
    ``pending.done`` says whether it would wait.
    """

    def __init__(self, name: str, work: Callable[[Callable[[str], None]], Any]) -> None:
        self._name = name
        self._note = Note(f"{name} is being made in the background.")
        self._work = work
        self._actor: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"abaco-make-{name}", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def wait(self, timeout: float | None = None) -> Any:
        """The actor. Raises TimeoutError, or what making it raised."""
        __tracebackhide__ = True
        self._thread.join(timeout)
        with our_frames_hidden():
            if self._thread.is_alive():
                raise TimeoutError(f"{self._name} is not made after {timeout:g} s. It goes on.")
            if self._error is not None:
                raise self._error
        return self._actor

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return self.wait()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)  # IPython asks for how to show it: that must not wait
        return getattr(self.wait(), name)

    def __repr__(self) -> str:
        if not self.done:
            return f"<{self._name} is being made>"
        return f"<{self._name} was not made: {self._error}>" if self._error else repr(self._actor)

    def _run(self) -> None:
        try:
            self._actor = self._work(self._note.say)
        except BaseException as error:  # noqa: BLE001  raised where it is waited for
            self._error = error
            self._note.say(f"{self._name} was not made. {type(error).__name__}: {error}")
