"""Where the time goes: sentences for the page, all figures out of the run that it shows."""

from collections.abc import Callable
from typing import Any

Results = dict[str, Any]


def reasons(results: Results) -> dict[str, str]:
    """By the target's number; of what was measured only."""
    found = {}
    for number, (name, say) in _SAID.items():
        if name in results and "failed" not in results[name]:
            found[number] = say(results[name])
    return found


def _p1(fresh: Results) -> str:
    said = []
    for kind, facts in fresh["p1"].items():
        p50 = facts["p50_ms"]
        said.append(
            f"`{kind}`: {p50['service']} ms from POST to answer, of which {p50['runner']} ms are "
            f"the runner with the container (the same command on the host, without a container: "
            f"{fresh['host_ms'][kind]} ms) and the rest HTTP, queue, record and log. In a "
            f"container that stays it takes {p50['reused']} ms."
        )
    return " ".join(said)


def _p2(fresh: Results) -> str:
    used, engine = fresh["p2"]["processor_ms_each"], fresh["engine_ms"]
    return (
        f"With most workers a fresh container costs the machine's processors {used['fresh']} ms, "
        f"`docker run` {used['docker_run']} ms, a message in a container that stays "
        f"{used['reused']} ms; the engine alone takes {engine['create']} ms to create one, "
        f"{engine['start']} ms to start and {engine['remove']} ms to remove it. A pool hides that "
        "from a message that comes now and then; it cannot make more of them a second."
    )


def _p3(spent: Results) -> str:
    steps = spent["steps_ms"]
    return (
        f"A call's way, means: {steps['to_the_server']} ms from `submit` to the server, "
        f"{steps['kept_and_taken']} ms to be on disk and taken by a worker, "
        f"{steps['handed_over']} ms to the start in the container, {steps['run']} ms for its "
        f"process and the function, {steps['recorded_and_told']} ms for the record and the way "
        "back to the future."
    )


def _p4(spent: Results) -> str:
    cpu = spent["cpu_ms_per_call"]
    parts = ("kernel", "server", "containers")
    return (
        f"A call of a map takes {cpu['time']} ms of time and "
        f"{sum(cpu[part] for part in parts):.3f} ms of processors: "
        + ", ".join(f"{cpu[part]} ms in the {part}" for part in parts)
        + ". What the peers keep in memory, the server puts on record for each call."
    )


def _p5(spent: Results) -> str:
    share = spent["workers"]
    return (
        f"Of eight workers' time {share['asleep']:.1%} is the sleep itself, "
        f"{share['around_the_sleep']:.1%} is the call's process around it, and "
        f"{share['other']:.1%} is none of a call's: between two groups of calls their ends are "
        "recorded, the next are taken and handed over. From being taken to its start a call "
        f"waits {share['mean_taken_to_start_ms']} ms, behind the others of its group."
    )


def _p6(spent: Results) -> str:
    begin = spent["beginning_s"]
    return (
        f"{begin['imports']} s of imports, {begin['actor']} s until the server has found the image "
        f"and has the actor, {begin['container_and_call']} s for the first container and the call."
    )


def _p7(accept: Results) -> str:
    said = []
    for connections in (1, 32):
        rounds = accept[f"connections_{connections}"]["rounds"]
        middle = sorted(rounds, key=lambda one: one["ratio"])[len(rounds) // 2]
        said.append(
            f"{connections} connections: {middle['ours']['p50_ms']} ms p50 against "
            f"{middle['bare']['p50_ms']} ms of the bare handler"
        )
    return "; ".join(said) + ". The bare handler writes nothing to disk."


def _p8(lists: Results) -> str:
    return (
        "Read by index, without a scan; the totals likewise: "
        f"{lists['totals_of_1M_ms']} ms of 1 M, {lists['totals_of_1k_ms']} ms of 1 k."
    )


def _p10(idle: Results) -> str:
    bare, empty, full = idle["bare"], idle["no_actors"], idle["actors_1000"]
    modules = ", ".join(f"{name} {size} MB" for name, size in idle["imports_mb"].items())
    return (
        f"The bare server has {bare['rss_mb']} MB and takes {bare['cpu_percent']} % of a "
        f"processor; ours without an actor {empty['rss_mb']} MB and "
        f"{empty['cpu_percent']} %, with 1000 actors {full['rss_mb']} MB "
        f"and {full['cpu_percent']} %: "
        f"what there is, is not actors but imported modules ({modules}, the last with all else)."
    )


def _p11(lab: Results) -> str:
    return (
        f"p50 {lab['while_a_map_runs_p50_ms']} ms while a map runs; idle p50 "
        f"{lab['idle_p50_ms']} ms, p99 {lab['idle_p99_ms']} ms; with two processes "
        f"that merely compute beside an idle server p50 {lab['computing_p50_ms']} ms, p99 "
        f"{lab['computing_p99_ms']} ms."
    )


def _p12(startup: Results) -> str:
    return (
        f"The bare server answers after {startup['bare_s']} s, ours after "
        f"{startup['with_extension_s']} s, and the service itself, which starts behind the open "
        f"port, after {startup['until_the_service_answers_s']} s."
    )


def _p13(_: Results) -> str:
    return (
        "Ours goes through the notebook server and is on disk before and after; Thespian's goes "
        "from process to process and is nowhere kept. There is no ask without a record yet."
    )


_SAID: dict[str, tuple[str, Callable[[Results], str]]] = {
    "P1": ("fresh", _p1),
    "P2": ("fresh", _p2),
    "P3": ("spent", _p3),
    "P4": ("spent", _p4),
    "P5": ("spent", _p5),
    "P6": ("spent", _p6),
    "P7": ("accept", _p7),
    "P8": ("lists", _p8),
    "P10": ("idle", _p10),
    "P11": ("lab", _p11),
    "P12": ("startup", _p12),
    "P13": ("calls", _p13),
}
