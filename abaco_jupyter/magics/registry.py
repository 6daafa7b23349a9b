"""The magics as IPython registers them: the border between its calls and our functions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakSet

from IPython.core.magic import (
    Magics,
    cell_magic,
    line_magic,
    magics_class,
    no_var_expand,
)
from IPython.core.magic_arguments import magic_arguments

from abaco_jupyter.client.errors import ServerUnreachable
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.functions.function_actor import FunctionActor
from abaco_jupyter.magics import cell, line
from abaco_jupyter.magics.complete import Names, matcher
from abaco_jupyter.magics.options import CellOptions, understand, with_options
from abaco_jupyter.magics.pending import PendingActor
from abaco_jupyter.show.building import BuildView
from abaco_jupyter.show.tracebacks import as_sentence
from abaco_jupyter.wire.errors import AbacoError
from abaco_jupyter.wire.spec import BuildSpec


@magics_class
class AbacoMagics(Magics):
    """`%%abaco_actor` and `%abaco`. The server is looked for when it is first needed.

    Parameters
    ----------
    shell : InteractiveShell
    connect : callable, optional
        Makes the client: the seam for tests.
    """

    def __init__(self, shell: Any, connect: Callable[[], Abaco] = Abaco) -> None:
        super().__init__(shell)
        self._connect = connect
        self._client: Abaco | None = None
        self._made: WeakSet[FunctionActor] = WeakSet()
        self._matcher = matcher(Names(lambda: self._client))
        shell.Completer.custom_matchers.append(self._matcher)

    @property
    def client(self) -> Abaco:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def detach(self) -> None:
        """Offer nothing to Tab any more. Actors in the notebook's variables go on as they are:
        their connection stays."""
        assert self.shell is not None
        matchers = self.shell.Completer.custom_matchers
        if self._matcher in matchers:
            matchers.remove(self._matcher)

    def close(self) -> None:
        """Detach, and end the actors' calls and the connection that they come over."""
        self.detach()
        for actor in list(self._made):
            actor.close()
        if self._client is not None:
            self._client.close()
            self._client = None

    @no_var_expand
    @cell_magic
    @magic_arguments()  # type: ignore[no-untyped-call, untyped-decorator]
    @with_options
    def abaco_actor(self, text_line: str, text: str) -> None:
        """Make an actor of this cell: build its image, register it, bind it to NAME.

        The whole cell travels: its imports, constants and functions. Afterwards NAME(message)
        runs the cell's function in a container and returns what it returned. Running the cell
        again unchanged does nothing; changed, it makes a new revision of the same actor.
        """
        with self._border():
            magic: Any = self.abaco_actor  # with the parser that `magic_arguments` gave it
            options = understand(magic.parser, text_line, Path.cwd())
            spec = options.spec(text)
            if options.dry_run:
                cell.describe(lambda: self.client, options, spec)
                return
            local = self._run_here(text, spec.entry) if options.local else None
            self._bind(options, spec, local)

    def _bind(
        self, options: CellOptions, spec: BuildSpec, local: Callable[..., Any] | None
    ) -> None:
        client = self.client
        assert self.shell is not None
        names = self.shell.user_ns

        progress = BuildView(options.name)
        if options.noblock:
            progress.open()  # here, in this cell: later another one may run

        def work(say: Callable[[str], None] | None = None) -> FunctionActor:
            made = cell.register(client, options, spec, local=local, say=say, progress=progress)
            self._made.add(made)
            return made

        names[options.variable] = PendingActor(options.name, work) if options.noblock else work()

    def _run_here(self, text: str, entry: str | None) -> Callable[..., Any]:
        """Run the cell's text in the notebook's names; its function."""
        assert self.shell is not None
        assert entry is not None
        compiler = self.shell.compile
        code = compiler(text, compiler.cache(text), "exec")  # its lines show in tracebacks
        exec(code, self.shell.user_ns)
        found: Callable[..., Any] = self.shell.user_ns[entry]
        return found

    @no_var_expand
    @line_magic
    def abaco(self, text_line: str) -> Any:
        """Look at actors and executions, send messages, read logs. `%abaco` alone lists how."""
        with self._border():
            return line.run(text_line, lambda: self.client)

    @contextmanager
    def _border(self) -> Iterator[None]:
        """Errors of ours are shown as their sentence, without our frames."""
        try:
            yield
        except (AbacoError, KeyboardInterrupt) as error:
            if isinstance(error, ServerUnreachable):
                # The next cell looks for the server again. Actors keep the old connection, which
                # works again when their server is back: it is not closed.
                self._client = None
            as_sentence(error)
            raise
