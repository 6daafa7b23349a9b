"""What is too large for a frame: uploaded once, named by calls, read in parts."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import pytest_asyncio
from channel_client import Channel

from abaco_jupyter.wire import frames, paths
from abaco_jupyter.wire.codes import Level
from abaco_server import queue
from abaco_server.store import permissions, results

pytestmark = pytest.mark.asyncio

LARGE = bytes(range(256)) * 1000


@pytest_asyncio.fixture(autouse=True)
async def hang_up(place) -> AsyncIterator[None]:
    yield
    for channel in Channel.opened:
        await channel.hang_up()
    Channel.opened.clear()


async def upload(api, body: bytes) -> frames.Reference:
    answer = await api("PUT", paths.payload(sha256(body).hexdigest()), body)
    assert answer.status == 200, answer.message
    return frames.Reference(answer.result["digest"], answer.result["seal"])


async def lease(place, actor: str):
    now = place.clock.now()
    return await place.service.desk.store.write(
        lambda conn: queue.lease(conn, actor, "w", now, timedelta(minutes=1), exclusive=False)
    )


def files(place) -> list[Path]:
    return sorted(place.service.desk.store.payloads._directory.glob("??/*"))


async def test_what_calls_have_in_common_is_one_file(place) -> None:
    actor = await place.actor()
    shared, own = await upload(place.api, LARGE), await upload(place.api, LARGE[1:])
    assert await upload(place.api, LARGE) == shared
    channel = await Channel.open(place, actor)
    await channel.call([b"small", shared], [own, shared, own], [shared], b"alone")
    leases = [await lease(place, actor) for _ in range(4)]
    found = [one.message for one in leases]
    assert [[path.name for path in each.files] for each in found] == [
        [shared.digest],
        [shared.digest, own.digest],
        [],
        [],
    ]
    assert found[0].files[0].read_bytes() == LARGE
    assert (found[0].body, found[3].body) == (b"small", b"alone")
    assert (found[1].body.read_bytes(), found[2].body.read_bytes()) == (LARGE[1:], LARGE)
    assert len(files(place)) == 2


async def test_files_of_a_call_stay_as_long_as_it_waits(place) -> None:
    actor = await place.actor()
    reference = await upload(place.api, LARGE)
    channel = await Channel.open(place, actor)
    await channel.call([b"small", reference])
    store = place.service.desk.store
    place.clock.turn(timedelta(hours=2))
    assert await store.sweep() == 0
    # A result of the same bytes that is taken does not take the file along.
    execution, expires = await place.execution(actor), place.clock.now() + timedelta(hours=1)
    async with store.keeping(LARGE) as kept:
        await store.write(lambda conn: results.add(conn, execution, "0", kept, expires))
    assert (await place.api("GET", paths.results(actor, execution))).body == LARGE
    taken = await lease(place, actor)
    assert taken.message.files[0].read_bytes() == LARGE
    await store.write(lambda conn: queue.ack(conn, taken.message.execution_id))
    place.clock.turn(timedelta(hours=2))
    assert await store.sweep() == 1


async def test_only_the_first_piece_of_a_call_is_bytes(place) -> None:
    actor = await place.actor()
    reference = await upload(place.api, LARGE)
    channel = await Channel.open(place, actor)
    for pieces in ([reference, b"no"], []):
        frame, _ = await channel.group(pieces)
        await channel.send(frame)
        assert "pieces" in (await channel.expect(frames.Refused)).message


async def test_what_no_call_names_goes_after_an_hour(place) -> None:
    await upload(place.api, LARGE)
    place.clock.turn(timedelta(minutes=59))
    assert await place.service.desk.store.sweep() == 0
    place.clock.turn(timedelta(minutes=2))
    assert await place.service.desk.store.sweep() == 1
    assert files(place) == []


async def test_a_payload_that_is_gone_is_asked_for(place) -> None:
    actor = await place.actor()
    reference = await upload(place.api, LARGE)
    files(place)[0].unlink()
    channel = await Channel.open(place, actor)
    frame, _ = await channel.group([reference])
    await channel.send(frame)
    assert (await channel.expect(frames.Refused)).code == "not_found"
    await upload(place.api, LARGE)
    await channel.send(frame)
    await channel.expect(frames.Accepted)


async def test_a_digest_alone_opens_nobodys_payload(place) -> None:
    actor, bob = await place.actor(), place.as_user("bob")
    store = place.service.desk.store
    await store.write(lambda conn: permissions.set(conn, actor, "bob", Level.EXECUTE))
    reference = await upload(place.api, LARGE)
    his = await Channel.connect(place, actor, token=bob.token)
    await his.greet()
    frame, _ = await his.group([reference])
    await his.send(frame)
    assert (await his.until_closed())[0] == frames.NOT_AUTHORIZED


async def test_an_upload_that_is_something_else_or_too_large(
    place, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = await place.api("PUT", paths.payload(sha256(b"other").hexdigest()), LARGE)
    assert (wrong.status, "was changed on its way" in wrong.message) == (400, True)
    nonsense = await place.api("PUT", paths.payload("..%2Fkey"), LARGE)
    assert (nonsense.status, "no SHA-256" in nonsense.message) == (400, True)
    monkeypatch.setattr("abaco_server.web.payloads.MAX_PAYLOAD", 1000)
    answer = await place.api("PUT", paths.payload(sha256(LARGE).hexdigest()), LARGE)
    assert (answer.status, "max content length" in answer.message) == (400, True)
    assert (await place.api("PUT", paths.payload("0" * 64), b"", token=None)).status == 400
    assert files(place) == []
    assert list(place.service.desk.store.payloads.incoming.iterdir()) == []


async def test_an_upload_that_breaks_off_leaves_nothing(place) -> None:
    port = int(place.origin.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"PUT /a%40b{paths.payload('0' * 64)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: token {place.api.token}\r\nContent-Length: 5000000\r\n\r\n"
    )
    writer.write(head.encode() + b"x" * 3_000_000)
    await writer.drain()
    incoming = place.service.desk.store.payloads.incoming
    async with asyncio.timeout(60):
        while not list(incoming.iterdir()):
            await asyncio.sleep(0.01)
        writer.close()
        while list(incoming.iterdir()):
            await asyncio.sleep(0.01)
    del reader


async def test_results_are_read_whole_and_in_parts(place) -> None:
    actor = await place.actor()
    execution, store = await place.execution(actor), place.service.desk.store
    expires = place.clock.now() + timedelta(hours=1)

    def add(conn) -> None:
        results.add(conn, execution, "0", b"small", expires)
        results.add(conn, execution, "1", LARGE * 10, expires)

    await store.write(add)
    for _ in range(2):
        for number, body in enumerate([b"small", LARGE * 10]):
            answer = await place.api("GET", paths.kept_result(actor, execution, number))
            assert (answer.status, answer.body) == (200, body)
    path = paths.kept_result(actor, execution, 1)
    for asked, (start, end) in {
        "bytes=5-9": (5, 10),
        "bytes=2559000-": (2559000, 2560000),
        "bytes=-3": (2559997, 2560000),
        "bytes=100-9999999": (100, 2560000),
    }.items():
        answer = await place.api("GET", path, headers={"Range": asked})
        assert (answer.status, answer.body) == (206, (LARGE * 10)[start:end])
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/2560000"
    for whole in ("bytes=9-5", "bytes=-", "lines=1-2", "bytes=9999999-"):
        answer = await place.api("GET", path, headers={"Range": whole})
        assert (answer.status, len(answer.body)) == (200, 2560000)
    head = await place.api("HEAD", path)
    assert (head.headers["Content-Length"], head.body) == ("2560000", b"")
    for number in ("2", "-1", "x", "9" * 12):
        answer = await place.api("GET", paths.kept_result(actor, execution, number))
        assert answer.status in (400, 404)
