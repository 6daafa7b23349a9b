"""Calls as bodies of the channel's frames: small ones as they are, large parts uploaded once."""

from collections.abc import Callable
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any

from abaco_jupyter.client.execution import Execution
from abaco_jupyter.client.transport import Transport
from abaco_jupyter.executor import ending
from abaco_jupyter.executor.apart import LARGE
from abaco_jupyter.wire import paths
from abaco_jupyter.wire.call import CALL_RESULT, Part, encode_call, read_result
from abaco_jupyter.wire.errors import NotFound
from abaco_jupyter.wire.frames import MAX_CALL, Body, Reference
from abaco_jupyter.wire.limits import MIB

if TYPE_CHECKING:
    from abaco_jupyter.executor.line import Call

_FRAMING = 64
"""Bytes of a call beside its function and its arguments, at most."""


class Parcels:
    """Knows what it has uploaded. Used by one thread."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._there: dict[str, Reference] = {}

    def body(self, call: "Call") -> Body:
        """Uploads what is not on the server yet. Raises what the upload raises."""
        if call.size + _FRAMING <= MAX_CALL:
            return call.body
        beside: dict[str, Reference] = {}

        def part(pickled: bytes) -> Part:
            if len(pickled) < LARGE:
                return pickled
            found = self._uploaded(pickled)
            beside[found.digest] = found
            return found.digest

        message = encode_call(
            part(call.function),
            part(call.arguments),
            many=call.many,
            constants={place: part(one) for place, one in call.constants.items()},
        )
        return [message, *beside.values()]

    def forget(self) -> None:
        """The server does not have them any more."""
        self._there.clear()

    def _uploaded(self, data: bytes) -> Reference:
        digest = sha256(data).hexdigest()
        found = self._there.get(digest)
        if found is None:
            answer = self._transport.upload(paths.payload(digest), data)
            found = self._there[digest] = Reference(answer["digest"], answer["seal"])
        return found


def large_value(execution: Execution, patiently: Callable[[Callable[[], Any]], Any]) -> Any:
    """What a call returned and was not pushed. It stays on the server, where whoever comes back
    for a labelled call finds it too. A large one goes by way of a file, so that it is in memory
    once, as the object. Raises ExecutionError if it is not there."""
    transport, number = execution.actor.transport, 0
    while True:
        path = paths.kept_result(execution.actor.id, execution.id, number)
        with SpooledTemporaryFile(MIB) as file:

            def fetch(path: str = path, file: Any = file) -> None:
                file.seek(0)
                file.truncate()
                transport.download(path, file)

            try:
                patiently(fetch)
            except NotFound:
                return ending.returned(execution, [])
            file.seek(0)
            if file.read(len(CALL_RESULT)) == CALL_RESULT:
                return read_result(file)
        number += 1
