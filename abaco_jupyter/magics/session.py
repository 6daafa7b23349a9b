"""What a command of `abaco` is given in a notebook: it shows things, and raises errors."""

import sys
from collections.abc import Callable, Iterable
from typing import Any, TextIO

from abaco_jupyter.cli import output
from abaco_jupyter.cli.session import Session
from abaco_jupyter.client.errors import ExecutionFailed
from abaco_jupyter.client.execution import Execution
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.show import tables
from abaco_jupyter.show.progress import View, open_view
from abaco_jupyter.show.surroundings import is_plain
from abaco_jupyter.wire.call import decode_result


class NotebookSession(Session):
    """`value` is what the magic returns; IPython shows it as its own repr says."""

    def __init__(self, connect: Callable[[], Abaco], **shared: Any) -> None:
        super().__init__(**shared)
        self._connect_notebook = connect
        self.raises = True
        self.value: Any = None

    @property
    def abaco(self) -> Abaco:
        """The notebook's own server, unless the line names another."""
        if self.url is None and self.profile is None and self.token is None:
            return self._connect_notebook()
        return super().abaco

    def answer(self, result: Any, text: str, *, shows: Any = None) -> None:
        if self.json:
            self.value = result
        elif shows is not None:
            self.value = shows
        else:
            super().answer(result, text)

    def table(
        self,
        result: Any,
        columns: output.Columns,
        records: Iterable[output.Record] | None = None,
        *,
        shows: Any = None,
    ) -> None:
        if self.json or shows is not None:
            self.value = result if self.json else shows
            return
        self.value = Table(
            list(columns), output.rows(result if records is None else records, columns)
        )

    def facts(self, result: output.Record, *, shows: Any = None) -> None:
        if isinstance(shows, str) and not self.json:
            self.write(shows)
            return
        if self.json or shows is not None:
            self.value = dict(result) if self.json else shows
            return
        self.value = Table(["", ""], [list(row) for row in output.lines(result)])

    def results(self, bodies: list[bytes]) -> None:
        self.value = decode_result(bodies[-1]) if bodies else None

    def viewer(self, title: str, out: TextIO | None) -> Any:
        """A view that grows in the cell; nobody looks where nothing is followed."""
        return _Followed(title, out is not None)

    def failed(self, execution: Execution, text: str) -> None:
        error = execution.failure()
        if error is not None:
            raise error
        raise ExecutionFailed(text, record=execution.known, log=execution.log_tail)

    def write_bytes(self, body: bytes) -> None:
        self.value = body

    def note(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")


class Table:
    """Rows for people. `rows` has them as lists of texts."""

    def __init__(self, head: list[str], rows: list[list[str]]) -> None:
        self.head = head
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        if not self.rows:
            return "Nothing."
        if any(self.head):
            return tables.as_text(self.head, self.rows)
        return tables.as_text(self.rows[0], self.rows[1:])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        if is_plain() or not self.rows:
            return {"text/plain": repr(self)}
        return {"text/plain": repr(self), "text/html": tables.as_html(self.head, self.rows)}


class _Followed:
    """A listener (`client.follow`) with a view of its own, or with none."""

    def __init__(self, title: str, shown: bool) -> None:
        self._title = title
        self._view: View | None = open_view(title) if shown else None
        self._state = ""

    def log(self, text: str) -> None:
        if self._view is not None:
            self._view.log(text)

    def changed(self, record: dict[str, Any]) -> None:
        self._state = str(record.get("status", ""))
        if self._view is not None:
            self._view.changed(record)

    def lost(self, reason: str) -> None:
        if self._view is not None:
            self._view.lost(reason)

    def tick(self) -> float | None:
        return None if self._view is None else self._view.tick()

    def end_line(self) -> None:
        if self._view is not None:
            self._view.close(self._state or "not followed any more; it goes on")
