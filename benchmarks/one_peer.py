"""One round of one peer in a process of its own: `python -m benchmarks.one_peer dask`.

`calls.py` runs this for each peer in turn. What to measure comes as JSON in the first line of the
standard input; each line of the output has all figures so far, as the next may take too long.
"""

import time

BEGIN = time.perf_counter()

import json  # noqa: E402  the first result is timed from here, imports included
import signal  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from contextlib import suppress  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

import psutil  # noqa: E402

from benchmarks.peers import ASKED, PEERS, Pool  # noqa: E402
from benchmarks.work import echo, nap, noop  # noqa: E402

Figures = dict[str, Any]


def main() -> None:
    # Told to end, it puts away what it opened.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    name, wanted = sys.argv[1], json.loads(sys.stdin.readline())
    figures: Figures = {}
    with (PEERS | ASKED)[name].open(wanted["workers"]) as pool:
        assert pool.call(noop, 1) == 1
        figures["first_result_s"] = time.perf_counter() - BEGIN
        print(json.dumps(figures), flush=True)
        for part in wanted["parts"]:
            figures |= PARTS[part](pool, wanted)
            print(json.dumps(figures), flush=True)


def _calls(pool: Pool, wanted: Figures) -> Figures:
    pool.map(noop, range(min(20, wanted["calls"])))
    times = [_timed(pool.call, noop, 1) for _ in range(wanted["calls"])]
    return {"warm_call_ms": median(times) * 1000}


def _maps(pool: Pool, wanted: Figures) -> Figures:
    figures = {}
    for name, number in wanted["maps"].items():
        pool.map(noop, range(min(100, number // 4)))
        figures[f"map_{name}_per_s"] = number / _timed(_mapped, pool.map, number)
        if pool.chunked is not None:
            figures[f"chunked_{name}_per_s"] = number / _timed(_mapped, pool.chunked, number)
    return figures


def _sleeps(pool: Pool, wanted: Figures) -> Figures:
    """Of what so many workers could do at best."""
    number, workers = wanted["naps"], wanted["workers"]
    pool.map(nap, [0.05] * workers)
    took = _timed(pool.map, nap, [0.05] * number)
    return {"naps_per_s": number / took, "of_ideal": number * 0.05 / workers / took}


def _memory(pool: Pool, wanted: Figures) -> Figures:
    """Proportional set size: what is shared counts by shares."""
    if pool.processes is None:
        return {}
    found = 0
    for process in pool.processes():
        with suppress(psutil.NoSuchProcess):
            found += process.memory_full_info().pss
    return {"memory_a_worker_mb": found / 1e6 / wanted["workers"]}


def _payloads(pool: Pool, wanted: Figures) -> Figures:
    figures = {}
    for size, rounds in wanted["payloads"].items():
        payload = bytes(int(size))
        assert pool.call(echo, payload) == payload
        times = [_timed(pool.call, echo, payload) for _ in range(rounds)]
        figures[f"payload_{size}_ms"] = median(times) * 1000
    return figures


PARTS: dict[str, Callable[[Pool, Figures], Figures]] = {
    "calls": _calls,
    "maps": _maps,
    "sleeps": _sleeps,
    "memory": _memory,
    "payloads": _payloads,
}


def _timed(work: Callable[..., Any], *args: Any) -> float:
    begin = time.perf_counter()
    work(*args)
    return time.perf_counter() - begin


def _mapped(run: Callable[..., list[Any]], number: int) -> None:
    assert run(noop, range(number)) == list(range(number))


if __name__ == "__main__":
    main()
