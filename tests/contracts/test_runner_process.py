"""What only the process runner does: supervise, limit and clean up subprocesses."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from abaco_server.model.task import FailureKind, Place, RunFailed, Task
from abaco_server.runners.mailbox import Mailbox
from abaco_server.runners.process import place, shim
from runnerkit.kits import ProcessKit, Recorder, abandon


@pytest_asyncio.fixture
async def kit(tmp_path: Path) -> AsyncIterator[ProcessKit]:
    made = ProcessKit(tmp_path)
    yield made
    await made.close()


async def log_of(kit: ProcessKit, task: Task) -> str:
    recorder = Recorder()
    await kit.runner().run(task, recorder)
    return recorder.text


async def begin(kit: ProcessKit, task: Task) -> tuple["asyncio.Task", Recorder]:
    recorder = Recorder()
    running = asyncio.create_task(kit.runner().run(task, recorder))
    await recorder.until(lambda seen: "ready\n" in seen.text)
    return running, recorder


def shim_of(kit: ProcessKit, task: Task) -> int:
    found = place.shim(kit.run_dir / task.execution_id)
    assert found is not None
    return found[0]


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.asyncio
async def test_it_says_what_it_cannot_run(kit: ProcessKit) -> None:
    with pytest.raises(RunFailed) as caught:
        await kit.runner().prepare(Place(actor_id="actor", image="abacosamples/test"))
    assert caught.value.kind is FailureKind.IMAGE
    assert caught.value.reason == (
        "The process runner has no image abacosamples/test: it runs only what %%abaco_actor "
        "built. Start a Docker engine to run registry images"
    )
    assert "no isolation boundary" in kit.runner().describe()["engine"]


@pytest.mark.asyncio
@pytest.mark.parametrize("tag", ["..", ".", "a/b", ""])
async def test_a_tag_cannot_lead_out_of_the_environments(kit: ProcessKit, tag: str) -> None:
    with pytest.raises(RunFailed):
        await kit.runner().prepare(Place(actor_id="actor", image=f"abaco-jupyter/actor:{tag}"))


@pytest.mark.asyncio
async def test_each_execution_has_a_working_directory_of_its_own(kit: ProcessKit) -> None:
    (kit.environments / "job" / "app" / "data.txt").write_text("shipped")
    first = kit.task(["show", "data.txt"], ["write", "data.txt", "mine"], ["write", "new", ""])
    assert await log_of(kit, first) == "shipped\nwrote data.txt\nwrote new\n"
    second = kit.task(["show", "data.txt"], ["variable", "HOME"])
    home = kit.run_dir / second.execution_id / "work"
    assert await log_of(kit, second) == f"shipped\n{home}\n"


@pytest.mark.asyncio
async def test_memory_is_limited(kit: ProcessKit) -> None:
    task = kit.task(["take", 10_000_000], ["take", 900_000_000], memory=300_000_000)
    recorder = Recorder()
    outcome = await kit.runner().run(task, recorder)
    assert outcome.exit_code == 1
    assert recorder.text.startswith("took 10000000\n")
    assert "MemoryError" in recorder.text


@pytest.mark.asyncio
async def test_processors_are_limited(kit: ProcessKit) -> None:
    text = await log_of(kit, kit.task(["show", "/proc/self/status"], nano_cpus=10**9))
    allowed = next(line for line in text.splitlines() if line.startswith("Cpus_allowed_list"))
    assert allowed.split(":")[1].strip().isdigit()


@pytest.mark.asyncio
async def test_processor_time_and_memory_are_recorded(kit: ProcessKit) -> None:
    outcome = await kit.runner().run(kit.task(["take", 80_000_000]), Recorder())
    assert outcome.cpu > 1_000_000
    assert outcome.peak_memory > 80_000_000
    assert outcome.final_state["Status"] == "exited"


@pytest.mark.asyncio
async def test_what_user_code_leaves_behind_ends_with_it(kit: ProcessKit) -> None:
    """As in a container, whose processes all end with the first."""
    text = await log_of(kit, kit.task(["leave_behind", 60], ["exit", 0]))
    assert not lives(int(text))


@pytest.mark.asyncio
async def test_a_log_over_the_limit_does_not_fill_the_disk(
    kit: ProcessKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "LOG_LIMIT", 5000)
    task = kit.task(["lines", 100, 999])
    text = await log_of(kit, task)
    assert len(text) == 5000
    assert (kit.run_dir / task.execution_id / "log").stat().st_size == 5000


@pytest.mark.asyncio
async def test_a_wake_up_that_is_taken_with_an_older_one_is_not_lost(
    kit: ProcessKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line written just before its poke was taken, after the log was read, stayed untold."""
    task, recorder = (
        kit.task(["say", "1"], ["wait", "go"], ["say", "2"], ["wait", "end"]),
        Recorder(),
    )
    log = kit.run_dir / task.execution_id / "log"
    collect = Mailbox.collect

    async def late(box: Mailbox, *args: Any, **options: Any) -> None:
        if not log.exists() or log.read_text() != "1\n2\n":
            kit.go(task)
            async with asyncio.timeout(60):
                while not log.exists() or log.read_text() != "1\n2\n":
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
        await collect(box, *args, **options)

    monkeypatch.setattr(Mailbox, "collect", late)
    running = asyncio.create_task(kit.runner().run(task, recorder))
    await recorder.until(lambda seen: seen.text == "1\n2\n")
    kit.go(task, "end")
    await running


@pytest.mark.asyncio
async def test_a_supervisor_that_is_killed_takes_user_code_with_it(kit: ProcessKit) -> None:
    task = kit.task(["say", "ready"], ["leave_behind", 0], ["sleep", 60])
    running, _ = await begin(kit, task)
    supervisor = shim_of(kit, task)
    (first,) = [one for one in shim.children(supervisor)]
    os.kill(supervisor, signal.SIGKILL)
    with pytest.raises(RunFailed, match="The process was lost") as caught:
        await running
    assert caught.value.kind is FailureKind.INTERNAL
    assert caught.value.started
    async with asyncio.timeout(5):
        while lives(first):
            await asyncio.sleep(0.01)


@pytest.mark.asyncio
async def test_user_code_ends_when_its_directory_is_thrown_away(kit: ProcessKit) -> None:
    """As when the data directory of a killed server is removed: nobody could ever halt it."""
    task = kit.task(["say", "ready"], ["sleep", 60])
    running, _ = await begin(kit, task)
    supervisor = shim_of(kit, task)
    (first,) = [one for one in shim.children(supervisor)]
    shutil.rmtree(kit.run_dir / task.execution_id)
    # It looks round now and then: do not wait for that.
    os.kill(supervisor, signal.SIGCHLD)
    with pytest.raises(RunFailed, match="The process was lost") as caught:
        await running
    assert caught.value.started
    assert not lives(first)


@pytest.mark.asyncio
async def test_an_heir_finds_a_supervisor_that_was_killed_meanwhile(kit: ProcessKit) -> None:
    task = kit.task(["say", "ready"], ["sleep", 60])
    running, _ = await begin(kit, task)
    await abandon(running)
    os.kill(shim_of(kit, task), signal.SIGKILL)
    heir = kit.runner()
    (handle,) = await heir.remains()
    with pytest.raises(RunFailed, match="The process was lost") as caught:
        await heir.resume(handle, Recorder())
    assert caught.value.started


@pytest.mark.asyncio
async def test_a_process_id_that_was_used_again_is_not_taken_for_the_supervisor(
    kit: ProcessKit,
) -> None:
    task = kit.task(["say", "ready"], ["exit", 3])
    await kit.runner().run(task, Recorder())
    path = kit.run_dir / task.execution_id
    (path / "pid").write_text(json.dumps({"pid": os.getpid(), "started": 1}))
    heir = kit.runner()
    (handle,) = await heir.remains()
    await heir.halt(task.execution_id, place.timedelta(0))
    assert (await heir.resume(handle, Recorder())).exit_code == 3


@pytest.mark.asyncio
async def test_an_order_that_nobody_took_runs_later(kit: ProcessKit) -> None:
    """The server died between the order and its supervisor's claim."""
    runner, task = kit.runner(), kit.task(["say", "once"])
    assert await runner._prepare(task, kit.run_dir / task.execution_id)
    (handle,) = await kit.runner().remains()
    assert not handle.started
    # Supervisor and heir race for the order: this one comes too late.
    path = kit.run_dir / task.execution_id
    subprocess.run([sys.executable, "-S", "-E", shim.__file__, str(path)], check=True)
    assert not (path / "log").exists()
    (again,) = await kit.runner().remains()
    assert not again.started
    assert await log_of(kit, task) == "once\n"


@pytest.mark.asyncio
async def test_a_directory_without_an_order_is_removed(kit: ProcessKit) -> None:
    (kit.run_dir / "halfway" / "out").mkdir(parents=True)
    assert await kit.runner().remains() == []
    assert list(kit.run_dir.iterdir()) == []


@pytest.mark.asyncio
async def test_a_python_that_is_gone_fails_the_start(kit: ProcessKit) -> None:
    manifest = {"python": "/no/such/python", "entry": None, "env": {}}
    (kit.environments / "job" / "manifest.json").write_text(json.dumps(manifest))
    runner, task = kit.runner(), kit.task()
    with pytest.raises(RunFailed, match="/no/such/python") as caught:
        await runner.run(task, Recorder())
    assert caught.value.kind is FailureKind.START
    assert not caught.value.started
    assert await kit.traces(task) == []
    assert await runner.remains() == []


@pytest.mark.asyncio
async def test_a_server_in_a_deep_directory(tmp_path: Path) -> None:
    """Paths of Unix sockets have at most 108 bytes."""
    deep = tmp_path.joinpath(*["d" * 50] * 4)
    deep.mkdir(parents=True)
    kit = ProcessKit(deep)
    recorder = Recorder()
    task = kit.task(["datagram", "x"], ["spool", 1, 2], ["say", "ready"], ["wait", "go"])
    running = asyncio.create_task(kit.runner().run(task, recorder))
    await recorder.until(lambda seen: len(seen.results) == 2 and "ready" in seen.text)
    kit.go(task)
    await running
    await kit.close()


@pytest.mark.asyncio
async def test_the_order_with_its_token_is_for_nobody_else_to_read(kit: ProcessKit) -> None:
    task = kit.task(["say", "ready"], ["wait", "go"])
    running, _ = await begin(kit, task)
    claimed = kit.run_dir / task.execution_id / "claimed"
    assert claimed.stat().st_mode & 0o777 == 0o600
    kit.go(task)
    await running
