"""Second stop: decide. One module per noun; the first argument is always who asks."""

from dataclasses import dataclass

from abaco_server.service.absence import Attendance
from abaco_server.service.actors import Actors
from abaco_server.service.administration import Administration
from abaco_server.service.aliases import Aliases, alias_key
from abaco_server.service.batches import Batches
from abaco_server.service.builds import Builds
from abaco_server.service.calls import Calls
from abaco_server.service.clients import Clients
from abaco_server.service.configs import Configs, config_key
from abaco_server.service.credentials import Credentials
from abaco_server.service.decisions import Decisions
from abaco_server.service.deliveries import Deliveries
from abaco_server.service.desk import Desk, ServiceConfig
from abaco_server.service.events import Events
from abaco_server.service.executions import Executions
from abaco_server.service.grants import Grants
from abaco_server.service.messages import Messages
from abaco_server.service.nonces import OF_ACTORS, OF_ALIASES, Nonces
from abaco_server.service.payloads import Payloads
from abaco_server.service.permissions import Permissions, actor_key
from abaco_server.service.profiles import Profiles
from abaco_server.service.schedules import Schedules
from abaco_server.service.search import Search
from abaco_server.service.states import States
from abaco_server.service.tokens import Tokens
from abaco_server.service.workers import Workers

__all__ = ["Desk", "Service", "ServiceConfig", "open_service"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    desk: Desk
    actors: Actors
    states: States
    messages: Messages
    batches: Batches
    calls: Calls
    attendance: Attendance
    payloads: Payloads
    executions: Executions
    events: Events
    workers: Workers
    builds: Builds
    permissions: Permissions
    aliases: Aliases
    alias_permissions: Permissions
    configs: Configs
    config_permissions: Permissions
    nonces: Nonces
    alias_nonces: Nonces
    credentials: Credentials
    tokens: Tokens
    decisions: Decisions
    clients: Clients
    grants: Grants
    profiles: Profiles
    deliveries: Deliveries
    schedules: Schedules
    search: Search
    administration: Administration


def open_service(desk: Desk) -> Service:
    return Service(
        desk=desk,
        actors=Actors(desk),
        states=States(desk),
        messages=Messages(desk),
        batches=Batches(desk),
        calls=Calls(desk),
        attendance=Attendance(),
        payloads=Payloads(desk),
        executions=Executions(desk),
        events=Events(desk),
        workers=Workers(desk),
        builds=Builds(desk),
        permissions=Permissions(desk, actor_key),
        aliases=Aliases(desk),
        alias_permissions=Permissions(desk, alias_key),
        configs=Configs(desk),
        config_permissions=Permissions(desk, config_key),
        nonces=Nonces(desk, OF_ACTORS),
        alias_nonces=Nonces(desk, OF_ALIASES),
        credentials=Credentials(desk),
        tokens=Tokens(desk),
        decisions=Decisions(desk),
        clients=Clients(desk),
        grants=Grants(desk),
        profiles=Profiles(desk),
        deliveries=Deliveries(desk),
        schedules=Schedules(desk),
        search=Search(desk),
        administration=Administration(desk),
    )
