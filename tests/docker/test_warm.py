"""Containers that are started before their message, on a real engine."""

import asyncio
import io
import json
import shutil
import tarfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from abaco_server.model.task import FailureKind, Outcome, RunFailed, Task
from abaco_server.runners.docker import DockerRunner, connect
from abaco_server.runners.docker.containers import Containers
from abaco_server.runners.docker.warm.demand import WarmPolicy
from abaco_server.runners.docker.warm.spare import Control
from runnerkit.images import job_image
from runnerkit.kits import GRACE, DockerKit, Recorder, WarmKit, WarmRunner, abandon

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with job_image() as name:
        yield name


@pytest_asyncio.fixture
async def kit(image: str, tmp_path: Path) -> AsyncIterator[WarmKit]:
    made = WarmKit(tmp_path)
    made.image = image
    yield made
    await made.close()


def containers(kit: DockerKit) -> list[dict[str, str]]:
    engine = connect()
    try:
        filters = {"label": [f"abaco.service={kit.service_id}"]}
        return engine.client.containers(all=True, filters=filters)
    finally:
        engine.close()


async def run_at_once(runner: WarmRunner, task: Task, recorder: Recorder) -> Outcome:
    """Without waiting for a container that waits."""
    return await DockerRunner.run(runner, task, recorder)


async def until(met: Callable[[], object], *, seconds: float = 90) -> None:
    async with asyncio.timeout(seconds):
        while not met():
            await asyncio.sleep(0.02)


@pytest.mark.asyncio
async def test_a_message_runs_in_the_container_that_waited(kit: WarmKit) -> None:
    runner, task = kit.runner(), kit.task(["say", "hello"])
    await runner.waiting(task)
    (waiting,) = containers(kit)
    assert waiting["State"] == "running"
    recorder = Recorder()
    outcome = await runner.run(task, recorder)
    assert recorder.text == "hello\n"

    def named() -> list[str]:
        name = f"/abaco-{task.execution_id}"
        return [one["Id"] for one in containers(kit) if one["Names"] == [name]]

    await until(named, seconds=60)
    assert named() == [waiting["Id"]]
    assert outcome.final_state["Status"] == "exited"
    assert outcome.cpu > 0
    assert outcome.peak_memory > 2**20


@pytest.mark.asyncio
async def test_another_one_waits_for_the_next_message(kit: WarmKit) -> None:
    runner, task = kit.runner(), kit.task(["say", "hello"])
    await runner.run(task, Recorder())
    await until(lambda: len(runner._warm) == 1)
    await runner.clear(task.execution_id)
    (waiting,) = containers(kit)
    assert waiting["State"] == "running"


@pytest.mark.asyncio
async def test_user_code_cannot_tell_the_difference(kit: WarmKit, tmp_path: Path) -> None:
    """But for its process id: environment, user, directory, arguments, streams."""
    script = (
        "import os,sys,json;print(json.dumps([sorted((k,v) for k,v in os.environ.items()"
        " if k not in ('HOSTNAME','_abaco_execution_id','MSG')),os.getuid(),os.getgid(),"
        "os.getgroups(),os.getcwd(),sys.argv,os.isatty(0),os.readlink('/proc/self/fd/0'),"
        "sorted(os.listdir('/proc/self/fd'))[:3],os.getsid(0)==os.getpid()]))"
    )
    plain = DockerKit(tmp_path / "plain")
    plain.image = kit.image
    seen = []
    for one in (kit, plain):
        recorder = Recorder()
        task = one.task(["python", script], environment={"A": "b=c", "PATH": "/usr/bin:/bin"})
        task = replace(task, user="1234:5678")
        await one.runner().run(task, recorder)
        seen.append(json.loads(recorder.text))
    assert seen[0] == seen[1]
    await plain.close()


@pytest.mark.asyncio
async def test_an_idle_actor_has_no_container(kit: WarmKit) -> None:
    runner = WarmRunner(
        connect(),
        service_id=kit.service_id,
        run_dir=kit.run_dir,
        grace=GRACE,
        warm=WarmPolicy(idle=timedelta(seconds=5)),
    )
    kit.runners.append(runner)
    await runner.waiting(kit.task(["say", "hello"]))
    await until(lambda: not containers(kit) and not list(kit.run_dir.iterdir()))


@pytest.mark.asyncio
async def test_a_container_that_is_removed_while_it_waits_is_not_used(kit: WarmKit) -> None:
    runner, task = kit.runner(), kit.task(["say", "hello"])
    await runner.waiting(task)
    (waiting,) = containers(kit)
    engine = connect()
    engine.client.remove_container(waiting["Id"], force=True)
    engine.close()
    recorder = Recorder()
    await run_at_once(runner, task, recorder)
    assert recorder.text == "hello\n"


@pytest.mark.asyncio
async def test_an_image_that_has_the_name_by_now_is_what_the_next_message_runs(
    kit: WarmKit,
) -> None:
    engine, name = connect(), "abaco-test-moving"
    runner = kit.runner()

    def tag(number: int) -> None:
        script = f'["python3", "-c", "print({number})"]'
        made = engine.client.create_container(kit.image)["Id"]
        engine.client.commit(made, name, changes=f"CMD {script}")
        engine.client.remove_container(made)

    try:
        for number in range(3):
            tag(number)
            for _ in range(2):
                recorder, task = Recorder(), kit.task(image=name)
                await runner.run(task, recorder)
                await runner.clear(task.execution_id)
                assert recorder.text == f"{number}\n"
        await runner.close()
    finally:
        kit.runners.clear()
        kit.sweep()
        engine.client.remove_image(name, force=True)
        engine.close()


@pytest.mark.asyncio
async def test_no_container_waits_with_the_hint_0(kit: WarmKit) -> None:
    runner = kit.runner()
    task = replace(kit.task(["say", "hello"]), warm=0)
    await run_at_once(runner, task, Recorder())
    await runner.clear(task.execution_id)
    assert containers(kit) == []
    assert runner._warm.making == 0


@pytest.mark.asyncio
async def test_no_container_waits_for_a_privileged_actor(kit: WarmKit) -> None:
    runner = kit.runner()
    runner._warm.expect(replace(kit.task(), privileged=True).place)
    assert runner._warm.making == 0


@pytest.mark.asyncio
async def test_a_server_that_was_killed_leaves_nothing_waiting(kit: WarmKit) -> None:
    runner = kit.runner()
    await runner.waiting(replace(kit.task(["say", "hello"]), warm=2), 2)
    assert len(containers(kit)) == 2
    assert await kit.runner().remains() == []
    assert containers(kit) == []
    assert list(kit.run_dir.iterdir()) == []


@pytest.mark.asyncio
async def test_a_server_that_stops_while_a_command_begins_leaves_it_to_its_heir(
    kit: WarmKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, task = kit.runner(), kit.task(["say", "begun"], ["sleep", 2], ["say", "done"])
    await runner.waiting(task)
    # It runs, and says so; but nobody hears of it any more.
    monkeypatch.setattr(Control, "data_received", lambda *_: None)
    monkeypatch.setattr(Control, "connection_lost", lambda *_: None)
    recorder = Recorder()
    running = asyncio.create_task(run_at_once(runner, task, recorder))
    await recorder.until(lambda found: bool(found.starts))
    await asyncio.sleep(0.5)
    running.cancel()
    await asyncio.wait([running])
    heir, told = kit.runner(), Recorder()
    (handle,) = await heir.remains()
    assert (handle.execution_id, handle.started) == (task.execution_id, True)
    outcome = await heir.resume(handle, told)
    assert (outcome.exit_code, told.text) == (0, "begun\ndone\n")


@pytest.mark.asyncio
async def test_a_command_that_does_not_exist_is_refused_in_the_engines_words(
    kit: WarmKit, tmp_path: Path
) -> None:
    engine = connect()
    made = engine.client.create_container(kit.image, ["no-such-command"])["Id"]
    name = engine.client.commit(made, "abaco-test-no-command")["Id"]
    engine.client.remove_container(made)
    try:
        runner, recorder = kit.runner(), Recorder()
        task = kit.task(image="abaco-test-no-command")
        with pytest.raises(RunFailed, match=r"no-such-command.*executable file not found"):
            await runner.run(task, recorder)
        assert len(recorder.starts) == 1
        # Nor does a container wait for what cannot run, also not one that was on its way.
        await until(lambda: not containers(kit))
        await runner.close()
    finally:
        kit.runners.clear()
        kit.sweep()
        engine.client.remove_image(name, force=True)
        engine.close()


@pytest.mark.asyncio
async def test_an_image_of_nothing_but_one_program(kit: WarmKit) -> None:
    """`ldconfig` is the one program of Debian that needs no library."""
    program = shutil.which("ldconfig", path="/sbin:/usr/sbin")
    assert program is not None
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(Path(program).resolve(), "program")
    engine = connect()
    try:
        engine.client.import_image_from_data(
            packed.getvalue(),
            repository="abaco-test-scratch",
            changes=['ENTRYPOINT ["/program"]', 'CMD ["--version"]'],
        )
        runner, recorder = kit.runner(), Recorder()
        task = kit.task(image="abaco-test-scratch")
        outcome = await runner.run(task, recorder)
        assert (outcome.exit_code, "ldconfig" in recorder.text) == (0, True)
        await runner.close()
    finally:
        kit.runners.clear()
        kit.sweep()
        engine.client.remove_image("abaco-test-scratch", force=True)
        engine.close()


@pytest.mark.asyncio
async def test_a_run_whose_container_has_no_name_yet_is_found_by_its_claim(
    kit: WarmKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine refused the rename, in this life and in the next."""

    async def refuse(self: Containers, container_id: str, name: str) -> None:
        raise RunFailed(FailureKind.INTERNAL, "no rename")

    monkeypatch.setattr(Containers, "rename", refuse)
    runner, task = kit.runner(), kit.task(["say", "before"], ["wait", "go"], ["exit", 7])
    first = Recorder()
    running = asyncio.create_task(runner.run(task, first))
    await first.until(lambda seen: "before" in seen.text)
    await abandon(running)
    kit.go(task)
    heir = kit.runner()
    (handle,) = await heir.remains()
    assert (await heir.resume(handle, Recorder())).exit_code == 7
    await heir.clear(task.execution_id)
    assert not (kit.run_dir / task.execution_id).exists()
