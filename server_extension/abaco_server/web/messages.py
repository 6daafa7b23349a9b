"""Messages: where the way of a message begins (abaco-api.md, section 7)."""

from abaco_jupyter.wire.errors import InvalidRequest, MessageTooLarge
from abaco_server.web import bodies, synchronous, views
from abaco_server.web.base import AbacoHandler

DONE = "The request was successful"


class MessagesHandler(AbacoHandler):
    actions = {**AbacoHandler.actions, "POST": "execute"}  # noqa: RUF012 - never changed

    async def post(self, actor_id: str) -> None:
        principal, query = self.principal, self.query()
        try:
            posted = bodies.message(self.request, self.body(), query)
        except InvalidRequest:
            # Whoever may not send is told that, not what is wrong with the body.
            await self.service.messages.check(principal, actor_id)
            raise
        wait = synchronous.is_wanted(query)
        if wait:
            await self.service.messages.check_room(principal, actor_id)
        receipt = await self.service.messages.send(principal, actor_id, posted.post)
        if wait:
            await synchronous.answer(self, receipt)
            return
        record = views.receipt(receipt, posted.shown, principal.api_server)
        self.answer(record, DONE)

    async def get(self, actor_id: str) -> None:
        actor, waiting = await self.service.messages.waiting(self.principal, actor_id)
        links = views.mailbox(actor, self.api_server)
        self.answer({"messages": waiting, "_links": links}, DONE)

    head = get

    async def delete(self, actor_id: str) -> None:
        actor = await self.service.messages.purge(self.principal, actor_id)
        links = views.mailbox(actor, self.api_server)
        self.answer({"msg": "Actor mailbox purged.", "_links": links}, DONE)

    def _too_large(self, size: int, limit: int) -> InvalidRequest:
        return MessageTooLarge(
            f"Message exceeds max content length of: {limit}. This message has {size} bytes."
        )
