"""What user code leaves in `out/` is not trusted, and what it sends is not lost."""

import asyncio
import io
import os
import socket
from pathlib import Path
from typing import BinaryIO, cast

import pytest
import pytest_asyncio
from store_kit import FakeClock

from abaco_server.runners import directory, mailbox
from abaco_server.runners.mailbox import Mailbox, Unreadable, read_exception, read_plain
from abaco_server.runners.threads import Threads
from abaco_server.store import Payloads
from abaco_server.store.machinery.incoming import hold_file
from runnerkit.kits import Recorder


@pytest_asyncio.fixture
async def threads():
    made = Threads(1)
    yield made
    made.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    made = tmp_path / "run" / "execution"
    directory.make(made)
    return made


def test_the_directory_is_open_inside_and_closed_outside(place: Path) -> None:
    assert place.parent.stat().st_mode & 0o777 == 0o700
    assert place.stat().st_mode & 0o777 == 0o755
    assert (place / "out").stat().st_mode & 0o777 == 0o777


def test_links_are_not_followed(place: Path) -> None:
    """A container's root could have us read any file of the host."""
    (place / "out" / "000001.result").symlink_to("/etc/passwd")
    (place / "out" / "exception.json").symlink_to("/etc/passwd")
    with pytest.raises(Unreadable):
        read_plain(place / "out", "000001.result", 100)
    assert read_exception(place / "out") is None


def test_a_pipe_does_not_hang_us(place: Path) -> None:
    os.mkfifo(place / "out" / "000001.result")
    with pytest.raises(Unreadable, match="not a plain file"):
        read_plain(place / "out", "000001.result", 100)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"[" * 100_000])
def test_an_exception_that_is_not_an_object_is_none(place: Path, body: bytes) -> None:
    (place / "out" / "exception.json").write_bytes(body)
    assert read_exception(place / "out") is None


@pytest.mark.asyncio
async def test_what_cannot_be_read_is_said_in_the_log(
    place: Path, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "MAX_PAYLOAD", 10)
    (place / "out" / "000001.result").write_bytes(b"x" * 11)
    (place / "out" / "000002.result").write_bytes(b"x" * 10)
    (place / "out" / "000003.result").mkdir()
    (place / "out" / "notes.txt").write_text("not a result")
    box, recorder = Mailbox(place, threads, lambda: None), Recorder()
    box.open()
    await box.collect(recorder, last=True)
    box.close()
    assert recorder.results == {"000002.result": b"x" * 10}
    assert recorder.text == (
        "abaco: result 000001.result is dropped: it has more than the limit of 10 bytes\n"
        "abaco: result 000003.result is dropped: it is not a plain file\n"
    )
    assert not (place / "out" / "000001.result").exists()


@pytest.mark.parametrize("size", [100, mailbox.MAX_EXCEPTION])
def test_what_is_added_while_a_result_is_read_is_left_out(place: Path, size: int) -> None:
    """Or one that is written faster than read would never end."""

    class Endless(io.FileIO):
        def read(self, length: int | None = -1, /) -> bytes:
            assert length is not None
            assert length >= 0, "reads to an end that may never come"
            with (place / "out" / "000001.result").open("ab") as more:
                more.write(b"y" * 2**20)
            return super().read(length) or b""

    (place / "out" / "000001.result").write_bytes(b"x" * size)
    payloads = Payloads(place / "payloads", FakeClock())
    with Endless(place / "out" / "000001.result") as file:
        body = mailbox.small_or_file(cast(BinaryIO, file))
        if not isinstance(body, bytes):
            body = payloads.get(hold_file(payloads, body))
    assert body == b"x" * size


@pytest.mark.asyncio
async def test_a_result_is_deleted_only_after_it_was_told(place: Path, threads: Threads) -> None:
    class Breaks(Recorder):
        async def result(self, key: str, body: bytes) -> None:
            raise OSError("the store is full")

    (place / "out" / "000001.result").write_bytes(b"x")
    box = Mailbox(place, threads, lambda: None)
    box.open()
    with pytest.raises(OSError, match="full"):
        await box.collect(Breaks(), last=True)
    box.close()
    assert (place / "out" / "000001.result").exists()


@pytest.mark.asyncio
async def test_it_rings_once_until_it_is_collected(place: Path, threads: Threads) -> None:
    rings = 0
    bell = asyncio.Event()

    def ring() -> None:
        nonlocal rings
        rings += 1
        bell.set()

    box, recorder = Mailbox(place, threads, ring), Recorder()
    box.open()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        for number in range(3):
            sender.sendto(b"%d" % number, str(place / "results.sock"))
        await bell.wait()
        await asyncio.sleep(0.05)
        assert rings == 1
        await box.collect(recorder)
        sender.sendto(b"3", str(place / "results.sock"))
        bell.clear()
        await bell.wait()
    await box.collect(recorder)
    box.close()
    assert list(recorder.results.values()) == [b"0", b"1", b"2", b"3"]


@pytest.mark.asyncio
async def test_a_longer_datagram_is_cut_as_abaco_does(place: Path, threads: Threads) -> None:
    box, recorder = Mailbox(place, threads, lambda: None), Recorder()
    box.open()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x" * 140_000, str(place / "results.sock"))
    await box.collect(recorder, last=True)
    box.close()
    assert [len(body) for body in recorder.results.values()] == [131_072]


def test_texts_that_do_not_fit_a_variable() -> None:
    assert directory.fits("x" * (131_071 - len("MSG=")))
    assert not directory.fits("x" * (131_072 - len("MSG=")))
    assert not directory.fits("ä" * 70_000)
    assert not directory.fits("a\0b")
