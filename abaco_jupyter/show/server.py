"""Which server answers, and what runs its messages, in a few lines."""

from typing import Any

from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.show.surroundings import is_plain

_RUNNERS = {"docker": "a container", "process": "a subprocess, which isolates nothing"}


def server_text(abaco: Abaco, status: dict[str, Any]) -> str:
    lines = [f"Each message runs in {_RUNNERS.get(status['runner'], status['runner'])}."]
    if not is_plain():
        lines.insert(0, f"Server: {abaco.url}, found by {abaco.found.server.how}.")
        facts = {key: value for key, value in status.items() if value not in (None, "", {})}
        lines += [f"  {key}: {value}" for key, value in facts.items()]
        lines += [f"  tried before: {attempt}" for attempt in abaco.found.tried]
    return "\n".join(lines) + "\n"
