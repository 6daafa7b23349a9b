"""What runs an actor's messages, and what of them is on record."""

from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import quote

from abaco_jupyter.client.errors import absent
from abaco_jupyter.client.transport import Transport
from abaco_jupyter.wire import paths
from abaco_jupyter.wire.errors import WorkerNotFound

Record = dict[str, Any]


class Workers:
    """Of one actor."""

    def __init__(self, transport: Transport, actor_id: str) -> None:
        self._transport = transport
        self._actor_id = actor_id

    def all(self) -> list[Record]:
        found: list[Record] = self._transport.call("GET", paths.workers(self._actor_id))
        return found

    def ensure(self, number: int = 1) -> str:
        """See to it that there are at least so many; the sentence that the server says."""
        path = paths.workers(self._actor_id)
        return str(self._transport.envelope("POST", path, json={"num": number})["message"])

    def get(self, worker_id: str) -> Record:
        with _no_worker(worker_id):
            found: Record = self._transport.call("GET", self._one(worker_id))
        return found

    def stop(self, worker_id: str) -> str:
        """Stop it when what it runs has ended; the sentence that the server says."""
        with _no_worker(worker_id):
            return str(self._transport.envelope("DELETE", self._one(worker_id))["message"])

    def decisions(self) -> list[Record]:
        """Why there are as many as there are, newest first."""
        answer = self._transport.call("GET", paths.decisions(self._actor_id))
        found: list[Record] = answer["decisions"]
        return found

    def _one(self, worker_id: str) -> str:
        return paths.worker(self._actor_id, quote(worker_id, safe=""))


def _no_worker(worker_id: str) -> AbstractContextManager[None]:
    return absent(
        f"The actor has no worker {worker_id!r}: it may have left. `abaco workers list ACTOR` "
        "lists those it has.",
        WorkerNotFound,
    )


class Ledger:
    """The complete list of an actor's executions, with its totals."""

    def __init__(self, transport: Transport, actor_id: str) -> None:
        self._transport = transport
        self._path = paths.executions(actor_id)

    def read(self) -> Record:
        """`executions`, oldest first, and `totalExecutions`, `totalCpu` and so on."""
        found: Record = self._transport.call("GET", self._path)
        return found

    def enter(self, **numbers: int) -> Any:
        """Account for one that ran elsewhere: `runtime`, `cpu` and `io`."""
        return self._transport.call("POST", self._path, json=numbers)
