"""One suite for every runner: what `runners/protocol.py` promises."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from abaco_server.model.task import FailureKind, Outcome, Place, RunFailed, Task
from runnerkit.images import job_image
from runnerkit.kits import (
    GRACE,
    DockerKit,
    FakeKit,
    Kit,
    ProcessKit,
    Recorder,
    ReuseKit,
    WarmKit,
    abandon,
)

KITS = {
    "fake": FakeKit,
    "process": ProcessKit,
    "docker": DockerKit,
    "warm": WarmKit,
    "reuse": ReuseKit,
}


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with job_image() as name:
        yield name


@pytest_asyncio.fixture(
    params=[
        "fake",
        "process",
        pytest.param("docker", marks=pytest.mark.docker),
        pytest.param("warm", marks=pytest.mark.docker),
        pytest.param("reuse", marks=pytest.mark.docker),
    ]
)
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kit]:
    made = KITS[request.param](tmp_path)
    if request.param in ("docker", "warm", "reuse"):
        made.image = request.getfixturevalue("image")
    yield made
    await made.close()


async def run(kit: Kit, task: Task) -> tuple[Outcome, Recorder]:
    recorder = Recorder()
    async with asyncio.timeout(60):
        return await kit.runner().run(task, recorder), recorder


# ---- one run ---------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_log_and_exit_code(kit: Kit) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=50)
    # Two streams of a container are two pipes: only a pause keeps their order for certain.
    task = kit.task(
        ["say", "one"], ["sleep", 0.1], ["complain", "two"], ["sleep", 0.1], ["say", "three"],
        ["exit", 3],
    )  # fmt: skip
    outcome, recorder = await run(kit, task)
    assert recorder.text == "one\ntwo\nthree\n"
    assert outcome.exit_code == 3
    assert outcome.final_state["ExitCode"] == 3
    assert outcome.final_state["Running"] is False
    assert not outcome.timed_out
    assert outcome.exception is None
    assert before <= outcome.start_time < outcome.finish_time <= datetime.now(UTC)
    assert outcome.finish_time - outcome.start_time >= timedelta(seconds=0.2)


@pytest.mark.asyncio
async def test_start_is_told_once_and_first(kit: Kit) -> None:
    _, recorder = await run(kit, kit.task(["say", "one"]))
    kinds = [kind for kind, _ in recorder.told]
    assert kinds[0] == "started"
    assert set(kinds[1:]) == {"log"}
    assert recorder.starts[0].tzinfo is not None


@pytest.mark.asyncio
async def test_a_large_log_arrives_whole(kit: Kit) -> None:
    _, recorder = await run(kit, kit.task(["lines", 1000, 999]))
    assert recorder.text == ("x" * 999 + "\n") * 1000


@pytest.mark.asyncio
async def test_log_and_results_are_told_while_it_runs(kit: Kit) -> None:
    task = kit.task(["say", "first"], ["spool", 1, 5], ["wait", "go"], ["say", "second"])
    recorder = Recorder()
    running = asyncio.create_task(kit.runner().run(task, recorder))
    await recorder.until(lambda seen: seen.text == "first\n" and len(seen.results) == 1)
    assert not running.done()
    kit.go(task)
    await running
    assert recorder.text == "first\nsecond\n"


@pytest.mark.asyncio
async def test_what_is_written_while_the_watch_is_busy_is_told_at_once(kit: Kit) -> None:
    class Busy(Recorder):
        async def log(self, chunk: bytes) -> None:
            await super().log(chunk)
            kit.go(task)
            await asyncio.sleep(0.5)

    task, recorder = kit.task(["say", "1"], ["wait", "go"], ["say", "2"], ["wait", "end"]), Busy()
    running = asyncio.create_task(kit.runner().run(task, recorder))
    await recorder.until(lambda seen: seen.text == "1\n2\n")
    kit.go(task, "end")
    await running


@pytest.mark.asyncio
async def test_results_of_all_sizes_in_order(kit: Kit) -> None:
    sizes = [0, 5, 300_000, 1_000_000]
    steps = [["spool", number, size] for number, size in enumerate(sizes, 1)]
    _, recorder = await run(kit, kit.task(*steps))
    assert [len(body) for body in recorder.results.values()] == sizes
    assert next(iter(recorder.results)) == "000001.result"
    assert not any(kind == "log" for kind, _ in recorder.told)


@pytest.mark.asyncio
async def test_results_by_datagram(kit: Kit) -> None:
    texts = [f"{number}" * 1000 for number in range(30)]
    _, recorder = await run(kit, kit.task(*[["datagram", text] for text in texts]))
    assert [body.decode() for body in recorder.results.values()] == texts


@pytest.mark.asyncio
async def test_exception_is_in_the_outcome(kit: Kit) -> None:
    exception = {"type": "ValueError", "message": "no", "traceback": "...", "pickle": None}
    outcome, _ = await run(kit, kit.task(["throw", exception], ["exit", 1]))
    assert outcome.exit_code == 1
    assert outcome.exception == exception


@pytest.mark.asyncio
async def test_message_as_text(kit: Kit) -> None:
    text = "grüße\n'\"$HOME" * 10
    _, recorder = await run(kit, kit.task(["message"], text=text))
    assert recorder.text == f"{len(text.encode())} {_digest(text.encode())}\n"


@pytest.mark.asyncio
async def test_message_of_300_kb_of_text(kit: Kit) -> None:
    text = "ä" * 150_000
    _, recorder = await run(kit, kit.task(["message"], text=text))
    assert recorder.text == f"300000 {_digest(text.encode())}\n"


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [0, 1_000_000])
async def test_binary_message(kit: Kit, size: int) -> None:
    body = bytes(range(256)) * (size // 256)
    task = kit.task(["message"], ["variable", "MSG"], binary=body)
    _, recorder = await run(kit, task)
    assert recorder.text == f"{len(body)} {_digest(body)}\nunset\n"


@pytest.mark.asyncio
async def test_environment_of_the_task_and_nothing_of_the_server(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABACO_TOKEN", "secret")
    task = kit.task(
        ["variable", "COLOUR"], ["variable", "ABACO_TOKEN"], environment={"COLOUR": "a 'b' $c"}
    )
    _, recorder = await run(kit, task)
    assert recorder.text == "a 'b' $c\nunset\n"


@pytest.mark.asyncio
async def test_eight_at_once(kit: Kit) -> None:
    runner = kit.runner()
    tasks = [kit.task(["say", str(number)], ["wait", "go"]) for number in range(8)]
    recorders = [Recorder() for _ in tasks]
    pairs = zip(tasks, recorders, strict=True)
    running = [asyncio.create_task(runner.run(task, recorder)) for task, recorder in pairs]
    for recorder in recorders:
        await recorder.until(lambda seen: seen.text != "")
    for task in tasks:
        kit.go(task)
    outcomes = await asyncio.gather(*running)
    assert [recorder.text for recorder in recorders] == [f"{number}\n" for number in range(8)]
    assert {outcome.exit_code for outcome in outcomes} == {0}


# ---- ending it -------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_halt_of_code_that_obeys(kit: Kit) -> None:
    runner, recorder = kit.runner(), Recorder()
    task = kit.task(["term", "exit"], ["say", "ready"], ["sleep", 60])
    running = asyncio.create_task(runner.run(task, recorder))
    await recorder.until(lambda seen: "ready" in seen.text)
    await runner.halt(task.execution_id, timedelta(seconds=20))
    outcome = await running
    assert outcome.exit_code == 143
    assert not outcome.timed_out


@pytest.mark.asyncio
async def test_halt_of_code_that_ignores_it(kit: Kit) -> None:
    runner, recorder = kit.runner(), Recorder()
    task = kit.task(["term", "ignore"], ["say", "ready"], ["sleep", 60])
    running = asyncio.create_task(runner.run(task, recorder))
    await recorder.until(lambda seen: "ready" in seen.text)
    began = asyncio.get_running_loop().time()
    await runner.halt(task.execution_id, timedelta(seconds=1))
    assert asyncio.get_running_loop().time() - began >= 1
    assert (await running).exit_code == 137


@pytest.mark.asyncio
async def test_halt_of_what_is_not_here(kit: Kit) -> None:
    await kit.runner().halt("nobody", GRACE)


@pytest.mark.asyncio
async def test_time_out(kit: Kit) -> None:
    task = kit.task(["term", "ignore"], ["sleep", 60], timeout=timedelta(seconds=1))
    outcome, _ = await run(kit, task)
    assert outcome.timed_out
    assert outcome.exit_code == 137
    assert timedelta(seconds=1) <= outcome.finish_time - outcome.start_time < timedelta(seconds=20)


# ---- what cannot run -------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_prepare_names_the_image(kit: Kit) -> None:
    first = await kit.runner().prepare(Place(actor_id="actor", image=kit.image))
    assert first == await kit.runner().prepare(Place(actor_id="actor", image=kit.image))
    assert first


@pytest.mark.asyncio
@pytest.mark.parametrize("image", ["localhost:1/no/such:image", "NO SUCH", ""])
async def test_an_image_that_cannot_be_had(kit: Kit, image: str) -> None:
    runner, task = kit.runner(), kit.task(image=image)
    for attempt in (
        runner.prepare(Place(actor_id="actor", image=image)),
        runner.run(task, Recorder()),
    ):
        with pytest.raises(RunFailed) as caught:
            await attempt
        assert caught.value.kind is FailureKind.IMAGE
        assert not caught.value.started
        assert image in caught.value.reason
    assert await kit.traces(task) == []


# ---- a server that dies and comes back -------------------------------------------------------


@pytest.mark.asyncio
async def test_an_heir_adopts_what_runs(kit: Kit) -> None:
    task = kit.task(
        ["say", "before"],
        ["spool", 1, 3],
        ["datagram", "early"],
        ["wait", "go"],
        ["say", "after"],
        ["datagram", "late"],
        ["spool", 2, 4],
        ["exit", 7],
    )
    first = Recorder()
    running = asyncio.create_task(kit.runner().run(task, first))
    await first.until(lambda seen: "before" in seen.text and len(seen.results) == 2)
    await abandon(running)

    heir, second = kit.runner(), Recorder()
    (handle,) = await heir.remains()
    assert handle.started
    assert (handle.execution_id, handle.actor_id) == (task.execution_id, task.actor_id)
    assert (handle.worker_id, handle.image) == (task.worker_id, task.image)
    resumed = asyncio.create_task(heir.resume(handle, second))
    await second.until(lambda seen: "before" in seen.text)
    kit.go(task)
    outcome = await resumed
    assert outcome.exit_code == 7
    assert second.text == "before\nafter\n"
    # What the first was told may be told again, under the same key; nothing new has an old key.
    told = {**first.results, **second.results}
    assert sorted(told.values()) == [b"early", b"late", b"rrr", b"rrrr"]
    assert all(first.results.get(key, body) == body for key, body in second.results.items())
    assert abs(second.starts[0] - first.starts[0]) < timedelta(seconds=5)
    assert outcome.start_time < outcome.finish_time


@pytest.mark.asyncio
async def test_an_heir_reads_what_ended_meanwhile(kit: Kit) -> None:
    task = kit.task(
        ["say", "before"], ["wait", "go"], ["say", "after"], ["spool", 1, 3], ["exit", 7]
    )
    first = Recorder()
    running = asyncio.create_task(kit.runner().run(task, first))
    await first.until(lambda seen: "before" in seen.text)
    await abandon(running)
    kit.go(task)
    await asyncio.sleep(1.5)

    heir, second = kit.runner(), Recorder()
    (handle,) = await heir.remains()
    called = datetime.now(UTC)
    outcome = await heir.resume(handle, second)
    assert (outcome.exit_code, second.text) == (7, "before\nafter\n")
    assert list(second.results.values()) == [b"rrr"]
    assert outcome.finish_time < called


@pytest.mark.asyncio
async def test_an_heir_halts_what_runs(kit: Kit) -> None:
    task, first = kit.task(["term", "exit"], ["say", "ready"], ["sleep", 60]), Recorder()
    running = asyncio.create_task(kit.runner().run(task, first))
    await first.until(lambda seen: "ready" in seen.text)
    await abandon(running)
    heir = kit.runner()
    (handle,) = await heir.remains()
    await heir.halt(task.execution_id, timedelta(seconds=20))
    assert (await heir.resume(handle, Recorder())).exit_code == 143


@pytest.mark.asyncio
async def test_the_same_execution_again_does_not_run_twice(kit: Kit) -> None:
    """A try whose end nobody heard of, then the same message again."""
    runner, task = kit.runner(), kit.task(["say", "once"], ["exit", 4])
    first = await runner.run(task, Recorder())
    again = Recorder()
    second = await runner.run(task, again)
    assert again.text == "once\n"
    assert second.exit_code == first.exit_code
    # A container that waited is known to have ended a moment before its engine says so.
    assert abs(second.finish_time - first.finish_time) < timedelta(seconds=1)


@pytest.mark.asyncio
async def test_another_service_sees_and_clears_nothing_of_ours(kit: Kit) -> None:
    task = kit.task(["say", "ready"])
    await kit.runner().run(task, Recorder())
    stranger = kit.stranger()
    assert await stranger.remains() == []
    await stranger.clear(task.execution_id)
    await stranger.halt(task.execution_id, GRACE)
    assert len(await kit.runner().remains()) == 1


@pytest.mark.asyncio
async def test_clear_leaves_nothing(kit: Kit) -> None:
    runner, task = kit.runner(), kit.task(["spool", 1, 10], ["throw", {"type": "E"}])
    await runner.run(task, Recorder())
    assert await kit.traces(task) != []
    await runner.clear(task.execution_id)
    assert await kit.traces(task) == []
    assert await runner.remains() == []
    await runner.clear(task.execution_id)


@pytest.mark.asyncio
async def test_clear_ends_what_runs(kit: Kit) -> None:
    runner, task, recorder = kit.runner(), kit.task(["say", "ready"], ["sleep", 60]), Recorder()
    running = asyncio.create_task(runner.run(task, recorder))
    await recorder.until(lambda seen: "ready" in seen.text)
    await abandon(running)
    await runner.clear(task.execution_id)
    assert await kit.traces(task) == []


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
