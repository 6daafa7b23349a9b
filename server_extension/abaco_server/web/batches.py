"""`/abaco/v1`: many messages, and many executions, in one request."""

import json
from typing import Any

import msgspec

from abaco_jupyter.wire.codes import ContentType
from abaco_jupyter.wire.errors import InvalidRequest
from abaco_jupyter.wire.limits import MAX_BATCH
from abaco_jupyter.wire.options import CallOptions
from abaco_server.service.messages import Post
from abaco_server.web import bodies
from abaco_server.web.base import AbacoHandler
from abaco_server.web.ours import NewestExecutionsHandler
from abaco_server.web.views import streamed_execution

_MSGPACK = ("application/msgpack", "application/x-msgpack", "application/vnd.msgpack")

_BAD_LIST = (
    f"A batch is a list of 1 to {MAX_BATCH} messages, as JSON or, with bytes among them, as "
    "application/msgpack."
)
_BAD_IDS = f'The body is {{"executions": [...]}} with at most {MAX_BATCH} execution ids.'


class BatchHandler(AbacoHandler):
    """Each message of the list becomes an execution; all are on disk before the answer."""

    actions = {**AbacoHandler.actions, "POST": "execute"}  # noqa: RUF012 - never changed

    async def post(self, actor_id: str) -> None:
        try:
            query = {name: values[0] for name, values in self.query().items()}
            options = CallOptions.of_query(query)
            posts = _posts(self.request.headers.get("Content-Type", ""), self.body(), options)
        except InvalidRequest:
            # Whoever may not send is told that, not what is wrong with the body.
            await self.service.batches.check(self.principal, actor_id)
            raise
        sent = await self.service.batches.send(self.principal, actor_id, posts)
        self.answer({"executionIds": sent}, "Messages accepted successfully.")


class CancelHandler(AbacoHandler):
    async def post(self, actor_id: str) -> None:
        service, principal = self.service.batches, self.principal
        ids = await _ids(self, lambda: service.cancel(principal, actor_id, []))
        cancelled = await service.cancel(principal, actor_id, ids)
        self.answer({"cancelled": cancelled}, "Messages cancelled successfully.")


class SomeExecutionsHandler(NewestExecutionsHandler):
    """Who lost a connection asks once for all that it still waits for."""

    actions = {**AbacoHandler.actions, "POST": "read"}  # noqa: RUF012 - never changed

    async def post(self, actor_id: str) -> None:
        service, principal = self.service.executions, self.principal
        ids = await _ids(self, lambda: service.may_look(principal, actor_id))
        found = await service.among(principal, actor_id, ids)
        records = [streamed_execution(execution, self.api_server) for execution in found]
        self.answer({"executions": records}, "Executions retrieved successfully.")


async def _ids(handler: AbacoHandler, check: Any) -> list[str]:
    given = (await handler.fields_after(check, malformed=_BAD_IDS)).get("executions")
    if (
        not isinstance(given, list)
        or len(given) > MAX_BATCH
        or not all(isinstance(one, str) and "\0" not in one for one in given)
    ):
        await check()
        raise InvalidRequest(_BAD_IDS)
    return given


def _posts(content_type: str, body: bytes, options: CallOptions) -> list[Post]:
    if content_type.partition(";")[0].strip().lower() in _MSGPACK:
        try:
            given = msgspec.msgpack.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
            raise InvalidRequest(_BAD_LIST) from None
    else:
        try:
            given = bodies.load(body)
        except bodies.NotJson:
            raise InvalidRequest(_BAD_LIST) from None
    if not isinstance(given, list) or not given:
        raise InvalidRequest(_BAD_LIST)
    if len(given) > MAX_BATCH:
        raise InvalidRequest(f"{_BAD_LIST} This one has {len(given)}: send several batches.")
    return [_post(message, number, options) for number, message in enumerate(given)]


def _post(message: Any, number: int, options: CallOptions) -> Post:
    """A text as text, bytes as bytes, any other value as JSON."""
    if isinstance(message, bytes):
        return Post(content_type=ContentType.BINARY, body=message, options=options)
    try:
        if isinstance(message, str):
            text = message.replace("\0", "")
            return Post(content_type=ContentType.TEXT, body=text.encode(), options=options)
        text = json.dumps(message, ensure_ascii=False, allow_nan=False)
        return Post(content_type=ContentType.JSON, body=text.encode(), options=options)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"Message {number} of the batch cannot be sent: {error}.") from None
