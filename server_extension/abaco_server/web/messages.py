"""Messages: where the way of a message begins (abaco-api.md, section 7)."""

from abaco_jupyter.wire.errors import InvalidRequest, MessageTooLarge
from abaco_server.web import bodies, views
from abaco_server.web.base import AbacoHandler

DONE = "The request was successful"


class MessagesHandler(AbacoHandler):
    actions = {**AbacoHandler.actions, "POST": "execute"}  # noqa: RUF012 - never changed

    async def post(self, actor_id: str) -> None:
        principal = self.principal
        try:
            posted = bodies.message(self.request, self.body(), self.query())
        except InvalidRequest:
            # Whoever may not send is told that, not what is wrong with the body.
            await self.service.messages.check(principal, actor_id)
            raise
        receipt = await self.service.messages.send(principal, actor_id, posted.post)
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
