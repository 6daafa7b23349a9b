"""The actor that Thespian is asked through; in a module of its own, as others lack Thespian."""

from typing import Any

from thespian.actors import Actor


class Answering(Actor):  # type: ignore[misc]  # Thespian has no types
    """Told a function and its argument, it tells what that returns."""

    def receiveMessage(self, message: Any, sender: Any) -> None:
        if isinstance(message, tuple):
            function, value = message
            self.send(sender, function(value))
