"""What went wrong with uploads: whose bytes got to the disk, and who was told nothing."""

import asyncio
import threading
from hashlib import sha256
from pathlib import Path

import pytest

from abaco_jupyter.wire import paths
from abaco_server.store import Incoming
from abaco_server.store.machinery import payloads as machinery
from abaco_server.web.payloads import PayloadHandler

pytestmark = pytest.mark.asyncio

MIB = 2**20
BODY = bytes(range(256)) * 8192


def left(place) -> list[Path]:
    return list(place.service.desk.store.payloads.incoming.iterdir())


async def test_the_upload_of_a_stranger_does_not_reach_the_disk(
    place, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    monkeypatch.setattr(Incoming, "write", lambda self, chunk: written.append(len(chunk)))
    body = b"x" * MIB  # as much as is read for the sake of the answer
    path = paths.payload(sha256(body).hexdigest())
    for token in (None, "wrong"):
        answer = await place.api("PUT", path, body, token=token)
        assert (answer.status, answer.json["status"]) == (400, "error")
    assert (written, left(place)) == ([], [])


async def test_a_full_disk_is_told_to_who_uploads(place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Incoming, chunk: bytes) -> None:
        raise OSError(28, "No space left on device")

    path = paths.payload(sha256(BODY).hexdigest())
    with monkeypatch.context() as patch:
        patch.setattr(Incoming, "write", full)
        answer = await place.api("PUT", path, BODY)
    assert (answer.status, "No space left" in answer.message) == (500, True)
    assert left(place) == []
    assert (await place.api("PUT", path, BODY)).status == 200


async def test_a_client_that_leaves_while_its_upload_is_kept_takes_no_file_away(
    place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = place.service.desk.store.payloads
    began, go = threading.Event(), threading.Event()
    take_in = store.take_in

    def slowly(written: Path, digest: str) -> Path:
        began.set()
        assert go.wait(60)
        return take_in(written, digest)

    monkeypatch.setattr(store, "take_in", slowly)
    left_by = asyncio.Event()
    before = PayloadHandler.on_connection_close

    def leave(self: PayloadHandler) -> None:
        before(self)
        left_by.set()

    monkeypatch.setattr(PayloadHandler, "on_connection_close", leave)
    digest = sha256(BODY).hexdigest()
    _, writer = await asyncio.open_connection("127.0.0.1", int(place.origin.rpartition(":")[2]))
    head = (
        f"PUT /a%40b{paths.payload(digest)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: token {place.api.token}\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    writer.write(head.encode() + BODY)
    async with asyncio.timeout(60):
        await asyncio.to_thread(began.wait, 60)
        writer.close()
        await left_by.wait()
        go.set()
        while not store.path(digest).exists():
            await asyncio.sleep(0.01)
        while left(place):
            await asyncio.sleep(0.01)
    assert "failed" not in caplog.text


async def test_the_sweep_passes_over_what_is_kept_meanwhile(
    place, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = place.service.desk.store
    incoming = Incoming(store.payloads)
    incoming.write(BODY)
    looked = machinery._is_older

    def late(path: Path, than: float) -> bool:
        if path.parent == store.payloads.incoming:
            incoming.keep(sha256(BODY).hexdigest())
        return looked(path, than)

    monkeypatch.setattr(machinery, "_is_older", late)
    assert await store.sweep() == 0
    assert store.payloads.get(sha256(BODY).hexdigest()) == BODY
