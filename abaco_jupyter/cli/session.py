"""What a command is given: the server it talks to, and how it answers."""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TextIO

from abaco_jupyter.cli import output, profiles
from abaco_jupyter.cli.values import Misuse

if TYPE_CHECKING:
    from abaco_jupyter.cli.following import Printer
    from abaco_jupyter.client import discover
    from abaco_jupyter.client.execution import Execution
    from abaco_jupyter.client.resources import Abaco
    from abaco_jupyter.client.transport import Carrier, Transport


@dataclass(kw_only=True)
class Session:
    """`http` carries requests instead of the network: the seam for tests."""

    json: bool = False
    profile: str | None = None
    url: str | None = None
    token: str | None = None
    http: "Carrier | None" = None
    raises: bool = field(default=False, init=False)
    """Errors are raised, instead of being written as a line."""
    _abaco: "Abaco | None" = field(default=None, init=False)

    @property
    def abaco(self) -> "Abaco":
        """The server, found when it is first needed."""
        if self._abaco is None:
            self._abaco = self._connect()
        return self._abaco

    def chosen(self) -> profiles.Profile | None:
        """The server that was named: by options, variables or the current profile.

        None: the one to be found as kernels find theirs.
        """
        if self.url is not None:
            if self.profile is not None:
                raise Misuse("Give --url or --profile, not both.")
            token = os.environ.get("ABACO_TOKEN", "") if self.token is None else self.token
            return profiles.Profile(url=self.url, token=token)
        name = self.profile or os.environ.get("ABACO_PROFILE")
        if not name and os.environ.get("ABACO_URL"):
            return None
        known = profiles.read()
        name = name or known.current
        found = known.get(name) if name else None
        return found if found is None or self.token is None else replace(found, token=self.token)

    def unasked(self) -> "discover.Candidate | None":
        """The first address to try, without asking whether it answers."""
        from abaco_jupyter.client import discover

        where = self.chosen()
        if where is not None:
            return discover.Candidate(how="", url=where.url, token=where.token)
        place = replace(discover.Place.here(), any_server=True)
        tried = discover.candidates(None, self.token, place)
        return next((each for each in tried if not isinstance(each, str)), None)

    def as_nonce(self, nonce: str) -> "Transport":
        """The server for a caller who has nothing but a nonce."""
        from abaco_jupyter.client.transport import Transport

        where = self.unasked()
        if where is None:
            raise Misuse("Say where the nonce is good: --url http://host:8888.")
        return Transport(where.url, uds=where.uds, query={"x-nonce": nonce}, http=self.http)

    def close(self) -> None:
        if self._abaco is not None:
            self._abaco.close()

    # What a notebook shows in its own way, as the magic `%abaco` does (`magics/line.py`), gets the
    # thing itself too: `shows`, or a text of it.

    def answer(self, result: Any, text: str, *, shows: Any = None) -> None:
        """The result as JSON, or a sentence (or a value) for people."""
        if self.json:
            self.write(output.as_json(result))
        elif text:
            self.write(text if text.endswith("\n") else f"{text}\n")

    def table(
        self,
        result: Any,
        columns: output.Columns,
        records: Iterable[output.Record] | None = None,
        *,
        shows: Any = None,
    ) -> None:
        """`records` are those of the result when it is not a list of them itself."""
        if self.json:
            self.write(output.as_json(result))
        else:
            output.table(result if records is None else records, columns)

    def facts(self, result: output.Record, *, shows: Any = None) -> None:
        if self.json:
            self.write(output.as_json(result))
        else:
            output.facts(result)

    def results(self, bodies: list[bytes]) -> None:
        """What an execution sent."""
        from abaco_jupyter.cli.following import results_as_json, write_results

        if self.json:
            self.answer(results_as_json(bodies), "")
        else:
            write_results(self, bodies)

    def viewer(self, title: str, out: "TextIO | None") -> "Printer":
        """Who shows the log of an execution while it is followed."""
        from abaco_jupyter.cli.following import Printer

        return Printer(out)

    def failed(self, execution: "Execution", text: str) -> None:
        """It was seen through, and failed."""
        import typer

        from abaco_jupyter.cli.ends import End

        self.note(f"abaco: {text}")
        raise typer.Exit(int(End.FAILED))

    def write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def write_bytes(self, body: bytes) -> None:
        sys.stdout.flush()
        sys.stdout.buffer.write(body)
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """For the person; scripts read the standard output."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def _connect(self) -> "Abaco":
        from abaco_jupyter.client import discover
        from abaco_jupyter.client.errors import ServerNotFound
        from abaco_jupyter.client.resources import Abaco

        where = self.chosen()
        if where is not None:
            return Abaco(where.url, where.token, http=self.http)
        try:
            place = replace(discover.Place.here(), any_server=True)
            return Abaco(token=self.token, http=self.http, place=place)
        except ServerNotFound:
            other = profiles.agave()
            if other is None:
                raise
            return Abaco(other.url, other.token, http=self.http)
