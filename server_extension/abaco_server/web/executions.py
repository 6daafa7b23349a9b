"""Executions, logs and results (abaco-api.md, section 8)."""

from functools import partial

from abaco_jupyter.wire import envelope
from abaco_server.model.search import Kind
from abaco_server.service.executions import MALFORMED, PAGE
from abaco_server.web import views
from abaco_server.web.base import AbacoHandler
from abaco_server.web.payloads import send
from abaco_server.web.search import FoundAnswer

_NO_ITEMS = b'"executions": []'
_INDENT = 4
"""Spaces by which the items stand deeper in the whole answer than in a list of their own."""


class ExecutionsHandler(FoundAnswer):
    async def get(self, actor_id: str) -> None:
        """All executions, a page at a time: the list of a million needs no more memory and
        holds nobody up longer than a short one."""
        given = self.search()
        if given:
            sought = await self.service.search.of_actor(
                self.principal, Kind.EXECUTIONS, actor_id, given
            )
            self.answer_found(*sought, "Executions search completed successfully.")
            return
        found = await self.service.executions.summary(self.principal, actor_id)
        record = views.executions(found.actor, found.totals, self.api_server)
        whole = envelope.success(record, "Actor executions retrieved successfully.")
        before, after = whole.split(_NO_ITEMS, 1)
        self.set_header("Content-Type", "application/json")
        self.write(before + b'"executions": [')
        between, end = b"\n", b"]"
        async for page in self.service.executions.pages(found.actor.id):
            self.write(between + views.items(page, _INDENT))
            between, end = b",\n", b"\n    ]"
            if len(page) == PAGE:
                await self.flush()
        self.finish(end + after)

    head = get

    async def post(self, actor_id: str) -> None:
        executions, principal = self.service.executions, self.principal
        check = partial(executions.check, principal, actor_id)
        given = await self.fields_after(check, malformed=MALFORMED)
        made = await executions.account(principal, actor_id, given)
        record = views.execution(made, self.api_server)
        self.answer(record, "Actor execution added successfully.")


class ExecutionHandler(AbacoHandler):
    async def get(self, actor_id: str, execution_id: str) -> None:
        found = await self.service.executions.get(self.principal, actor_id, execution_id)
        record = views.execution(found, self.api_server)
        self.answer(record, "Actor execution retrieved successfully.")

    head = get

    async def delete(self, actor_id: str, execution_id: str) -> None:
        await self.service.executions.halt(self.principal, actor_id, execution_id)
        self.answer(None, f"Issued force quit command for execution {execution_id}.")


class LogsHandler(FoundAnswer):
    async def get(self, actor_id: str, execution_id: str) -> None:
        given = self.search()
        if given:
            page = await self.service.search.of_actor(
                self.principal, Kind.LOGS, actor_id, given, execution_id=execution_id
            )
            self.answer_found(*page, "Log search completed successfully.")
            return
        actor, text = await self.service.executions.log(self.principal, actor_id, execution_id)
        record = views.log(actor, execution_id, text, self.api_server)
        self.answer(record, "Logs retrieved successfully.")

    head = get


class ResultsHandler(AbacoHandler):
    """No HEAD: it would take a result and show nothing of it."""

    async def get(self, actor_id: str, execution_id: str) -> None:
        # A GET that changes something: a link on a foreign page must not pop with the cookie.
        self.check_xsrf_cookie()
        executions = self.service.executions
        async with executions.popped(self.principal, actor_id, execution_id) as popped:
            body = popped or b""
            await send(self, body, 0, await self.service.payloads.size(body))
