"""The base of the live views: a state that the browser has a copy of, and commands from there."""

import html
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any

import anywidget
import traitlets
from IPython.display import display

from abaco_jupyter.show.surroundings import in_notebook, is_plain
from abaco_jupyter.show.views.board import Board
from abaco_jupyter.show.views.feed import Feed, settled
from abaco_jupyter.wire.errors import AbacoError

log = logging.getLogger(__name__)

WIDGET = "application/vnd.jupyter.widget-view+json"

State = dict[str, Any]
Command = Callable[..., str | None]
"""Does what a button asks for; the sentence to say, if any. Raises AbacoError, ValueError."""


def source(*names: str) -> str:
    """Several files as one module: a widget's code is one text, and can import no neighbour."""
    room = files("abaco_jupyter.show").joinpath("static")
    return "\n".join(room.joinpath(name).read_text(encoding="utf-8") for name in names)


class View(anywidget.AnyWidget):
    """Keeps `told`, what the browser knows, and sends differences.

    Values of `told` that are dictionaries are told row by row: only rows that changed are sent.
    """

    _css = source("views.css")
    state = traitlets.Dict().tag(sync=True)
    """What a page begins with; it asks for all of it as soon as it is shown."""

    _feed: Feed | None = None

    def __init__(self, first: State) -> None:
        super().__init__(state=first)
        self._lock = threading.RLock()
        self._told: State = dict(first)
        self._display: Any = None
        self._shown = 0
        self.on_msg(self._hear)

    # ---- for the views -----------------------------------------------------------------------

    def commands(self) -> Mapping[str, Command]:
        """By the name that the browser calls them."""
        return {}

    def text(self) -> str:
        """One line or a few, without ids and times when `is_plain()`."""
        raise NotImplementedError

    def standing(self) -> str:
        """HTML without code, for a notebook that is read without a kernel."""
        raise NotImplementedError

    def listen(self, feed: Feed) -> None:
        """Be told what the server tells, while a page shows this view: see `look`."""
        self._feed = feed
        feed.add(self.look)

    def look(self, board: Board) -> None:
        """Something changed, or a second has passed. In the feed's thread."""

    def shown(self) -> None:
        """A page shows it; perhaps after none did."""
        if self._feed is not None:
            self._feed.add(self.look)

    def hidden(self) -> None:
        """No page shows it any more."""
        if self._feed is not None:
            self._feed.drop(self.look)

    def close(self) -> None:
        self.hidden()
        super().close()

    def publish(self, **changes: Any) -> None:
        """Tell the pages what differs from what they know."""
        with self._lock:
            patch, rows = _differences(self._told, changes)
            self._told |= changes
            if patch or rows:
                self.send({"patch": patch, "rows": rows})

    def say(self, text: str | None, *, failed: bool = False) -> None:
        """A sentence to the person, which stays until the next one."""
        self.publish(notice=None if text is None else {"text": text, "failed": failed})

    def settle(self) -> None:
        """Nothing changes any more: what stays in the notebook says how it ended."""
        if self._display is not None:
            self._display.update(self._bundle(), raw=True)

    # ---- for Jupyter -------------------------------------------------------------------------

    def _ipython_display_(self) -> None:
        if self._feed is not None and not is_plain():
            settled(self._feed, self.look)
        bundle = self._bundle()
        self._display = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._bundle(), {}

    def _bundle(self) -> dict[str, Any]:
        text = self.text()
        if is_plain() or not in_notebook():
            return {"text/plain": text}
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        seen = f"<div><small>As of {datetime.now():%Y-%m-%d %H:%M:%S}.</small></div>"
        return {"text/plain": text, "text/html": self.standing() + seen, WIDGET: view}

    def __repr__(self) -> str:
        return self.text()

    def _hear(self, _: Any, content: State, __: Any) -> None:
        asked = dict(content)
        name = asked.pop("do", "")
        if name == "ready":
            self._shown += 1
            self.shown()
            with self._lock:
                self.send({"full": self._told})
        elif name == "hidden":
            self._shown = max(0, self._shown - 1)
            if not self._shown:
                self.hidden()
        elif command := self.commands().get(name):
            # Not in the kernel's own thread: a server that is slow must not stop the notebook.
            do = threading.Thread(target=self._do, args=(command, asked), daemon=True)
            do.start()

    def _do(self, command: Command, asked: State) -> None:
        try:
            self.say(command(**asked))
        except (AbacoError, ValueError) as error:
            self.say(str(error), failed=True)
        except Exception as error:
            log.debug("a command of a view failed", exc_info=True)
            self.say(f"{type(error).__name__}: {error}", failed=True)


def _differences(told: State, changes: State) -> tuple[State, State]:
    patch: State = {}
    rows: State = {}
    for name, value in changes.items():
        before = told.get(name)
        if value is before and name in told:
            continue
        if isinstance(value, dict) and isinstance(before, dict):
            new = {key: row for key, row in value.items() if before.get(key) != row}
            gone = [key for key in before if key not in value]
            if new or gone:
                rows[name] = {"set": new, "drop": gone}
        elif value != before or name not in told:
            patch[name] = value
    return patch, rows


def escaped(text: Any) -> str:
    return html.escape(str(text))
