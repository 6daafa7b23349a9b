"""How each runner is set up, looked at and brought down by the contract suite."""

import asyncio
import contextlib
import hashlib
import json
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from abaco_jupyter.wire.ids import new_id
from abaco_server.model.task import (
    Ended,
    Group,
    Isolation,
    Member,
    Outcome,
    Place,
    ResultBody,
    RunFailed,
    Task,
)
from abaco_server.runners.docker import DockerRunner, connect
from abaco_server.runners.docker.resident.policy import ReusePolicy
from abaco_server.runners.docker.warm.demand import WarmPolicy
from abaco_server.runners.fake import FakeEngine, FakeRun, FakeRunner
from abaco_server.runners.process import ProcessRunner
from abaco_server.runners.protocol import Watch

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GRACE = timedelta(seconds=0.5)


async def abandon(running: "asyncio.Task[Any]") -> None:
    """What becomes of a run when its server is killed, as far as one process can play it."""
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


class Recorder:
    """A Watch that keeps all it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.starts: list[datetime] = []
        self.results: dict[str, bytes] = {}
        self._changed = asyncio.Event()

    async def started(self, at: datetime) -> None:
        self.starts.append(at)
        self._note("started", at)

    async def log(self, chunk: bytes) -> None:
        self._note("log", chunk)

    async def result(self, key: str, body: ResultBody) -> None:
        self.results.setdefault(key, body if isinstance(body, bytes) else body.read())
        self._note("result", key)

    @property
    def text(self) -> str:
        return b"".join(item for kind, item in self.told if kind == "log").decode()

    async def until(self, met: Callable[["Recorder"], bool]) -> None:
        async with asyncio.timeout(60):
            while not met(self):
                self._changed.clear()
                await self._changed.wait()

    def _note(self, kind: str, item: Any) -> None:
        self.told.append((kind, item))
        self._changed.set()


class GroupRecorder:
    """A GroupWatch that keeps all it is told."""

    def __init__(self) -> None:
        self.ends: dict[str, Ended] = {}
        self.order: list[str] = []
        self.starts: list[str] = []
        self.logs: defaultdict[str, bytes] = defaultdict(bytes)
        self.results: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
        self._changed = asyncio.Event()

    async def started(self, execution_id: str, at: datetime) -> None:
        self.starts.append(execution_id)
        self._changed.set()

    async def log(self, execution_id: str, chunk: bytes) -> None:
        self.logs[execution_id] += chunk
        self._changed.set()

    async def result(self, execution_id: str, key: str, body: ResultBody) -> None:
        whole = body if isinstance(body, bytes) else body.read()
        self.results[execution_id].setdefault(key, whole)
        self._changed.set()

    async def ended(self, ended: Sequence[Ended]) -> None:
        for one in ended:
            assert one.execution_id not in self.ends
            self.ends[one.execution_id] = one
            self.order.append(one.execution_id)
            self.logs[one.execution_id] += one.log
            for key, body in one.results:
                self.results[one.execution_id].setdefault(key, body)
        self._changed.set()

    async def until(self, met: Callable[["GroupRecorder"], bool]) -> None:
        async with asyncio.timeout(60):
            while not met(self):
                self._changed.clear()
                await self._changed.wait()

    def texts(self, group: Group) -> list[str]:
        return [self.logs[one.execution_id].decode() for one in group.members]

    def codes(self, group: Group) -> list[int | str]:
        return [self.outcome(one).exit_code for one in group.members]

    def outcome(self, member: Member) -> Outcome:
        end = self.ends[member.execution_id].end
        assert isinstance(end, Outcome), end
        return end

    def failure(self, member: Member) -> RunFailed:
        end = self.ends[member.execution_id].end
        assert isinstance(end, RunFailed), end
        return end


class Kit:
    """One runner under test. `heir` plays the server's next life."""

    image: str

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.service_id = f"test-{uuid4().hex[:12]}"
        self.run_dir = directory / "run"
        self.runners: list[Any] = []

    def make(self, service_id: str, run_dir: Path) -> Any:
        raise NotImplementedError

    def runner(self) -> Any:
        made = self.make(self.service_id, self.run_dir)
        self.runners.append(made)
        return made

    def stranger(self) -> Any:
        """A runner of another service on the same machine."""
        made = self.make(f"{self.service_id}-other", self.directory / "other")
        self.runners.append(made)
        return made

    def task(self, *steps: list[Any], **fields: Any) -> Task:
        given = fields.pop("environment", {})
        message = {} if {"binary", "text"} & fields.keys() else {"text": "hello"}
        return Task(
            execution_id=new_id(),
            actor_id="actor",
            worker_id="worker",
            tenant="TEST",
            image=fields.pop("image", self.image),
            environment={"JOB": json.dumps(steps), **given},
            **message,
            **fields,
        )

    isolation = Isolation.CONTAINER

    def group(self, *jobs: list[list[Any]], **fields: Any) -> Group:
        """One execution for each list of steps."""
        members = tuple(
            Member(execution_id=new_id(), environment={"JOB": json.dumps(steps)}, text="hello")
            for steps in jobs
        )
        return Group(
            place=Place(actor_id="actor", image=self.image, isolation=self.isolation),
            worker_id="worker",
            tenant="TEST",
            environment=fields.pop("environment", {"SHARED_BY": "all"}),
            members=members,
            **fields,
        )

    def go(self, task: Task | Member, name: str = "go") -> None:
        """Let a job that waits for `name` go on."""
        (self.run_dir / task.execution_id / name).touch()

    async def traces(self, task: Task) -> list[str]:
        """All that the machine still holds of an execution."""
        path = self.run_dir / task.execution_id
        return [str(path)] if path.exists() else []

    async def close(self) -> None:
        """An heir clears everything away, also what a failed test left running."""
        heir = self.runner()
        for handle in await heir.remains():
            await heir.clear(handle.execution_id)
        for runner in self.runners:
            await runner.close()


class FakeKit(Kit):
    image = "fake"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.engine = FakeEngine()
        self.gates: dict[tuple[str, str], asyncio.Event] = {}

    def make(self, service_id: str, run_dir: Path) -> FakeRunner:
        engine = self.engine if service_id == self.service_id else FakeEngine()
        return FakeRunner(self.play, engine=engine, images={self.image}, grace=GRACE)

    def gate(self, execution_id: str, name: str) -> asyncio.Event:
        return self.gates.setdefault((execution_id, name), asyncio.Event())

    def go(self, task: Task | Member, name: str = "go") -> None:
        self.gate(task.execution_id, name).set()

    async def traces(self, task: Task) -> list[str]:
        return [one for one in self.engine.runs if one == task.execution_id]

    async def close(self) -> None:
        await super().close()
        await self.engine.close()

    async def play(self, run: FakeRun) -> int:
        """job.py, in this process."""
        for step, *arguments in json.loads(run.task.environment["JOB"]):
            match step:
                case "say" | "complain":
                    run.log(f"{arguments[0]}\n".encode())
                case "lines":
                    for _ in range(arguments[0]):
                        run.log(b"x" * arguments[1] + b"\n")
                case "sleep":
                    await asyncio.sleep(arguments[0])
                case "wait":
                    await self.gate(run.task.execution_id, arguments[0]).wait()
                case "spool":
                    run.result(b"r" * arguments[1])
                case "datagram":
                    run.result(arguments[0].encode())
                case "throw":
                    run.fail(arguments[0])
                case "message":
                    task = run.task
                    body = task.text.encode() if task.text is not None else task.binary
                    run.log(f"{len(body)} {hashlib.sha256(body).hexdigest()}\n".encode())
                case "term":
                    run.obeys_term = arguments[0] != "ignore"
                case "variable":
                    run.log(f"{run.task.environment.get(arguments[0], 'unset')}\n".encode())
                case "exit":
                    return int(arguments[0])
        return 0


class ProcessKit(Kit):
    image = "abaco-jupyter/actor:job"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.environments = directory / "environments"
        built = self.environments / "job"
        (built / "app").mkdir(parents=True)
        shutil.copy(HERE / "job.py", built / "app" / "actor.py")
        variables = {"PYTHONPATH": str(ROOT / "images" / "runtime")}
        manifest = {"entry": None, "python": sys.executable, "env": variables}
        (built / "manifest.json").write_text(json.dumps(manifest))

    def make(self, service_id: str, run_dir: Path) -> ProcessRunner:
        return ProcessRunner(
            environments=self.environments,
            service_id=service_id,
            run_dir=run_dir,
            grace=GRACE,
        )


class DockerKit(Kit):
    image = ""
    """Set by the fixture that builds it."""

    def make(self, service_id: str, run_dir: Path) -> DockerRunner:
        return DockerRunner(connect(), service_id=service_id, run_dir=run_dir, grace=GRACE)

    async def traces(self, task: Task) -> list[str]:
        engine = connect()
        try:
            found = engine.client.containers(
                all=True, filters={"label": [f"abaco.execution={task.execution_id}"]}
            ) or engine.client.containers(
                all=True, filters={"name": [f"^/abaco-{task.execution_id}$"]}
            )
        finally:
            engine.close()
        return [*await super().traces(task), *(one["Id"] for one in found)]

    async def close(self) -> None:
        await super().close()
        self.sweep()

    def sweep(self) -> None:
        """Nothing of a test that failed half-way is left on the engine."""
        engine = connect()
        client = engine.client
        for service in (self.service_id, f"{self.service_id}-other"):
            filters = {"label": [f"abaco.service={service}"]}
            for found in client.containers(all=True, filters=filters):
                client.remove_container(found["Id"], v=True, force=True)
            for found in client.images(filters=filters):
                with contextlib.suppress(Exception):
                    client.remove_image(found["Id"], force=True, noprune=True)
        engine.close()


class ResidentKit(DockerKit):
    """Containers that stay, each with a resident interpreter."""

    isolation = Isolation.PROCESS

    def make(self, service_id: str, run_dir: Path) -> DockerRunner:
        return DockerRunner(
            connect(), service_id=service_id, run_dir=run_dir, grace=GRACE, reuse=self.reuse
        )

    reuse: ReusePolicy | None = None

    def go(self, task: Task | Member, name: str = "go") -> None:
        for home in self.run_dir.glob("stays-*/out/e"):
            (home / name).touch()

    def containers(self) -> list[str]:
        """Ids of those that this kit's service has."""
        engine = connect()
        try:
            filters = {"label": [f"abaco.service={self.service_id}", "abaco.stays"]}
            return [one["Id"] for one in engine.client.containers(all=True, filters=filters)]
        finally:
            engine.close()

    def kill(self) -> None:
        """As somebody who does not know us."""
        engine = connect()
        try:
            for container in self.containers():
                engine.client.kill(container)
        finally:
            engine.close()


class NoneKit(ResidentKit):
    isolation = Isolation.NONE


class WarmRunner(DockerRunner):
    """Runs nothing before a container waits for it, where one can."""

    async def run(self, task: Task, watch: Watch) -> Outcome:
        await self.waiting(task)
        return await super().run(task, watch)

    async def waiting(self, task: Task, count: int = 1) -> None:
        self._warm.expect(task.place)
        async with asyncio.timeout(60):
            while self._warm.making or (len(self._warm) < count and self._can_wait(task)):
                await asyncio.sleep(0.01)

    def _can_wait(self, task: Task) -> bool:
        return not task.privileged and not self._warm.gave_up(task.place)


class ReuseRunner(WarmRunner):
    """No execution of a test is the first one of its container."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._used: set[Place] = set()

    async def run(self, task: Task, watch: Watch) -> Outcome:
        if task.place not in self._used:
            self._used.add(task.place)
            await self._use(task)
        return await DockerRunner.run(self, task, watch)

    async def _use(self, task: Task) -> None:
        """Leave there whatever an execution can leave."""
        steps = [
            ["say", "earlier"],
            ["complain", "earlier"],
            ["spool", 1, 7],
            ["throw", {"type": "Earlier"}],
            ["leave_behind", 600],
            ["exit", 9],
        ]
        environment = {"JOB": json.dumps(steps), "COLOUR": "earlier"}
        earlier = replace(task, execution_id=new_id(), environment=environment, timeout=None)
        recorder = Recorder()
        outcome = await DockerRunner.run(self, earlier, recorder)
        assert (outcome.exit_code, recorder.text.count("earlier")) == (9, 2)
        await self.clear(earlier.execution_id)


class WarmKit(DockerKit):
    """Containers that are started before their message."""

    runs_with: type[WarmRunner] = WarmRunner

    def make(self, service_id: str, run_dir: Path) -> WarmRunner:
        return self.runs_with(
            connect(),
            service_id=service_id,
            run_dir=run_dir,
            grace=GRACE,
            warm=WarmPolicy(),
        )


class ReuseKit(WarmKit):
    """Containers that serve one execution after another."""

    runs_with = ReuseRunner

    def task(self, *steps: list[Any], **fields: Any) -> Task:
        return super().task(*steps, isolation=Isolation.PROCESS, **fields)
