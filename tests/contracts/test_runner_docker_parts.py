"""The docker runner's parts that need no engine: what is asked for, what is made of answers."""

import asyncio
import io
import tarfile
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from docker.errors import APIError, ImageNotFound, NotFound

from abaco_server.model.actor import Mount
from abaco_server.model.task import FailureKind, RunFailed, Task
from abaco_server.runners.docker import container as shape
from abaco_server.runners.docker.containers import Containers
from abaco_server.runners.docker.engine import Engine, gateway
from abaco_server.runners.docker.images import Images, link_archive
from abaco_server.runners.docker.stats import Usage, note


def task(**fields: Any) -> Task:
    return Task(
        execution_id="e", actor_id="a", worker_id="w", tenant="T", image="i", environment={},
        **{"text": "hello", **fields},
    )  # fmt: skip


def engine_with(**methods: Any) -> Engine:
    untold = refusal(404, "no events here")

    def events(**_: Any) -> None:
        raise untold

    client = SimpleNamespace(**{"events": events, **methods}, close=lambda: None, _version="1.41")
    return Engine(client)  # type: ignore[arg-type]


def refusal(status: int, text: str, kind: type[APIError] = APIError) -> APIError:
    response = requests.Response()
    response.status_code = status
    return kind(text, response=response, explanation=text)


# ---- what is asked for -----------------------------------------------------------------------


def test_an_ordinary_container_keeps_six_capabilities() -> None:
    asked = shape.host_config(task(memory=1000, nano_cpus=5).place, "/run/e", shape.Limits(pids=7))
    assert asked["cap_drop"] == ["ALL"]
    assert asked["cap_add"] == list(shape.CAPABILITIES)
    assert asked["security_opt"] == ["no-new-privileges"]
    assert (asked["mem_limit"], asked["nano_cpus"], asked["pids_limit"]) == (1000, 5, 7)
    assert "privileged" not in asked
    assert "init" not in asked


def test_a_privileged_container_is_not_confined_and_sees_the_engine() -> None:
    limits = shape.Limits(engine_socket="/run/user/1000/docker.sock")
    asked = shape.host_config(task(privileged=True).place, "/run/e", limits)
    assert asked["privileged"] is True
    assert not {"cap_drop", "cap_add", "security_opt"} & asked.keys()
    last = asked["mounts"][-1]
    assert (last["Source"], last["Target"]) == (limits.engine_socket, "/var/run/docker.sock")
    configured = Mount(host_path="/x/docker.sock", container_path="/var/run/docker.sock", mode="rw")
    asked = shape.host_config(task(privileged=True, mounts=(configured,)).place, "/run/e", limits)
    targets = [mount["Target"] for mount in asked["mounts"]]
    assert targets.count("/var/run/docker.sock") == 1


@pytest.mark.parametrize(("mode", "read_only"), [("ro", True), ("rw", False), ("", True)])
def test_mounts_are_read_only_unless_they_say_rw(mode: str, read_only: bool) -> None:
    mount = Mount(host_path="/a", container_path="/b", mode=mode)
    asked = shape.host_config(task(mounts=(mount,)).place, "/run/e", shape.Limits())
    assert asked["mounts"][-1]["ReadOnly"] is read_only


def test_an_image_gets_links_to_what_abaco_has_at_fixed_paths() -> None:
    """Dangling for a message that is no bytes: no such file then, as with the reference."""
    with tarfile.open(fileobj=io.BytesIO(link_archive())) as archive:
        links = {one.name: one.linkname for one in archive.getmembers()}
    assert links == {
        "_abaco_results.sock": "/_abaco/results.sock",
        "_abaco_binary_data": "/_abaco/message",
    }


# ---- what is made of answers -----------------------------------------------------------------


def test_docker_times() -> None:
    exact = datetime(2026, 11, 21, 20, 9, 3, 812573, UTC)
    assert shape.parse_time("2026-11-21T20:09:03.812573823Z") == exact
    assert shape.parse_time("2026-11-21T20:09:03Z") == exact.replace(microsecond=0)
    assert shape.parse_time("2026-11-21T20:09:03.5Z") == exact.replace(microsecond=500_000)
    assert shape.parse_time("2026-11-21T21:09:03.812573+01:00") == exact
    assert shape.parse_time("0001-01-01T00:00:00Z") is None


def test_a_command_that_fails_at_once_does_not_end_before_it_begins() -> None:
    state = {
        "ExitCode": 1,
        "StartedAt": "2026-11-21T20:17:01.372605225Z",
        "FinishedAt": "2026-11-21T20:17:01.372415439Z",
        "Health": {"Status": "none"},
    }
    outcome = shape.outcome(state, now=datetime.now(UTC))
    assert outcome.start_time == outcome.finish_time
    assert outcome.final_state == {
        "ExitCode": 1,
        "StartedAt": "2026-11-21T20:17:01.372Z",
        "FinishedAt": "2026-11-21T20:17:01.372Z",
    }


def test_statistics_of_an_ended_container_do_not_undo_earlier_ones() -> None:
    usage = Usage()
    running = {
        "cpu_stats": {"cpu_usage": {"total_usage": 5}},
        "memory_stats": {"max_usage": 7, "usage": 6},
        "networks": {"eth0": {"rx_bytes": 1}, "eth1": {"rx_bytes": 2}},
    }
    ended = {"cpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {}}
    for stats in (running, ended, {}):
        note(usage, stats)
    assert usage == Usage(cpu=5, io=3, first_io=3, peak_memory=7)


# ---- images ----------------------------------------------------------------------------------


def missing(_: str) -> Any:
    raise refusal(404, "No such image", ImageNotFound)


async def why(name: str, pull: Any) -> RunFailed:
    engine = engine_with(inspect_image=missing, pull=pull)
    try:
        with pytest.raises(RunFailed) as caught:
            await Images(engine, "service").get(name)
    finally:
        engine.threads.close()
    assert caught.value.kind is FailureKind.IMAGE
    return caught.value


@pytest.mark.asyncio
async def test_the_sentence_when_the_registry_does_not_answer() -> None:
    def pull(*_: Any, **__: Any) -> Any:
        raise refusal(500, "dial tcp: connection refused")

    failure = await why("some/image", pull)
    assert failure.reason == (
        "Error pulling image some/image - exception: dial tcp: connection refused"
    )


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "answer",
    [
        refusal(404, "pull access denied for some/image, repository does not exist", NotFound),
        {"error": "manifest for some/image:latest not found: manifest unknown"},
    ],
)
async def test_the_sentence_when_the_registry_does_not_have_it(answer: Any) -> None:
    def pull(*_: Any, **__: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return iter([{"status": "Pulling"}, answer])

    failure = await why("some/image", pull)
    assert failure.reason == "Image some/image was not found on the public registry."


@pytest.mark.asyncio
async def test_many_workers_wait_for_one_pull() -> None:
    pulls = []

    def pull(name: str, **_: Any) -> Any:
        pulls.append(name)
        return iter([{"error": "no space left on device"}])

    engine = engine_with(inspect_image=missing, pull=pull)
    images = Images(engine, "service")
    answers = await asyncio.gather(*(images.get("i") for _ in range(5)), return_exceptions=True)
    engine.threads.close()
    assert all("no space left on device" in str(answer) for answer in answers)
    assert pulls == ["i"]


# ---- an engine that restarts -----------------------------------------------------------------


def containers(inspect: Any, patience: float) -> tuple[Containers, Engine]:
    engine = engine_with(inspect_container=inspect)
    made = Containers(
        engine,
        service_id="s",
        limits=shape.Limits(),
        patience=timedelta(seconds=patience),
    )
    return made, engine


@pytest.mark.asyncio
async def test_an_engine_that_restarts_is_waited_for() -> None:
    answers = [
        requests.exceptions.ConnectionError("refused"),
        refusal(500, "daemon is shutting down"),
        {"State": {"Status": "exited", "ExitCode": 137}},
    ]

    def inspect(_: str) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    made, engine = containers(inspect, patience=30)
    assert await made.state("c") == {"Status": "exited", "ExitCode": 137}
    engine.threads.close()


@pytest.mark.asyncio
async def test_an_engine_that_stays_away_is_given_up() -> None:
    def inspect(_: str) -> Any:
        raise requests.exceptions.ConnectionError("refused")

    made, engine = containers(inspect, patience=0.2)
    with pytest.raises(RunFailed, match="refused") as caught:
        await made.state("c")
    assert caught.value.kind is FailureKind.INTERNAL
    assert caught.value.started
    engine.threads.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("began", [True, False])
async def test_a_start_that_timed_out_is_looked_at(began: bool) -> None:
    """Whether user code runs is then known, and it is run neither twice nor not at all."""
    removed: list[str] = []

    def start(_: str) -> None:
        raise requests.exceptions.ReadTimeout("timed out")

    state = {"Running": began, "StartedAt": "0001-01-01T00:00:00Z"}
    engine = engine_with(
        start=start,
        inspect_container=lambda _: {"State": state},
        remove_container=lambda container_id, **_: removed.append(container_id),
    )
    made = Containers(engine, service_id="s", limits=shape.Limits(), patience=timedelta(seconds=1))
    if began:
        await made.start("c")
        assert removed == []
    else:
        with pytest.raises(RunFailed) as caught:
            await made.start("c")
        assert caught.value.kind is FailureKind.INTERNAL
        assert not caught.value.started
        assert removed == ["c"]
    engine.threads.close()


# ---- where this host is ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("networks", "found"),
    [
        ({"bridge": [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}]}, "172.17.0.1"),
        ({"bridge": [{"Subnet": "172.18.0.0/16"}]}, "172.18.0.1"),
        ({"podman": [{"Subnet": "10.88.0.0/16", "Gateway": "10.88.0.1"}]}, "10.88.0.1"),
    ],
)
def test_the_gateway_of_the_bridge_is_this_host(networks: dict[str, Any], found: str) -> None:
    assert gateway(network_client(networks)) == found


@pytest.mark.parametrize("networks", [{}, {"bridge": []}, {"bridge": None}, {"bridge": [{}]}])
def test_an_engine_without_a_bridge_is_an_error(networks: dict[str, Any]) -> None:
    with pytest.raises(LookupError, match="no network bridge or podman"):
        gateway(network_client(networks))


def network_client(networks: dict[str, Any]) -> Any:
    def inspect(name: str) -> dict[str, Any]:
        if name not in networks:
            raise refusal(404, "no such network", NotFound)
        return {"IPAM": {"Config": networks[name]}}

    return SimpleNamespace(inspect_network=inspect)
