"""What operators watch, asked of a real server."""

import re
from pathlib import Path

from live_server import LiveServer

SOURCE = """
def act(text):
    if text == "bad":
        raise ValueError(text)
"""


def test_ours_are_in_jupyters_metrics_too(tmp_path: Path) -> None:
    with LiveServer(tmp_path, "--AbacoApp.runner=process") as server:
        actor = server.register(SOURCE, "act")
        for text in ("good", "bad"):
            server.follow(actor, server.send(actor, text))
        text = server.request("GET", "abaco/v1/metrics")[1].decode()
        values = dict(re.findall(r"^(abaco_\S+) (\S+)$", text, re.MULTILINE))
        assert values['abaco_messages_accepted_total{source="request"}'] == "2.0"
        assert values['abaco_executions_ended_total{status="COMPLETE"}'] == "2.0"
        assert values["abaco_message_wait_seconds_count"] == "2.0"
        assert values["abaco_execution_run_seconds_count"] == "2.0"
        assert values["abaco_messages_waiting"] == "0.0"
        assert values['abaco_actors{status="READY"}'] == "1.0"
        assert values['abaco_builds{status="READY"}'] == "1.0"
        assert float(values["abaco_store_commit_writes_count"]) > 0
        assert actor not in text
        theirs = server.request("GET", "metrics")[1].decode()
        assert "http_request_duration_seconds" in theirs
        for name in values:
            if not name.startswith("abaco_store_commit_writes"):
                assert name in theirs
