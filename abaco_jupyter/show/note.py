"""A sentence in a cell that can be said anew later, from wherever, and still stands there."""

import sys
from uuid import uuid4

from abaco_jupyter.show.surroundings import in_notebook


class Note:
    """In a kernel one display with an id: what a thread says lands in the cell that opened it,
    and not in the one that runs then. Anywhere else a line for each."""

    def __init__(self, text: str) -> None:
        self._id = uuid4().hex if in_notebook() else None
        self._show(text, update=False)

    def say(self, text: str) -> None:
        """Put this in the place of what stands there."""
        self._show(text, update=True)

    def _show(self, text: str, *, update: bool) -> None:
        if self._id is None:
            sys.stdout.write(text + "\n")
            return
        from IPython.display import publish_display_data

        publish_display_data(  # type: ignore[no-untyped-call]
            {"text/plain": text}, transient={"display_id": self._id}, update=update
        )
