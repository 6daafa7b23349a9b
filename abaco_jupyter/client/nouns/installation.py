"""The whole installation: how busy it is, what an admin sees, what can be asked of it."""

from typing import Any
from urllib.parse import quote

from abaco_jupyter.client.transport import Transport
from abaco_jupyter.wire import paths

Record = dict[str, Any]


class Installation:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def utilization(self) -> Record:
        """How many actors, workers and waiting commands there are."""
        found: Record = self._transport.call("GET", paths.UTILIZATION)
        return found

    def admin(self, kind: str = "") -> Any:
        """For admins: every actor, or with `workers` or `executions` all of these."""
        return self._transport.call("GET", paths.admin(quote(kind, safe="")))

    def metrics(self) -> str:
        """What Prometheus would read, as its text."""
        return self._transport.fetch(paths.METRICS).decode()

    def openapi(self) -> str:
        """The API's description in OpenAPI, as YAML."""
        return self._transport.fetch(paths.OPENAPI).decode()
