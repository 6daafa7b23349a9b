"""`/abaco/v1`: what Abaco's clients do not know."""

from abaco_jupyter.wire import spec
from abaco_jupyter.wire.errors import InvalidRequest
from abaco_jupyter.wire.options import CallOptions
from abaco_server.web import views
from abaco_server.web.base import AbacoHandler

MOST_LISTED = 1000


class StatusHandler(AbacoHandler):
    async def get(self) -> None:
        facts = {"ready": True, "tenant": self.abaco.tenant, **self.service.desk.describe()}
        facts["username"] = self.principal.username
        self.answer(facts, "Status retrieved successfully.")

    head = get


class MetricsHandler(AbacoHandler):
    """No envelope: Prometheus reads it."""

    async def get(self) -> None:
        text = await self.service.administration.metrics(self.principal)
        self.finish(text, set_content_type="text/plain; version=0.0.4; charset=utf-8")

    head = get


class BuildsHandler(AbacoHandler):
    async def post(self) -> None:
        build = await self.service.builds.start(self.principal, spec.decode(self.body()))
        self.answer(views.build(build, with_log=True), "Build started successfully.")


class PlanHandler(AbacoHandler):
    """What a build would be. Nothing is begun."""

    async def post(self) -> None:
        plan = await self.service.builds.plan(spec.decode(self.body()))
        self.answer(views.plan(plan), "Build planned successfully.")


class BuildHandler(AbacoHandler):
    async def get(self, build_id: str) -> None:
        build = await self.service.builds.get(self.principal, build_id)
        self.answer(views.build(build, with_log=True), "Build retrieved successfully.")

    head = get

    async def delete(self, build_id: str) -> None:
        build = await self.service.builds.cancel(self.principal, build_id)
        self.answer(views.build(build, with_log=True), "Build cancelled successfully.")


class NewestExecutionsHandler(AbacoHandler):
    """`/actors/v2` lists all executions, as Abaco does; this is what somebody looks at: the
    newest, or, from the first on, those of a label."""

    async def get(self, actor_id: str) -> None:
        query = self.query()
        limit, label = _limit(query), query.get("label", [None])[0]
        if label is None:
            found = await self.service.executions.newest(self.principal, actor_id, limit)
        else:
            # Checked as when they are given with a message.
            sought = CallOptions(label=label, retry_of=query.get("after", [None])[0])
            found = await self.service.executions.labelled(
                self.principal, actor_id, label, sought.retry_of, limit
            )
        records = [views.measured_execution(each, self.api_server) for each in found]
        self.answer({"executions": records}, "Executions retrieved successfully.")

    head = get


class DeliveriesHandler(AbacoHandler):
    """What became of an actor's webhook, newest first."""

    async def get(self, actor_id: str) -> None:
        limit = _limit(self.query())
        found = await self.service.deliveries.newest(self.principal, actor_id, limit)
        records = [views.delivery(delivery) for delivery in found]
        self.answer({"deliveries": records}, "Deliveries retrieved successfully.")

    head = get


class SchedulesHandler(AbacoHandler):
    async def get(self, actor_id: str) -> None:
        found = await self.service.schedules.list(self.principal, actor_id)
        records = [views.schedule(schedule) for schedule in found]
        self.answer({"schedules": records}, "Schedules retrieved successfully.")

    head = get

    async def post(self, actor_id: str) -> None:
        given = self.fields(malformed="A schedule is a JSON object.")
        made = await self.service.schedules.create(self.principal, actor_id, given)
        self.answer(views.schedule(made), "Schedule created successfully.")


class ScheduleHandler(AbacoHandler):
    async def get(self, actor_id: str, schedule_id: str) -> None:
        found = await self.service.schedules.get(self.principal, actor_id, schedule_id)
        self.answer(views.schedule(found), "Schedule retrieved successfully.")

    head = get

    async def delete(self, actor_id: str, schedule_id: str) -> None:
        await self.service.schedules.delete(self.principal, actor_id, schedule_id)
        self.answer(None, "Schedule deleted successfully.")


def _limit(query: dict[str, list[str]]) -> int:
    given = query.get("limit", ["100"])[0]
    if not (given.isascii() and given.isdecimal()) or not 0 < int(given[:9]) <= MOST_LISTED:
        raise InvalidRequest(f"limit must be a number from 1 to {MOST_LISTED}, not {given!r}.")
    return int(given)
