"""Who builds what and when, with a builder that does as it is told and a real store."""

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from abaco_jupyter.wire.codes import BuildStatus
from abaco_jupyter.wire.errors import BuildFailed, InvalidSpec, NotReady
from abaco_jupyter.wire.ids import new_id
from abaco_jupyter.wire.limits import MAX_LOG_CHARACTERS
from abaco_jupyter.wire.spec import BuildSpec
from abaco_server.builds.bench import CANCELLED, STOPPED, Workbench
from abaco_server.builds.builder import BuildCancelled
from abaco_server.builds.running import BuildProgress
from abaco_server.model.build import Build
from abaco_server.store import Store, builds


class FakeClock:
    at = datetime(2026, 11, 21, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


class FakeBuilder:
    """Each build says what it does and waits for `go`; `fails` is what it then raises."""

    kind = "fake"
    revision = "r1"

    def __init__(self) -> None:
        self.images: set[str] = set()
        self.built: list[str] = []
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.fails: BaseException | None = None
        self.says = "step 1\n"
        self.at_once = self.most_at_once = 0

    def check(self, spec):
        if spec.apt:
            raise InvalidSpec("no apt here")

    def describe(self, spec):
        return f"FROM {spec.python}\n"

    def exists(self, image):
        return image in self.images

    def build(self, spec, image, log, cancelled):
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        self.built.append(spec.source)
        log(self.says)
        self.begun.release()
        with cancelled.stopping(self.go.release):
            self.go.acquire()
        self.at_once -= 1
        cancelled.obey()
        if self.fails:
            raise self.fails
        log("done\n")
        self.images.add(image)


@pytest.fixture
def builder() -> FakeBuilder:
    return FakeBuilder()


@pytest_asyncio.fixture
async def store(tmp_path) -> AsyncIterator[Store]:
    opened = Store.open(
        f"sqlite:///{tmp_path}/store.db", payload_dir=tmp_path / "payloads", clock=FakeClock()
    )
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def bench(builder, store) -> AsyncIterator[Workbench]:
    made = Workbench(builder, store, FakeClock(), new_id)
    yield made
    await made.close()


def spec(source="x = 1"):
    return BuildSpec(source=source)


async def begun(builder, count=1):
    for _ in range(count):
        assert await asyncio.to_thread(builder.begun.acquire, timeout=60)


async def steps(bench, build_id, offset=0):
    return [step async for step in bench.follow(build_id, offset)]


async def ended(bench, build_id) -> Build:
    async with asyncio.timeout(60):
        return (await steps(bench, build_id))[-1]


@pytest.mark.asyncio
async def test_a_plan_says_what_a_build_would_be_and_begins_none(bench, builder, store):
    plan = await bench.plan(spec())
    assert (plan.image, plan.digest) == (spec().image("r1"), spec().digest())
    assert (plan.cached, plan.dockerfile) == (False, "FROM None\n")
    builder.images.add(plan.image)
    assert (await bench.plan(spec())).cached
    with pytest.raises(InvalidSpec, match="no apt here"):
        await bench.plan(BuildSpec(source="x = 1", apt=("curl",)))
    assert builder.built == []


@pytest.mark.asyncio
async def test_a_build_from_start_to_end(bench, builder):
    build = await bench.start(spec(), "ann", "T")
    assert (build.status, build.owner, build.cached) == (BuildStatus.WAITING, "ann", False)
    await begun(builder)
    running = await bench.get(build.id)
    assert (running.status, running.log) == (BuildStatus.BUILDING, "step 1\n")
    builder.go.release()
    done = await ended(bench, build.id)
    assert (done.status, done.log, done.error) == (BuildStatus.READY, "step 1\ndone\n", None)
    assert done.finish_time > done.create_time
    assert await bench.get(build.id) == done


@pytest.mark.asyncio
async def test_an_image_that_is_there_is_ready_at_once(bench, builder):
    builder.images.add(spec().image("r1"))
    build = await bench.start(spec(), "ann", "T")
    assert (build.status, build.cached) == (BuildStatus.READY, True)
    assert await steps(bench, build.id) == [build]
    assert builder.built == []


@pytest.mark.asyncio
async def test_the_same_image_asked_for_at_once_is_built_once(bench, builder):
    found = await asyncio.gather(*(bench.start(spec(), f"u{n}", "T") for n in range(5)))
    assert len({build.id for build in found}) == 1
    builder.go.release()
    await ended(bench, found[0].id)
    assert len(builder.built) == 1


@pytest.mark.asyncio
async def test_after_a_failure_the_same_spec_is_tried_again(bench, builder):
    builder.fails = BuildFailed("no")
    builder.go.release()
    first = await bench.start(spec(), "ann", "T")
    assert (await ended(bench, first.id)).status is BuildStatus.ERROR
    builder.fails = None
    builder.go.release()
    second = await bench.start(spec(), "ann", "T")
    assert second.id != first.id
    assert (await ended(bench, second.id)).status is BuildStatus.READY


@pytest.mark.asyncio
async def test_a_bad_spec_is_refused_before_anything_is_on_record(bench, builder, store):
    for bad in (BuildSpec(source="def f(:"), BuildSpec(source="", apt=("git",))):
        with pytest.raises(InvalidSpec):
            await bench.start(bad, "ann", "T")
    assert await store.read(builds.unfinished) == []
    assert builder.built == []


@pytest.mark.asyncio
async def test_the_error_ends_with_the_logs_last_lines(bench, builder):
    builder.says = "".join(f"line {n}\n" for n in range(100)) + "ERROR: no such thing\n"
    builder.fails = BuildFailed("pip ended with exit status 1.")
    builder.go.release()
    build = await bench.start(spec(), "ann", "T")
    error = (await ended(bench, build.id)).error.splitlines()
    assert error[0] == "pip ended with exit status 1."
    assert (error[1], error[-1], len(error)) == ("line 81", "ERROR: no such thing", 21)


@pytest.mark.asyncio
async def test_a_broken_builder_is_told_and_logged(bench, builder, caplog):
    builder.fails = ZeroDivisionError("oops")
    builder.go.release()
    build = await bench.start(spec(), "ann", "T")
    done = await ended(bench, build.id)
    assert done.error == "The build broke (ZeroDivisionError: oops)."
    assert "Traceback" in caplog.text


@pytest.mark.asyncio
async def test_no_more_than_two_at_once_and_in_order(bench, builder):
    started = [await bench.start(spec(f"x = {n}"), "ann", "T") for n in range(5)]
    await begun(builder, 2)
    assert (await bench.get(started[4].id)).status is BuildStatus.WAITING
    for _ in started:
        builder.go.release()
    for build in started:
        assert (await ended(bench, build.id)).status is BuildStatus.READY
    assert builder.most_at_once == 2
    assert builder.built[2:] == ["x = 2", "x = 3", "x = 4"]


@pytest.mark.asyncio
async def test_cancel_while_it_builds(bench, builder):
    build = await bench.start(spec(), "ann", "T")
    await begun(builder)
    done = await bench.cancel(build.id)
    assert (done.status, done.error, done.log) == (BuildStatus.CANCELLED, CANCELLED, "step 1\n")
    assert not builder.images
    again = await bench.cancel(build.id)
    assert again == done


@pytest.mark.asyncio
async def test_cancel_while_it_waits(bench, builder):
    started = [await bench.start(spec(f"x = {n}"), "ann", "T") for n in range(3)]
    await begun(builder, 2)
    done = await bench.cancel(started[2].id)
    assert done.status is BuildStatus.CANCELLED
    for _ in range(2):
        builder.go.release()
    await ended(bench, started[0].id)
    await ended(bench, started[1].id)
    assert len(builder.built) == 2


@pytest.mark.asyncio
async def test_a_cancelled_image_can_be_built_anew(bench, builder):
    first = await bench.start(spec(), "ann", "T")
    await begun(builder)
    await bench.cancel(first.id)
    second = await bench.start(spec(), "ann", "T")
    await begun(builder)
    builder.go.release()
    assert (await ended(bench, second.id)).status is BuildStatus.READY


@pytest.mark.asyncio
async def test_a_follower_gets_each_piece_as_it_comes(bench, builder):
    build = await bench.start(spec(), "ann", "T")
    await begun(builder)
    following = bench.follow(build.id)
    assert await anext(following) == BuildProgress(offset=0, text="step 1\n")
    builder.go.release()
    assert await anext(following) == BuildProgress(offset=7, text="done\n")
    assert (await anext(following)).status is BuildStatus.READY
    with pytest.raises(StopAsyncIteration):
        await anext(following)


@pytest.mark.asyncio
async def test_a_follower_who_comes_back_gets_the_rest(bench, builder):
    build = await bench.start(spec(), "ann", "T")
    await begun(builder)
    builder.go.release()
    await ended(bench, build.id)
    rest, done = await steps(bench, build.id, offset=5)
    assert (rest.offset, rest.text) == (5, "1\ndone\n")
    assert done.status is BuildStatus.READY
    assert len(await steps(bench, build.id, offset=12)) == 1


@pytest.mark.asyncio
async def test_many_followers_of_one_build(bench, builder):
    build = await bench.start(spec(), "ann", "T")
    followers = [asyncio.create_task(steps(bench, build.id)) for _ in range(20)]
    await begun(builder)
    builder.go.release()
    for found in await asyncio.gather(*followers):
        assert "".join(step.text for step in found[:-1]) == "step 1\ndone\n"


@pytest.mark.asyncio
async def test_of_a_log_that_is_too_long_the_end_is_kept(bench, builder):
    builder.says = "x" * MAX_LOG_CHARACTERS
    builder.go.release()
    build = await bench.start(spec(), "ann", "T")
    done = await ended(bench, build.id)
    assert done.log.startswith("[the first 5 characters are left out]\nx")
    assert done.log.endswith("xdone\n")
    assert len(done.log) < MAX_LOG_CHARACTERS + 100


@pytest.mark.asyncio
async def test_unknown_builds(bench):
    assert await bench.get("nope") is None
    assert await bench.cancel("nope") is None
    assert await steps(bench, "nope") == []


@pytest.mark.asyncio
async def test_a_server_that_stops_says_so_in_the_record(builder, store):
    bench = Workbench(builder, store, FakeClock(), new_id)
    started = [await bench.start(spec(f"x = {n}"), "ann", "T") for n in range(3)]
    await begun(builder, 2)
    await bench.close()
    for build in started:
        found = await store.read(lambda conn, build=build: builds.get(conn, build.id))
        assert (found.status, found.error) == (BuildStatus.ERROR, STOPPED)
    with pytest.raises(NotReady):
        await bench.start(spec("x = 9"), "ann", "T")


@pytest.mark.asyncio
async def test_builds_of_a_killed_server_are_in_error_at_the_next_start(bench, store):
    now = FakeClock().now()
    for build_id, status in [("w", BuildStatus.WAITING), ("b", BuildStatus.BUILDING)]:
        lost = Build(
            id=build_id, digest="d", image="i", owner="ann", tenant="T",
            status=status, create_time=now,
        )  # fmt: skip
        await store.write(lambda conn, lost=lost: builds.insert(conn, lost))
    await bench.open()
    for build_id in ("w", "b"):
        found = await bench.get(build_id)
        assert (found.status, found.error) == (BuildStatus.ERROR, STOPPED)
        assert found.finish_time is not None


@pytest.mark.asyncio
async def test_cancelled_by_the_builder_itself_is_cancelled(bench, builder):
    builder.fails = BuildCancelled()
    builder.go.release()
    build = await bench.start(spec(), "ann", "T")
    assert (await ended(bench, build.id)).status is BuildStatus.CANCELLED
