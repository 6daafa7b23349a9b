"""What only containers do: isolation, images of every kind, an engine that interferes."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from abaco_server.model.actor import Mount
from abaco_server.model.task import FailureKind, Outcome, Place, RunFailed, Task
from abaco_server.runners import directory
from abaco_server.runners.docker import Engine, connect
from runnerkit.images import BASE, JOB, STAGE, built, job_image
from runnerkit.kits import DockerKit, Recorder, abandon

Image = Callable[..., str]

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with job_image() as name:
        yield name


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = connect()
    yield made
    made.close()


@pytest.fixture
def made() -> Iterator[Image]:
    """Builds an image that is there until the runners are closed, which hold a link to it."""
    with ExitStack() as images:
        yield lambda *args: images.enter_context(built(*args))


@pytest_asyncio.fixture
async def kit(image: str, made: object, tmp_path: Path) -> AsyncIterator[DockerKit]:
    kit = DockerKit(tmp_path)
    kit.image = image
    yield kit
    await kit.close()


async def run(kit: DockerKit, task: Task) -> tuple[Outcome, Recorder]:
    recorder = Recorder()
    async with asyncio.timeout(60):
        return await kit.runner().run(task, recorder), recorder


async def begin(kit: DockerKit, task: Task) -> tuple["asyncio.Task[Outcome]", Recorder]:
    """Returns when user code has said `ready`."""
    recorder = Recorder()
    running = asyncio.create_task(kit.runner().run(task, recorder))
    await recorder.until(lambda seen: "ready" in seen.text)
    return running, recorder


def container_of(engine: Engine, task: Task) -> str:
    filters = {"label": [f"abaco.execution={task.execution_id}"]}
    (found,) = engine.client.containers(all=True, filters=filters)
    return str(found["Id"])


# ---- the box ---------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_capabilities_are_dropped_and_privileges_cannot_be_gained(kit: DockerKit) -> None:
    _, recorder = await run(kit, kit.task(["show", "/proc/self/status"]))
    status = dict(line.split(":\t") for line in recorder.text.splitlines() if ":\t" in line)
    # CHOWN DAC_OVERRIDE FOWNER KILL SETGID SETUID, by their bits.
    expected = sum(1 << bit for bit in (0, 1, 3, 5, 6, 7))
    assert int(status["CapEff"], 16) == expected
    assert int(status["CapBnd"], 16) == expected
    assert status["NoNewPrivs"].strip() == "1"


@pytest.mark.asyncio
async def test_read_only_mounts_cannot_be_written(kit: DockerKit, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    mounts = tuple(
        Mount(host_path=str(shared), container_path=f"/{mode}", mode=mode) for mode in ("ro", "rw")
    )
    task = kit.task(["write", "/ro/a", "x"], ["write", "/rw/b", "x"], mounts=mounts)
    _, recorder = await run(kit, task)
    assert recorder.text == "/ro/a: Read-only file system\nwrote /rw/b\n"
    assert [path.name for path in shared.iterdir()] == ["b"]


@pytest.mark.asyncio
async def test_only_out_can_be_written_of_what_is_ours(kit: DockerKit) -> None:
    task = kit.task(
        ["write", "/_abaco/x", ""],
        ["write", "/_abaco/message", ""],
        ["write", "/_abaco_binary_data", ""],
        ["write", "/_abaco/out/x", ""],
        binary=b"body",
    )
    _, recorder = await run(kit, task)
    readable = "Read-only file system\n"
    assert recorder.text == (
        f"/_abaco/x: {readable}/_abaco/message: {readable}/_abaco_binary_data: {readable}"
        "wrote /_abaco/out/x\n"
    )


@pytest.mark.asyncio
async def test_a_message_file_of_the_store_is_shared_not_copied(
    kit: DockerKit, tmp_path: Path
) -> None:
    body = tmp_path / "payload"
    body.write_bytes(b"body" * 1000)
    running, recorder = await begin(
        kit, task := kit.task(["message"], ["say", "ready"], ["wait", "go"], binary=body)
    )
    assert recorder.text.startswith("4000 ")
    assert body.stat().st_nlink == 2
    kit.go(task)
    await running
    await kit.runner().clear(task.execution_id)
    assert body.read_bytes() == b"body" * 1000


@pytest.mark.asyncio
async def test_too_much_memory_is_an_outcome(kit: DockerKit) -> None:
    outcome, _ = await run(kit, kit.task(["take", 500_000_000], memory=50_000_000))
    assert outcome.exit_code == 137
    assert outcome.final_state["OOMKilled"] is True


@pytest.mark.asyncio
async def test_limits_reach_the_engine(kit: DockerKit, engine: Engine) -> None:
    task = kit.task(
        ["say", "ready"], ["wait", "go"], memory=64 << 20, nano_cpus=500_000_000, user="1234:4321"
    )
    running, _ = await begin(kit, task)
    found = engine.client.inspect_container(container_of(engine, task))
    host = found["HostConfig"]
    assert (host["Memory"], host["NanoCpus"], host["PidsLimit"]) == (64 << 20, 500_000_000, 512)
    assert host["RestartPolicy"]["Name"] == "no"
    assert host["NetworkMode"] in ("default", "bridge")
    assert found["Config"]["User"] == "1234:4321"
    assert found["Name"] == f"/abaco-{task.execution_id}"
    marks = found["Config"]["Labels"]
    assert marks["abaco.actor"] == "actor"
    assert marks["abaco.worker"] == "worker"
    assert marks["abaco.image"] == kit.image
    kit.go(task)
    await running


@pytest.mark.asyncio
async def test_statistics_are_recorded(kit: DockerKit) -> None:
    for seconds in (2.5, 10, 40):
        outcome, _ = await run(kit, kit.task(["take", 50_000_000], ["sleep", seconds]))
        if outcome.peak_memory > 50_000_000:
            break  # an engine that is slow to answer is asked less often
    assert outcome.cpu > 1_000_000
    assert outcome.peak_memory > 50_000_000
    assert outcome.io >= 0
    assert set(outcome.final_state) == {
        "Status", "Running", "Paused", "Restarting", "OOMKilled", "Dead", "Pid", "ExitCode",
        "Error", "StartedAt", "FinishedAt",
    }  # fmt: skip
    assert outcome.final_state["FinishedAt"].endswith("Z")


# ---- images ----------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_entrypoint_and_command_of_the_image(kit: DockerKit, made: Image) -> None:
    image = made(f'FROM {BASE}\nENTRYPOINT ["echo", "entry"]\nCMD ["command"]')
    outcome, recorder = await run(kit, kit.task(image=image))
    assert (outcome.exit_code, recorder.text) == (0, "entry command\n")


@pytest.mark.asyncio
async def test_an_image_without_a_shell(kit: DockerKit, made: Image) -> None:
    dockerfile = f"""
        FROM {BASE} AS base
        LABEL {STAGE}=yes
        RUN mkdir /tree && cp -L --parents \
            $(ldd /usr/bin/printenv | grep -o '/[^ ]*') /usr/bin/printenv /tree
        FROM scratch
        COPY --from=base /tree /
        CMD ["/usr/bin/printenv", "MSG"]
    """
    image = made(dockerfile)
    task = kit.task(image=image, text="hi")
    outcome, recorder = await run(kit, task)
    assert (outcome.exit_code, recorder.text) == (0, "hi\n")
    await kit.runner().clear(task.execution_id)
    assert await kit.traces(task) == []


@pytest.mark.asyncio
async def test_another_user_sends_results_and_reads_its_message(
    kit: DockerKit, made: Image
) -> None:
    dockerfile = f"""
        FROM {BASE}
        COPY job.py /job.py
        USER 1234
        CMD ["python3", "/job.py"]
    """
    image = made(dockerfile, {"job.py": JOB})
    task = kit.task(
        ["message"], ["spool", 1, 5], ["datagram", "x"], ["throw", {"type": "E"}],
        image=image, binary=b"body",
    )  # fmt: skip
    outcome, recorder = await run(kit, task)
    assert recorder.text.startswith("4 ")
    assert sorted(recorder.results.values()) == [b"rrrrr", b"x"]
    assert outcome.exception == {"type": "E"}


@pytest.mark.asyncio
async def test_a_text_too_long_for_an_image_without_our_runtime(
    kit: DockerKit, made: Image
) -> None:
    image = made(f'FROM {BASE}\nCMD ["true"]')
    outcome, recorder = await run(kit, kit.task(image=image, text="x" * 300_000))
    assert outcome.exit_code == 1
    assert recorder.text.startswith("exec ")
    assert recorder.text.endswith(": argument list too long\n")


@pytest.mark.asyncio
@pytest.mark.parametrize("command", ['CMD ["/no/such/program"]', 'CMD ["/etc"]', "CMD []"])
async def test_a_start_that_fails_leaves_nothing(kit: DockerKit, made: Image, command: str) -> None:
    image = made(f"FROM {BASE}\n{command}")
    runner, task = kit.runner(), kit.task(image=image)
    for _ in range(2):
        with pytest.raises(RunFailed) as caught:
            await runner.run(task, Recorder())
        assert caught.value.kind is FailureKind.START
        assert not caught.value.started
        assert caught.value.reason.startswith("Could not start container ")
        assert ". Exception " in caught.value.reason
        assert await kit.traces(task) == []
    assert await runner.remains() == []
    await runner.close()
    kit.runners.remove(runner)


@pytest.mark.asyncio
async def test_a_mount_that_does_not_exist_fails_the_start(kit: DockerKit) -> None:
    task = kit.task(mounts=(Mount(host_path="/no/such/path", container_path="/data"),))
    with pytest.raises(RunFailed, match="Could not start container") as caught:
        await kit.runner().run(task, Recorder())
    assert caught.value.kind is FailureKind.START
    assert await kit.traces(task) == []


@pytest.mark.asyncio
async def test_the_image_link_is_made_once_and_goes_with_the_runner(
    kit: DockerKit, engine: Engine
) -> None:
    runner = kit.runner()
    filters = {"label": [f"abaco.service={kit.service_id}"]}
    for _ in range(2):
        await runner.run(task := kit.task(), Recorder())
        await runner.clear(task.execution_id)
    (link,) = engine.client.images(filters=filters)
    # An heir finds it, also after its predecessor died.
    await kit.runner().prepare(Place(actor_id="actor", image=kit.image))
    assert [one["Id"] for one in engine.client.images(filters=filters)] == [link["Id"]]
    await runner.close()
    kit.runners.remove(runner)
    assert engine.client.images(filters=filters) == []
    assert kit.image in engine.client.inspect_image(kit.image)["RepoTags"]


@pytest.mark.asyncio
async def test_a_link_that_was_pruned_is_made_again(kit: DockerKit, engine: Engine) -> None:
    runner = kit.runner()
    await runner.prepare(Place(actor_id="actor", image=kit.image))
    (link,) = engine.client.images(filters={"label": [f"abaco.service={kit.service_id}"]})
    engine.client.remove_image(link["Id"])
    recorder = Recorder()
    await runner.run(kit.task(["datagram", "x"]), recorder)
    assert list(recorder.results.values()) == [b"x"]


# ---- an engine that interferes ---------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_container_killed_from_outside_is_an_outcome(
    kit: DockerKit, engine: Engine
) -> None:
    running, _ = await begin(kit, task := kit.task(["say", "ready"], ["sleep", 60]))
    engine.client.kill(container_of(engine, task))
    assert (await running).exit_code == 137


@pytest.mark.asyncio
async def test_a_container_removed_from_outside_is_not_run_again(
    kit: DockerKit, engine: Engine
) -> None:
    running, _ = await begin(kit, task := kit.task(["say", "ready"], ["sleep", 60]))
    engine.client.remove_container(container_of(engine, task), force=True)
    with pytest.raises(RunFailed, match="is gone") as caught:
        await running
    assert caught.value.kind is FailureKind.INTERNAL
    assert caught.value.started


@pytest.mark.asyncio
async def test_a_program_that_closes_its_streams_is_waited_for(kit: DockerKit) -> None:
    task = kit.task(["say", "ready"], ["quiet"], ["spool", 1, 3], ["sleep", 2], ["exit", 5])
    outcome, recorder = await run(kit, task)
    assert (outcome.exit_code, recorder.text) == (5, "ready\n")
    assert list(recorder.results.values()) == [b"rrr"]
    assert outcome.finish_time - outcome.start_time > timedelta(seconds=2)


@pytest.mark.asyncio
async def test_a_stream_that_breaks_off_goes_on_from_the_engines_log(kit: DockerKit) -> None:
    task = kit.task(["say", "one"], ["say", "ready"], ["wait", "go"], ["say", "two"], ["exit", 3])
    running, recorder = await begin(kit, task)
    # What a restarted engine with live-restore does to an attached client.
    kit.runners[-1]._live[task.execution_id]._follower._stream.close()
    await asyncio.sleep(0.3)
    kit.go(task)
    outcome = await running
    assert (outcome.exit_code, recorder.text) == (3, "one\nready\ntwo\n")


@pytest.mark.asyncio
async def test_a_time_out_is_kept_by_an_heir(kit: DockerKit) -> None:
    task = kit.task(["say", "ready"], ["sleep", 600], timeout=timedelta(seconds=2))
    running, _ = await begin(kit, task)
    await abandon(running)
    heir = kit.runner()
    (handle,) = await heir.remains()
    outcome = await heir.resume(handle, Recorder())
    assert outcome.timed_out
    assert outcome.finish_time - outcome.start_time < timedelta(seconds=300)


@pytest.mark.asyncio
async def test_what_was_created_and_never_started_runs_later(
    kit: DockerKit, engine: Engine
) -> None:
    """The server died between create and start."""
    runner, task = kit.runner(), kit.task(["say", "once"])
    live = runner._entered(task.execution_id)
    with live as half:
        await runner._create(task, half)
    (handle,) = await kit.runner().remains()
    assert not handle.started
    with pytest.raises(RunFailed, match="never started") as caught:
        await runner.resume(handle, Recorder())
    assert not caught.value.started
    outcome, recorder = await run(kit, task)
    assert (outcome.exit_code, recorder.text) == (0, "once\n")


@pytest.mark.asyncio
async def test_remains_removes_directories_without_a_container(kit: DockerKit) -> None:
    """The server died between the directory and its container, or between their removals."""
    (kit.run_dir / "halfway" / "out").mkdir(parents=True)
    assert await kit.runner().remains() == []
    assert list(kit.run_dir.iterdir()) == []


@pytest.mark.asyncio
async def test_a_container_that_is_not_ours_is_never_touched(
    kit: DockerKit, engine: Engine
) -> None:
    runner, task = kit.runner(), kit.task()
    foreign = engine.client.create_container(
        BASE, ["sleep", "60"], name=f"abaco-{task.execution_id}"
    )["Id"]
    try:
        engine.client.start(foreign)
        with pytest.raises(RunFailed, match="already in use") as caught:
            await runner.run(task, Recorder())
        assert caught.value.kind is FailureKind.INTERNAL
        assert not caught.value.started
        await runner.halt(task.execution_id, timedelta(seconds=1))
        await runner.clear(task.execution_id)
        assert await runner.remains() == []
        assert engine.client.inspect_container(foreign)["State"]["Running"]
        assert not (kit.run_dir / task.execution_id).exists()
    finally:
        engine.client.remove_container(foreign, force=True)


@pytest.mark.asyncio
async def test_directories_of_another_user_are_emptied_by_a_container(
    kit: DockerKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, task = kit.runner(), kit.task(["write", "/_abaco/out/.hidden", "x"], ["spool", 7, 1])
    await runner.run(task, Recorder())
    left = kit.run_dir / task.execution_id / "out" / "of" / "root"
    left.mkdir(parents=True)
    answers = iter([False])
    remove = directory.remove

    def refused_once(path: Path) -> bool:
        if next(answers, True) is False:
            return False
        assert os.listdir(path / "out") == []
        return remove(path)

    monkeypatch.setattr(directory, "remove", refused_once)
    await runner._clear_directory(task.execution_id, kit.image)
    assert not (kit.run_dir / task.execution_id).exists()


@pytest.mark.asyncio
async def test_a_log_without_end_does_not_fill_the_memory(kit: DockerKit) -> None:
    """20 MB of log from a watch that is slower than user code."""

    class Slow(Recorder):
        largest = 0

        async def log(self, chunk: bytes) -> None:
            self.largest = max(self.largest, len(chunk))
            await asyncio.sleep(0.01)
            await super().log(chunk)

    recorder = Slow()
    await kit.runner().run(kit.task(["lines", 200, 100_000]), recorder)
    assert len(recorder.text) == 200 * 100_001
    assert recorder.largest <= 5 << 20


@pytest.mark.asyncio
async def test_no_more_than_max_running_at_once(kit: DockerKit) -> None:
    runner = kit.runner()
    runner._slots = asyncio.Semaphore(1)
    first, second = kit.task(["say", "ready"], ["wait", "go"]), kit.task(["say", "ready"])
    seen, unseen = Recorder(), Recorder()
    both = [
        asyncio.create_task(runner.run(first, seen)),
        asyncio.create_task(runner.run(second, unseen)),
    ]
    await seen.until(lambda seen: "ready" in seen.text)
    assert unseen.told == []
    kit.go(first)
    await asyncio.gather(*both)
    assert unseen.text == "ready\n"


@pytest.mark.asyncio
async def test_a_run_whose_log_stream_hangs_is_ended_by_the_check(
    kit: DockerKit, engine: Engine
) -> None:
    """The engine's end of the stream may be lost with a connection: nobody would notice."""
    runner = kit.runner()
    task = kit.task(["say", "ready"], ["wait", "go"])
    recorder = Recorder()
    running = asyncio.create_task(runner.run(task, recorder))
    await recorder.until(lambda seen: "ready" in seen.text)
    await runner.check()
    live = runner._live[task.execution_id]
    # From here on its end is not heard.
    live._follower.wake = lambda: None
    engine.client.kill(container_of(engine, task))
    engine.client.wait(container_of(engine, task))
    await runner.check()
    done, _ = await asyncio.wait([running], timeout=0.5)
    assert not done
    live._follower.wake = live._bell.set
    await runner.check()
    async with asyncio.timeout(60):
        assert (await running).exit_code == 137
