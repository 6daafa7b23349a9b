"""A synchronous message by a nonce, from outside, through everything that `assemble` joins."""

import stat
from pathlib import Path
from urllib.request import Request, urlopen

from live_server import LiveServer

SOURCE = """
import sys
import time

from abaco_runtime import send_bytes_result


def act(text):
    print("log of", text, flush=True)
    if text == "slow":
        send_bytes_result(b"early")
        time.sleep(300)
"""


def test_the_answer_is_the_result_else_the_log(tmp_path: Path) -> None:
    with LiveServer(tmp_path, "--AbacoApp.runner=process") as server:
        build = server.api("POST", "abaco/v1/builds", {"source": SOURCE, "entry": "act"})
        frames = server.request("GET", f"abaco/v1/builds/{build['id']}/stream", timeout=300)[1]
        assert b'"READY"' in frames, frames[-2000:]
        actor = server.api("POST", "actors/v2", {"image": build["image"]})["id"]
        alias = {"alias": "answers", "actorId": actor}
        server.api("POST", "actors/v2/aliases", alias)
        nonce = server.api("POST", "actors/v2/aliases/answers/nonces", {})["id"]
        root = f"{server.url.rstrip('/')}/actors/v2/answers/messages"

        def ask(text: str) -> tuple[str, bytes]:
            query = f"message={text}&_abaco_synchronous=true&x-nonce={nonce}"
            with urlopen(Request(f"{root}?{query}", method="POST"), timeout=120) as answer:
                return answer.headers["Content-Type"], answer.read()

        assert ask("slow") == ("application/octet-stream", b"early")
        assert ask("quick") == ("text/html; charset=utf-8", b"log of quick\n")
        keys = [*tmp_path.rglob("key")]
        assert [stat.S_IMODE(key.stat().st_mode) for key in keys] == [0o600]
