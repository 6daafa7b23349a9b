"""A server, and what is on it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from abaco_jupyter.client import discover
from abaco_jupyter.client.actor import Actor, ActorList
from abaco_jupyter.client.errors import UnexpectedAnswer
from abaco_jupyter.client.follow import Listener, Quiet, to_end
from abaco_jupyter.client.nouns.configs import Configs
from abaco_jupyter.client.nouns.installation import Installation
from abaco_jupyter.client.nouns.sharing import Aliases
from abaco_jupyter.client.stream import EventStream
from abaco_jupyter.client.transport import Carrier, Transport
from abaco_jupyter.wire import paths, spec
from abaco_jupyter.wire.codes import ActorStatus, BuildStatus
from abaco_jupyter.wire.errors import (
    AbacoError,
    ActorDoesNotExist,
    ActorNotFound,
    BuildFailed,
    InvalidRequest,
)
from abaco_jupyter.wire.ids import is_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A build that succeeded: the image is there.

    `cached` says that it was there already, so nothing was done.
    """

    id: str
    image: str
    digest: str
    cached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a build would be: the image's name, whether it is there already, its Dockerfile."""

    image: str
    digest: str
    cached: bool
    dockerfile: str


class Abaco:
    """A notebook server's actors.

    Inside a notebook no argument is needed: the server that runs the notebook is found.

    Parameters
    ----------
    url : str, optional
        The server's base URL, such as `http://localhost:8888`. With it, nothing is searched.
    token : str, optional
        The server's token; `ABACO_TOKEN` by default.
    http : httpx.BaseTransport, optional
        What carries requests instead of the network: the seam for tests.

    Attributes
    ----------
    url : str
    token : str
    found : Found
        How the server was found, what it said, and what was tried in vain.

    Raises
    ------
    ServerNotFound
        None answers; the text lists every attempt and the line that fixes it.

    Examples
    --------
    >>> abaco = Abaco()
    >>> abaco.actors()
    >>> abaco.actor("word_count")("some text")
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        http: Carrier | None = None,
        place: discover.Place | None = None,
    ) -> None:
        def probe(candidate: discover.Candidate) -> dict[str, Any]:
            transport = _transport(candidate, http)
            try:
                return _verify(candidate, transport)
            finally:
                transport.close()

        self.found = discover.find(url, token, place=place or discover.Place.here(), probe=probe)
        self.transport = _transport(self.found.server, http)
        self.url = self.found.server.url
        self.token = self.found.server.token

    def close(self) -> None:
        """Close the connections to the server."""
        self.transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def status(self) -> dict[str, Any]:
        """What the server says of itself: `runner` (docker or process), `engine`, `version`..."""
        answer: dict[str, Any] = self.transport.call("GET", paths.STATUS)
        return answer

    @property
    def aliases(self) -> Aliases:
        """Names for actors."""
        return Aliases(self.transport)

    @property
    def configs(self) -> Configs:
        """Values that several actors share."""
        return Configs(self.transport)

    @property
    def installation(self) -> Installation:
        """All of it: how busy it is, what an admin sees."""
        return Installation(self.transport)

    def search(self, kind: str, **conditions: Any) -> dict[str, Any]:
        """Find `actors`, `executions`, `workers` or `logs`.

        Parameters
        ----------
        **conditions
            `limit`, `skip`, `search`, `exactsearch`, or a field with an operator:
            `**{"status.neq": "READY"}`.

        Returns
        -------
        dict
            `search`, the records, and `_metadata`, the counts.
        """
        path = paths.search(quote(kind, safe=""))
        found: dict[str, Any] = self.transport.call("GET", path, params=conditions)
        return found

    def actors(self) -> ActorList:
        """The actors that you may see, in the order in which they were made."""
        found = self.transport.call("GET", paths.ACTORS)
        return ActorList(Actor(self.transport, record) for record in found)

    def actor(self, id_or_name: str) -> Actor:
        """One actor, by its id, its alias, or its name.

        Raises
        ------
        ActorNotFound
            There is none; the text names those there are. Others' actors have no name here.
        InvalidRequest
            Several have this name: use the id.
        """
        if is_id(id_or_name):
            try:
                return Actor(self.transport, self.transport.call("GET", paths.actor(id_or_name)))
            except (ActorNotFound, ActorDoesNotExist):
                pass  # a name may look like an id
        return self.named(id_or_name) or self._alias(id_or_name)

    def address(self, id_or_name: str) -> str:
        """What a link or a config calls an actor: a name becomes its id, and an alias stays, as it
        may be pointed at another one later. Raises ActorNotFound."""
        found = self.actor(id_or_name)
        return found.id if id_or_name == found.name else id_or_name

    def named(self, name: str) -> Actor | None:
        """Your actor of this name; None when there is none.

        Names are labels in Abaco: two actors may have the same. Then InvalidRequest is raised.
        """
        me = self.found.status.get("username")
        found = [
            actor
            for actor in self.actors()
            if actor.name == name
            and actor.known.get("owner", me) == me
            and actor.known.get("status") != ActorStatus.SHUTTING_DOWN
        ]
        if len(found) > 1:
            ids = ", ".join(actor.id for actor in found)
            raise InvalidRequest(
                f"{len(found)} actors are named {name!r}: {ids}. Use the id, or delete those "
                "that you do not need: Abaco().actor(id).delete()."
            )
        return found[0] if found else None

    def create(self, image: str, **fields: Any) -> Actor:
        """Register an actor.

        Parameters
        ----------
        image : str
            Reference to an image, or what `build` returned.
        **fields
            Abaco's fields in camel case: `name`, `description`, `stateless`, `maxWorkers`,
            `memLimit`, `defaultEnvironment`, `hints`, `link`, `webhook` and so on.
        """
        record = self.transport.call("POST", paths.ACTORS, json={"image": image, **fields})
        return Actor(self.transport, record)

    def build(
        self,
        what: spec.BuildSpec,
        *,
        listener: Listener | None = None,
        starts: Callable[[], None] | None = None,
    ) -> Build:
        """Build an image on the server. A spec whose image is there already is not built again.

        Parameters
        ----------
        what : BuildSpec
        listener : Listener, optional
            Is told the build's log as it grows.
        starts : callable, optional
            Called when there is something to build.

        Raises
        ------
        BuildFailed
            With the end of the log. Nothing stays behind.
        InvalidSpec
            The spec cannot be built.
        """
        record = self.transport.call(
            "POST",
            paths.BUILDS,
            content=spec.encode(what),
            headers={"Content-Type": "application/json"},
        )
        quiet = Quiet()
        if not BuildStatus(record["status"]).ended:
            if starts is not None:
                starts()
            listeners = (quiet,) if listener is None else (quiet, listener)
            record = self._follow_build(record["id"], listeners)
        if record["status"] != BuildStatus.READY:
            raise BuildFailed(_why(record, quiet.tail))
        return Build(
            id=record["id"],
            image=record["image"],
            digest=record["digest"],
            cached=bool(record.get("cached")),
        )

    def plan(self, what: spec.BuildSpec) -> Plan:
        """What `build` would do. Nothing is built. Raises InvalidSpec."""
        record = self.transport.call(
            "POST",
            paths.PLAN,
            content=spec.encode(what),
            headers={"Content-Type": "application/json"},
        )
        return Plan(
            image=record["image"],
            digest=record["digest"],
            cached=bool(record["cached"]),
            dockerfile=record["dockerfile"],
        )

    def _follow_build(self, build_id: str, listeners: tuple[Listener, ...]) -> dict[str, Any]:
        try:
            return to_end(EventStream(self.transport, paths.build_stream(build_id)), *listeners)
        except KeyboardInterrupt:
            try:
                self.transport.call("DELETE", paths.build(build_id))
            except AbacoError as error:
                raise KeyboardInterrupt(f"The build was not cancelled: {error}") from None
            raise KeyboardInterrupt("The build was cancelled.") from None

    def _alias(self, alias: str) -> Actor:
        try:
            path = paths.actor(quote(alias, safe=""))
            return Actor(self.transport, self.transport.call("GET", path))
        except (ActorNotFound, ActorDoesNotExist):
            raise ActorNotFound(self._none_is(alias)) from None

    def _none_is(self, name: str) -> str:
        """What is there instead. A name means one's own actor only: others may take any name."""
        me = self.found.status.get("username")
        actors = self.actors()
        theirs = [
            f"{actor.id} of {actor.known['owner']}"
            for actor in actors
            if actor.name == name and actor.known.get("owner", me) != me
        ]
        if theirs:
            return (
                f"No actor of yours is {name!r}, but you may see others' of this name: "
                f"{', '.join(theirs)}. Use the id."
            )
        names = ", ".join(actor.title for actor in actors[-20:]) or "there are none yet"
        return f"No actor is {name!r}. Actors: {names}."

    def __repr__(self) -> str:
        return f"Abaco({self.url!r}), found by {self.found.server.how}"


def _transport(server: discover.Candidate, http: Carrier | None) -> Transport:
    return Transport(server.url, server.token, uds=server.uds, http=http)


def _verify(server: discover.Candidate, transport: Transport) -> dict[str, Any]:
    if server.kernel_id is not None and not transport.has(f"/api/kernels/{server.kernel_id}"):
        raise UnexpectedAnswer(f"{server.url} does not run this kernel")
    answer = transport.call("GET", paths.STATUS)
    if not isinstance(answer, dict):
        raise UnexpectedAnswer(f"{server.url} does not tell its status")
    return answer


def _why(record: dict[str, Any], tail: str) -> str:
    if record["status"] == BuildStatus.CANCELLED:
        return "The build was cancelled."
    error = str(record.get("error") or "The build failed.").rstrip()
    last = tail.rstrip().rpartition("\n")[2]
    return error if not last or last in error else f"{error}\nThe end of its log:\n{tail.rstrip()}"
