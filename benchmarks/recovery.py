"""How long a killed server keeps a kernel waiting: from `kill -9` to the next call's result, with
the same executor, beside the start of the server alone, and what became of the calls under way."""

import json
import time
from concurrent.futures import wait
from statistics import median
from typing import Any

from abaco_jupyter import Abaco, AbacoExecutor
from benchmarks import tidy
from benchmarks.tidy import SMALL
from benchmarks.work import nap, noop
from tests.live_server import LiveServer

ROUNDS, CALLS = 1 if SMALL else 3, 16
_LIMIT = 120


def main() -> None:
    rounds = []
    with (
        tidy.home() as home,
        LiveServer(home, "--AbacoApp.runner=docker") as server,
        Abaco(server.url, server.token) as abaco,
        AbacoExecutor(2, abaco=abaco) as executor,
    ):
        for _ in range(ROUNDS):
            rounds.append(_round(server, executor))
    figures: dict[str, Any] = {"benchmark": "recovery", "rounds": ROUNDS}
    for name in ("server_s", "first_result_s"):
        figures[name] = round(median(one[name] for one in rounds), 3)
    for name in ("under_way", "with_result", "with_error"):
        figures[name] = sum(one[name] for one in rounds)
    print(json.dumps(figures, indent=2))


def _round(server: LiveServer, executor: AbacoExecutor) -> dict[str, Any]:
    executor.submit(noop, 1).result(_LIMIT)
    ends: list[float] = []
    under_way = [executor.submit(nap, 0.5) for _ in range(CALLS)]
    for one in under_way:
        one.add_done_callback(lambda _: ends.append(time.perf_counter()))
    wait(under_way, _LIMIT, return_when="FIRST_COMPLETED")
    begin = time.perf_counter()
    server.kill()
    server.start()
    up = time.perf_counter() - begin
    wait(under_way, _LIMIT)
    first = min(end for end in ends if end > begin) - begin
    ended = [one for one in under_way if one.done()]
    return {
        "server_s": up,
        "first_result_s": first,
        "under_way": CALLS,
        "with_result": sum(one.exception() is None for one in ended),
        "with_error": sum(one.exception() is not None for one in ended),
    }


if __name__ == "__main__":
    main()
