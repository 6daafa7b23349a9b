"""Synchronous messages: the answer is what the execution says (abaco-api.md, section 7).

Nothing is polled: the waiting request looks at what is on record when it begins and each time
the live views hear something that could matter.
"""

from functools import partial

from abaco_jupyter.wire.errors import NotReady
from abaco_server.events.stream import LogAdded, Subscription, execution_topic
from abaco_server.service.messages import Receipt
from abaco_server.web.base import AbacoHandler
from abaco_server.web.payloads import send

PARAMETER = "_abaco_synchronous"

_LEFT = object()
"""Put into the subscription when the client has gone."""


def is_wanted(query: dict[str, list[str]]) -> bool:
    """`true` in any case; every other value means an asynchronous message."""
    return query.get(PARAMETER, [""])[0].lower() == "true"


async def answer(handler: AbacoHandler, receipt: Receipt) -> None:
    """The first result as soon as there is one; else, at the end, the log."""
    hub = handler.abaco.hub
    if hub is None:
        raise NotReady(handler.abaco.not_ready_reason)
    with hub.subscribe(execution_topic(receipt.execution_id)) as news:
        handler.when_left = partial(news.put, _LEFT)
        while True:
            if await _answered(handler, receipt.receiver.id, receipt.execution_id):
                return
            if await _something(news) is _LEFT:
                return


async def _answered(handler: AbacoHandler, actor_id: str, execution_id: str) -> bool:
    executions, principal = handler.service.executions, handler.principal
    # Asked before the result is: of an execution that has ended, all results are on record.
    record = await executions.get(principal, actor_id, execution_id)
    async with executions.popped(principal, actor_id, execution_id) as result:
        if result is not None:
            await send(handler, result, 0, await handler.service.payloads.size(result))
            return True
    if not record.status.ended:
        return False
    _, log = await executions.log(principal, actor_id, execution_id)
    # Abaco calls it HTML. What an actor prints is no page of this server: it may run nothing.
    handler.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
    handler.finish(log, set_content_type="text/html; charset=utf-8")
    return True


async def _something(news: Subscription) -> object:
    """The next item but a piece of the log."""
    while True:
        item = await news.next()
        if not isinstance(item, LogAdded):
            return item
