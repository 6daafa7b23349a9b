"""A log is cut at a million characters, and kept for as long as actor and installation say."""

from pathlib import Path

from live_server import LiveServer

SOURCE = """
def say(text):
    print("é" * int(text), end="")
"""
CUT = " LOG LIMIT EXCEEDED; this execution log was TRUNCATED!"


def test_length_and_life_of_a_log(tmp_path: Path) -> None:
    options = (
        "--AbacoApp.runner=process",
        "--AbacoApp.log_ex_seconds=0",
        "--AbacoApp.max_log_ex_seconds=600",
        "--AbacoApp.actor_uid=1234",
    )
    with LiveServer(tmp_path, *options) as server:

        def log_of(actor: str, length: int) -> str:
            execution = server.send(actor, str(length))
            server.follow(actor, execution)
            logs: str = server.api("GET", f"actors/v2/{actor}/executions/{execution}/logs")["logs"]
            return logs

        kept = server.register(SOURCE, "say", logEx=10**12)
        assert log_of(kept, 1_000_000) == "é" * 1_000_000
        assert log_of(kept, 1_000_001) == "é" * 1_000_000 + CUT
        # One that sets no logEx has the installation's default, which is none here.
        assert log_of(server.register(SOURCE, "say"), 5) == ""
        assert log_of(server.register(SOURCE, "say", logEx=-5), 5) == ""
        assert "The process runner has no mounts and runs everything" in server.log
