"""Images: fetched when they are not here, and given two symbolic links.

Abaco's actors send results to `/_abaco_results.sock` and read binary messages from
`/_abaco_binary_data`. A socket that were mounted there would be dead after a restart of the
server, and a container that waits for its message is made before the message; so both paths have
to be links into the mounted directory. Putting them into each created container costs 70 ms and
more (the engine starts a process of its own to unpack them); an image that differs by these links
costs that once. Such an image has no name, carries our service's label, shares all layers, and
goes when the runner is closed.
"""

import asyncio
import io
import logging
import tarfile
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from docker.errors import APIError, ImageNotFound, NotFound

from abaco_server.model.task import FailureKind, RunFailed
from abaco_server.runners.directory import MESSAGE
from abaco_server.runners.docker.container import INSIDE, SERVICE
from abaco_server.runners.docker.engine import Engine, EngineGone
from abaco_server.runners.docker.image_news import ImageNews
from abaco_server.runners.mailbox import RESULTS

LINKED = "abaco.links"
"""Label of our image, and of the container it is made from: the id of the image it stands for."""
RUNTIME = "abaco.runtime"
RESIDENT = "abaco.resident"
"""On images whose runtime has the resident interpreter: its protocol's version."""
PROTOCOL = "1"
_LINKS = {"_abaco_results.sock": RESULTS, "_abaco_binary_data": MESSAGE}

NOT_FOUND = "Image {} was not found on the public registry."
_SIGNS = ("not found", "does not exist", "manifest unknown")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    id: str
    runs_as: str
    """Id of the image with the links, which containers are made of."""
    command: tuple[str, ...]
    """Its ENTRYPOINT and CMD."""
    has_runtime: bool
    has_resident: bool = False
    stop_signal: str


class Images:
    def __init__(self, engine: Engine, service_id: str) -> None:
        self._engine = engine
        self._client = engine.client
        self._service_id = service_id
        self._linked: dict[str, str] = {}
        self._making: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._pulling: dict[str, asyncio.Task[None]] = {}
        self._news = ImageNews(engine)
        self._known: dict[str, tuple[int, Image]] = {}
        """By name, with the edition of the news in which it was looked at."""

    async def get(self, name: str) -> Image:
        """The local image, pulled if need be. Raises RunFailed(IMAGE) or EngineGone."""
        edition = self._news.edition
        known = self._known.get(name)
        if known is not None and known[0] == edition:
            return known[1]
        image = await self._look(name)
        if edition is None:
            self._known.pop(name, None)
        else:
            self._known[name] = (edition, image)
        return image

    async def _look(self, name: str) -> Image:
        found = await self._inspect(name)
        if found is None:
            await self._pull_once(name)
            found = await self._inspect(name)
        if found is None:
            raise RunFailed(FailureKind.IMAGE, NOT_FOUND.format(name))
        config: dict[str, Any] = found.get("Config") or {}
        return Image(
            id=found["Id"],
            runs_as=await self._with_link(found["Id"], config),
            command=(*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())),
            has_runtime=RUNTIME in (config.get("Labels") or {}),
            has_resident=(config.get("Labels") or {}).get(RESIDENT) == PROTOCOL,
            stop_signal=config.get("StopSignal") or "SIGTERM",
        )

    def forget(self, image: Image) -> None:
        """Its linked image may be gone: look again."""
        self._linked.pop(image.id, None)
        self._known.clear()

    async def close(self) -> None:
        """Remove the linked images. One that a container still uses is found by the next life."""
        self._news.close()
        for pull in self._pulling.values():
            pull.cancel()
        if self._pulling:
            await asyncio.wait(self._pulling.values())
        for found in await self._engine.call(self._client.images, filters=self._ours()):
            try:
                # noprune: an unnamed image that it was made from is not ours to remove.
                await self._engine.call(self._client.remove_image, found["Id"], noprune=True)
            except NotFound:
                pass
            except APIError as error:
                _log.debug("linked image %s stays: %s", found["Id"], error)

    async def _inspect(self, name: str) -> dict[str, Any] | None:
        if not name:
            return None
        try:
            return await self._engine.call(self._client.inspect_image, name)
        except ImageNotFound:
            return None
        except APIError as error:
            if error.is_server_error():
                raise EngineGone(str(error)) from error
            raise _cannot_be_had(name, error) from error

    # ---- the link --------------------------------------------------------------------------

    async def _with_link(self, image_id: str, config: dict[str, Any]) -> str:
        if not config.get("Cmd") and not config.get("Entrypoint"):
            # Nothing can be created from it, as its first run will say.
            return image_id
        async with self._making[image_id]:
            if image_id not in self._linked:
                filters = self._ours(f"{LINKED}={image_id}")
                known = await self._engine.call(self._client.images, filters=filters)
                self._linked[image_id] = (
                    known[0]["Id"] if known else await self._engine.call(self._link, image_id)
                )
        return self._linked[image_id]

    def _link(self, image_id: str) -> str:
        marks = {SERVICE: self._service_id, LINKED: image_id}
        made = self._client.create_container(image_id, labels=marks)["Id"]
        try:
            self._client.put_archive(made, "/", link_archive())
            committed: str = self._client.commit(made)["Id"]
        finally:
            self._client.remove_container(made, v=True, force=True)
        return committed

    def _ours(self, *more: str) -> dict[str, list[str]]:
        return {"label": [f"{SERVICE}={self._service_id}", *(more or (LINKED,))]}

    # ---- pulling ---------------------------------------------------------------------------

    async def _pull_once(self, name: str) -> None:
        """Many workers that want the same image wait for one pull."""
        pull = self._pulling.get(name)
        if pull is None:
            pull = self._pulling[name] = asyncio.create_task(self._pull(name))
            pull.add_done_callback(lambda done: self._pulled(name, done))
        await asyncio.shield(pull)

    def _pulled(self, name: str, pull: "asyncio.Task[None]") -> None:
        del self._pulling[name]
        if not pull.cancelled() and pull.exception() is not None:
            _log.info("image %s could not be pulled: %s", name, pull.exception())

    async def _pull(self, name: str) -> None:
        try:
            await self._engine.call(self._read_pull, name)
        except APIError as error:
            raise _cannot_be_had(name, error) from error

    def _read_pull(self, name: str) -> None:
        if not name:
            raise APIError("the actor names no image")
        for line in self._client.pull(name, stream=True, decode=True):
            if "error" in line:
                raise APIError(line["error"])


def _cannot_be_had(name: str, error: APIError) -> RunFailed:
    """Abaco's own sentences (section 11)."""
    text = str(error.explanation or error)
    if isinstance(error, NotFound) or any(sign in text for sign in _SIGNS):
        return RunFailed(FailureKind.IMAGE, NOT_FOUND.format(name))
    return RunFailed(FailureKind.IMAGE, f"Error pulling image {name} - exception: {text}")


def link_archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, target in _LINKS.items():
            link = tarfile.TarInfo(name)
            link.type = tarfile.SYMTYPE
            link.linkname = f"{INSIDE}/{target}"
            link.mode = 0o777
            archive.addfile(link)
    return buffer.getvalue()
