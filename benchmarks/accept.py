"""P7: how many messages a second are accepted (on disk before the answer) against a bare
authenticated handler of the same server, which does nothing."""

import json
import os
from dataclasses import asdict
from statistics import median

from benchmarks import tidy
from benchmarks.load import post
from benchmarks.tidy import SMALL
from tests.live_server import REPOSITORY, LiveServer

ROUNDS, SECONDS = (1, 1.0) if SMALL else (3, 2.0)
BODY = json.dumps({"message": "x" * 100}).encode()
SLEEPER = "import time\n\ndef sleeper(message):\n    time.sleep(3600)\n"


def main() -> None:
    os.environ["PYTHONPATH"] = str(REPOSITORY)
    options = (
        "--ServerApp.jpserver_extensions=benchmarks.bare_extension=True",
        "--AbacoApp.runner=process",
        "--AbacoApp.drain_seconds=0",
    )
    with tidy.home() as home, LiveServer(home, *options) as server:
        print(json.dumps(_measure(server), indent=2))


def _measure(server: LiveServer) -> dict[str, object]:
    actor = server.register(SLEEPER, "sleeper", stateless=False)
    # Its only worker is busy for as long as this takes: nothing but accepting is measured.
    server.send(actor, "first")
    ours_url = f"{server.url}actors/v2/{actor}/messages"
    bare_url = f"{server.url}benchmark/bare"
    figures: dict[str, object] = {"benchmark": "accept", "target": "P7: 70 % of the bare handler"}
    for connections in (1, 32):
        rounds = []
        for _ in range(ROUNDS):
            bare = post(bare_url, server.token, BODY, connections=connections, seconds=SECONDS)
            ours = post(ours_url, server.token, BODY, connections=connections, seconds=SECONDS)
            rounds.append(
                {
                    "bare": asdict(bare),
                    "ours": asdict(ours),
                    "ratio": round(ours.per_second / bare.per_second, 3),
                }
            )
        figures[f"connections_{connections}"] = {
            "ratio": median(round_["ratio"] for round_ in rounds),
            "rounds": rounds,
        }
    return figures


if __name__ == "__main__":
    main()
