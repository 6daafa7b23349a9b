"""Every URL, in one table.

Patterns stand below the server's base URL, which `ExtensionApp` puts in front. `//` counts as
`/`, as the reference's proxy has it; no path of Abaco's ends in a slash. The last lines catch
everything else below our prefixes: Jupyter's own 404 is a page that holds the caller's token.
"""

from tornado.web import RequestHandler

from abaco_server.web import (
    actors,
    admin,
    aliases,
    batches,
    calls,
    configs,
    description,
    event_stream,
    executions,
    messages,
    nonces,
    oauth,
    ours,
    payloads,
    permissions,
    search,
    streams,
    workers,
)
from abaco_server.web.base import AbacoHandler, NoEndpoint
from abaco_server.web.served import Reach

_ID = "([^/]+)"

TABLE: tuple[tuple[str, type[RequestHandler]], ...] = (
    ("/actors/v2", actors.ActorsHandler),
    ("/actors/v2/openapi.yaml", description.DescriptionHandler),
    ("/actors/v2/aliases", aliases.AliasesHandler),
    (f"/actors/v2/aliases/{_ID}", aliases.AliasHandler),
    (f"/actors/v2/aliases/{_ID}/permissions", permissions.AliasPermissionsHandler),
    (f"/actors/v2/aliases/{_ID}/nonces", nonces.AliasNoncesHandler),
    (f"/actors/v2/aliases/{_ID}/nonces/{_ID}", nonces.AliasNonceHandler),
    ("/actors/v2/configs", configs.ConfigsHandler),
    (f"/actors/v2/configs/{_ID}", configs.ConfigHandler),
    (f"/actors/v2/configs/{_ID}/permissions", permissions.ConfigPermissionsHandler),
    ("/actors/v2/utilization", admin.UtilizationHandler),
    ("/actors/v2/admin", admin.AdminActorsHandler),
    ("/actors/v2/admin/workers", admin.AdminWorkersHandler),
    ("/actors/v2/admin/executions", admin.AdminExecutionsHandler),
    (f"/actors/v2/search/{_ID}", search.SearchHandler),
    (f"/actors/v2/{_ID}", actors.ActorHandler),
    (f"/actors/v2/{_ID}/state", actors.StateHandler),
    (f"/actors/v2/{_ID}/messages", messages.MessagesHandler),
    (f"/actors/v2/{_ID}/workers", workers.WorkersHandler),
    (f"/actors/v2/{_ID}/workers/{_ID}", workers.WorkerHandler),
    (f"/actors/v2/{_ID}/executions", executions.ExecutionsHandler),
    (f"/actors/v2/{_ID}/executions/{_ID}", executions.ExecutionHandler),
    (f"/actors/v2/{_ID}/executions/{_ID}/logs", executions.LogsHandler),
    (f"/actors/v2/{_ID}/executions/{_ID}/results", executions.ResultsHandler),
    (f"/actors/v2/{_ID}/permissions", permissions.ActorPermissionsHandler),
    (f"/actors/v2/{_ID}/nonces", nonces.ActorNoncesHandler),
    (f"/actors/v2/{_ID}/nonces/{_ID}", nonces.ActorNonceHandler),
    ("/abaco/v1/status", ours.StatusHandler),
    ("/abaco/v1/metrics", ours.MetricsHandler),
    ("/abaco/v1/events", event_stream.EventsHandler),
    ("/abaco/v1/builds", ours.BuildsHandler),
    ("/abaco/v1/builds/plan", ours.PlanHandler),
    (f"/abaco/v1/builds/{_ID}", ours.BuildHandler),
    (f"/abaco/v1/builds/{_ID}/stream", streams.BuildStreamHandler),
    (f"/abaco/v1/actors/{_ID}/stream", streams.ActorStreamHandler),
    (f"/abaco/v1/actors/{_ID}/calls", calls.CallsHandler),
    (f"/abaco/v1/actors/{_ID}/messages/batch", batches.BatchHandler),
    (f"/abaco/v1/actors/{_ID}/messages/cancel", batches.CancelHandler),
    (f"/abaco/v1/actors/{_ID}/executions", batches.SomeExecutionsHandler),
    (f"/abaco/v1/actors/{_ID}/executions/{_ID}/results/{_ID}", payloads.KeptResultHandler),
    (f"/abaco/v1/payloads/{_ID}", payloads.PayloadHandler),
    (f"/abaco/v1/actors/{_ID}/executions/{_ID}/stream", streams.ExecutionStreamHandler),
    (f"/abaco/v1/actors/{_ID}/decisions", workers.DecisionsHandler),
    (f"/abaco/v1/actors/{_ID}/deliveries", ours.DeliveriesHandler),
    (f"/abaco/v1/actors/{_ID}/schedules", ours.SchedulesHandler),
    (f"/abaco/v1/actors/{_ID}/schedules/{_ID}", ours.ScheduleHandler),
    ("/clients/v2", oauth.ClientsHandler),
    (f"/clients/v2/{_ID}", oauth.ClientHandler),
    (f"/clients/v2/{_ID}/subscriptions", oauth.SubscriptionsHandler),
    ("/token", oauth.TokenHandler),
    ("/profiles/v2/me", oauth.MyProfileHandler),
    (f"/profiles/v2/{_ID}", oauth.ProfileHandler),
    ("/actors(?:/.*)?", NoEndpoint),
    ("/clients/v2(?:/.*)?", NoEndpoint),
    ("/profiles/v2(?:/.*)?", NoEndpoint),
    ("/token(?:/.*)?", NoEndpoint),
    ("/abaco/v1(?:/.*)?", NoEndpoint),
)


_ABOUT_AN_ACTOR = (f"/actors/v2/{_ID}", f"/abaco/v1/actors/{_ID}")
_ABOUT_WHO_ASKS = ("/profiles/v2/me",)


def _reach(path: str, handler: type[RequestHandler]) -> Reach:
    if path in _ABOUT_WHO_ASKS or handler is NoEndpoint:
        return Reach.EVERYBODY
    return Reach.ITS_ACTOR if path.startswith(_ABOUT_AN_ACTOR) else Reach.NOBODY


for _path, _handler in TABLE:
    # Said here and not in the handlers, so that none can forget it: whatever is not about an
    # actor stays closed to executions. Said of each, as handlers inherit from one another.
    if issubclass(_handler, AbacoHandler):
        _handler.reach = _reach(_path, _handler)


def handlers() -> list[tuple[str, type[RequestHandler]]]:
    """For `ExtensionApp.handlers`."""
    return [(_pattern(path), handler) for path, handler in TABLE]


def for_containers() -> list[tuple[str, type[RequestHandler]]]:
    """What a container may ask for, below no base URL; the rest is no endpoint there."""
    found = [
        (_pattern(path), handler)
        for path, handler in TABLE
        if path.startswith("/actors") or path in _ABOUT_WHO_ASKS
    ]
    return [*found, (".*", NoEndpoint)]


def _pattern(path: str) -> str:
    """`/` matches several. The first is a class, as Jupyter strips slashes off both ends. Agave's
    services take a slash at the end too, and agavepy sends one; Abaco's take none."""
    end = "[/]*" if path.startswith(("/clients", "/profiles", "/token")) else ""
    spread = path.removeprefix("/").replace("[^/]", "\0").replace("/", "/+").replace("\0", "[^/]")
    return "[/]*" + spread + end
