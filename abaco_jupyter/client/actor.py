"""An actor: an image with an inbox, called like a function."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from abaco_jupyter.client.errors import ServerUnreachable, absent
from abaco_jupyter.client.execution import Execution, ExecutionList
from abaco_jupyter.client.message import Body, encode, from_arguments
from abaco_jupyter.client.nouns.clocks import Schedules
from abaco_jupyter.client.nouns.running import Ledger, Workers
from abaco_jupyter.client.nouns.sharing import Nonces, Permissions
from abaco_jupyter.client.settings import kept
from abaco_jupyter.client.transport import Transport
from abaco_jupyter.wire import paths
from abaco_jupyter.wire.codes import ActorStatus
from abaco_jupyter.wire.errors import ExecutionNotFound
from abaco_jupyter.wire.limits import MAX_BATCH

if TYPE_CHECKING:
    from abaco_jupyter.show.report import Report


class Actor:
    """An actor on the server, as `Abaco.actor` and `%%abaco_actor` make it.

    ``actor(text)`` sends one message, shows the log in the cell while it runs, and returns what
    the actor's function returned. ``actor.remote(text)`` does so without showing anything, and
    ``actor.submit(text)`` returns the `Execution` at once. All three take

    - one text, which the function gets as its text message, however long it is,
    - keyword arguments or one dictionary, which it gets as keyword arguments (JSON), or
    - one `bytes`, a binary message.

    Attributes
    ----------
    id : str
    transport : Transport
    """

    def __init__(self, transport: Transport, record: dict[str, Any]) -> None:
        self.transport = transport
        self.id: str = record["id"]
        self._record = record

    @property
    def known(self) -> dict[str, Any]:
        """The record as it was last seen; asks nobody."""
        return dict(self._record)

    @property
    def name(self) -> str | None:
        return self._record.get("name")

    @property
    def title(self) -> str:
        """How a sentence names it: its name, else its id."""
        return self.name or self.id

    @property
    def image(self) -> str:
        return str(self._record["image"])

    @property
    def revision(self) -> int:
        """Counts up whenever the image changes."""
        return int(self._record.get("revision", 1))

    @property
    def record(self) -> dict[str, Any]:
        """The actor's record as the server keeps it now (names in camel case)."""
        self._record = self.transport.call("GET", paths.actor(self.id))
        return dict(self._record)

    @property
    def status(self) -> ActorStatus:
        """SUBMITTED, READY, ERROR (`record["statusMessage"]` says why) or SHUTTING_DOWN."""
        return ActorStatus(self.record["status"])

    @property
    def state(self) -> Any:
        """What a stateful actor keeps between its messages. Assign to it to change it."""
        return self.transport.call("GET", paths.state(self.id))["state"]

    @state.setter
    def state(self, value: Any) -> None:
        self.transport.call("POST", paths.state(self.id), json=value)

    @property
    def logs(self) -> str:
        """The log of the newest execution; empty when there is none."""
        newest = self.executions(1)
        return newest[-1].logs if newest else ""

    @property
    def waiting(self) -> int:
        """How many messages wait in the inbox, not counting those being worked on."""
        return int(self.transport.call("GET", paths.messages(self.id))["messages"])

    @property
    def permissions(self) -> Permissions:
        """Who else may use it."""
        return Permissions(self.transport, paths.actor(self.id))

    @property
    def nonces(self) -> Nonces:
        """Passwords in a URL, for who has no account."""
        return Nonces(self.transport, paths.actor(self.id))

    @property
    def workers(self) -> Workers:
        """What runs its messages."""
        return Workers(self.transport, self.id)

    @property
    def schedules(self) -> Schedules:
        """When the clock sends it a message, in cron's five fields."""
        return Schedules(self.transport, self.id)

    @property
    def ledger(self) -> Ledger:
        """Every execution it ever had, and their totals."""
        return Ledger(self.transport, self.id)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Send a message, show the log while it runs, return the result.

        Raises what the function raised; see `Execution.result`. A kernel interrupt halts the
        execution.
        """
        __tracebackhide__ = True
        from abaco_jupyter.show.watch import watched_result

        return watched_result(self.submit(*args, **kwargs))

    def remote(self, *args: Any, **kwargs: Any) -> Any:
        """As a call, but quietly: the log is shown only when the execution fails."""
        __tracebackhide__ = True
        from abaco_jupyter.show.watch import quiet_result

        return quiet_result(self.submit(*args, **kwargs))

    def submit(self, *args: Any, **kwargs: Any) -> Execution:
        """Send a message and return its execution at once."""
        __tracebackhide__ = True
        from abaco_jupyter.show.tracebacks import our_frames_hidden

        with our_frames_hidden():
            return self._post(from_arguments(args, kwargs), {})

    def send(self, message: Any, *, environment: dict[str, str] | None = None) -> Execution:
        """Send one message, with environment variables for this execution alone."""
        return self._post(message, environment or {})

    def post(self, message: Any, environment: dict[str, str] | None = None) -> dict[str, Any]:
        """As `send`, for the server's own answer: `executionId` and `msg`."""
        receipt: dict[str, Any] = self.transport.call(
            "POST", paths.messages(self.id), params=environment, **_request(message)
        )
        return receipt

    def ask(
        self,
        message: Any,
        *,
        environment: dict[str, str] | None = None,
        timeout: float | None = None,
    ) -> bytes:
        """Send one message and wait for its answer in the same request.

        This is Abaco's synchronous message. The answer is the first result, else the log of an
        execution that ended without one. `submit` and `result` wait better: they survive a lost
        connection, and tell a failure.

        Parameters
        ----------
        timeout : float, optional
            Seconds. A proxy on the way may have less patience.

        Raises
        ------
        TimeoutError
            No answer in time. The execution goes on.
        """
        params = {"_abaco_synchronous": "true", **(environment or {})}
        try:
            return self.transport.fetch(
                paths.messages(self.id), "POST", params=params, timeout=timeout, **_request(message)
            )
        except ServerUnreachable as error:
            if not error.timed_out:
                raise
            raise TimeoutError(
                f"{self.title} has not answered within {timeout} s. Its execution goes on."
            ) from None

    def purge(self) -> None:
        """Drop what waits in the inbox: those executions end in ERROR."""
        self.transport.call("DELETE", paths.messages(self.id))

    def cancel(self, execution_ids: Iterable[str]) -> list[str]:
        """Take back messages that wait: those executions are never run. The ids of those that
        were; what a worker has taken is not among them, and `Execution.halt` stops it."""
        wanted = list(execution_ids)
        taken: list[str] = []
        for start in range(0, len(wanted), MAX_BATCH):
            some = {"executions": wanted[start : start + MAX_BATCH]}
            answer = self.transport.call("POST", paths.cancel(self.id), json=some)
            taken += answer["cancelled"]
        return taken

    def execution(self, execution_id: str) -> Execution:
        """One execution, by its id. Raises ExecutionNotFound."""
        path = paths.execution(self.id, quote(execution_id, safe=""))
        with absent(
            f"{self.title} has no execution {execution_id!r}. Its newest are listed by "
            f"`abaco executions {self.title}`, in a notebook by actor.executions().",
            ExecutionNotFound,
        ):
            record = self.transport.call("GET", path)
        return Execution(self, execution_id, record)

    def executions(self, limit: int = 100) -> ExecutionList:
        """The newest executions of this actor (at most 1000), in the order they were sent."""
        path, params = paths.newest_executions(self.id), {"limit": str(limit)}
        newest = self.transport.call("GET", path, params=params)["executions"]
        return ExecutionList(Execution(self, each["id"], each) for each in reversed(newest))

    def report(self, newest: int = 1000) -> "Report":
        """What its newest executions cost: a timeline, tables, JSON. See `report`."""
        from abaco_jupyter.show.report import report

        return report(self, newest)

    def update(self, *, force: bool = False, **fields: Any) -> "Actor":
        """Replace the actor's settings. What is not given goes back to its default.

        Parameters
        ----------
        force : bool
            Make a new revision, with new workers, although the image is the same.
        **fields
            As `Abaco.create` takes them, in camel case; `image` is required.
        """
        if force:
            fields["force"] = True
        self._record = self.transport.call("PUT", paths.actor(self.id), json=fields)
        return self

    def change(self, *, force: bool = False, **fields: Any) -> "Actor":
        """Change some settings and keep all others, its state too. None: back to the default."""
        before = self.record
        after = {"image": before["image"], **kept(before), **fields}
        given = {field: value for field, value in after.items() if value is not None}
        self.update(force=force, **given)
        if before.get("state") and not self._record.get("stateless", True):
            self.state = before["state"]  # a PUT empties it
        return self

    def delete(self) -> None:
        """Remove the actor; what runs is stopped, what waits is dropped."""
        self.transport.call("DELETE", paths.actor(self.id))
        self._record = self._record | {"status": ActorStatus.SHUTTING_DOWN}

    def _post(self, message: Any, environment: dict[str, str]) -> Execution:
        receipt = self.post(message, environment)
        return Execution(self, receipt["executionId"], {"status": "SUBMITTED"})

    def __repr__(self) -> str:
        from abaco_jupyter.show.reprs import actor_text

        return actor_text(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        from abaco_jupyter.show.reprs import actor_bundle

        return actor_bundle(self)


def _request(message: Any) -> dict[str, Any]:
    body = message if isinstance(message, Body) else encode(message)
    return {"content": body.content, "headers": {"Content-Type": body.content_type}}


class ActorList(list[Actor]):
    """Actors, in the order in which they were made."""

    def __repr__(self) -> str:
        from abaco_jupyter.show.reprs import actors_text

        return actors_text(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        from abaco_jupyter.show.reprs import actors_bundle

        return actors_bundle(self)
