"""Where events go: to the linked actor as a message, to the webhook as a delivery.

Both become rows in the transaction that takes the event off the outbox, so each is there once,
whatever dies in between.
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from abaco_jupyter.wire.codes import ContentType, ExecutionStatus
from abaco_jupyter.wire.ids import IdSource
from abaco_server.events.payload import AUTHOR, event_object, posted_object
from abaco_server.model.clock import Clock
from abaco_server.model.delivery import Delivery
from abaco_server.model.event import Event, Wiring
from abaco_server.model.execution import Execution
from abaco_server.model.message import Message
from abaco_server.store import Connection, actors, deliveries

log = logging.getLogger(__name__)

Resolve = Callable[[Connection, str, str], str | None]
"""(connection, tenant, id or alias) -> actor id."""

MayLink = Callable[[Connection, str, str, str, str], bool]
"""(connection, tenant, actor, its owner, linked actor): whether the link holds at this moment."""

Submit = Callable[[Connection, list[tuple[Execution, Message]]], list[bool]]
"""Execution and queue rows; which of the messages were taken."""


@dataclass(slots=True, kw_only=True)
class Relayed:
    """What there is to do once the rows are committed."""

    events: int = 0
    receivers: set[str] = field(default_factory=set)
    """Actors that have got a message."""
    deliveries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    resolve: Resolve
    may_link: MayLink
    submit: Submit
    clock: Clock
    new_id: IdSource

    def __call__(self, conn: Connection, events: Sequence[Event]) -> Relayed:
        """Make the rows that these events ask for."""
        relayed = Relayed(events=len(events))
        known: dict[tuple[str, str], Wiring | None] = {}
        for event in events:
            source = (event.tenant, event.actor_id)
            if source not in known:
                known[source] = actors.wiring(conn, *source)
            wiring = known[source]
            # An actor that is gone by now tells nobody.
            if wiring is not None and (wiring.link or wiring.webhook):
                self._relay(conn, event, wiring, relayed)
        return relayed

    def _relay(self, conn: Connection, event: Event, wiring: Wiring, relayed: Relayed) -> None:
        target = self._target(conn, event, wiring) if wiring.link else None
        link = f"{event.tenant}_{target[0]}" if target else ""
        told = event_object(event, link=link, webhook=wiring.webhook)
        if target is not None:
            target_id, receiver = target
            body = json.dumps(told).encode()
            if all(self.submit(conn, [self._message(event.tenant, target_id, receiver, body)])):
                relayed.receivers.add(target_id)
        if wiring.webhook:
            now = self.clock.now()
            delivery = Delivery(
                id=self.new_id(),
                actor_id=event.actor_id,
                tenant=event.tenant,
                event_type=event.type,
                url=wiring.webhook,
                payload=posted_object(told, wiring.api_server),
                create_time=now,
                next_time=now,
            )
            deliveries.insert(conn, delivery)
            relayed.deliveries += 1

    def _target(self, conn: Connection, event: Event, wiring: Wiring) -> tuple[str, Wiring] | None:
        """The linked actor at this moment: an alias may mean another one by now."""
        target_id = self.resolve(conn, event.tenant, wiring.link)
        target = None if target_id is None else actors.wiring(conn, event.tenant, target_id)
        if target_id is None or target is None:
            log.info("actor %s links to %r, which is no actor", event.actor_id, wiring.link)
            return None
        if not self.may_link(conn, event.tenant, event.actor_id, wiring.owner, target_id):
            log.warning(
                "actor %s links to %s, on which nobody who may set the link has EXECUTE any more",
                event.actor_id,
                target_id,
            )
            return None
        return target_id, target

    def _message(
        self, tenant: str, target_id: str, receiver: Wiring, body: bytes
    ) -> tuple[Execution, Message]:
        execution = Execution(
            id=self.new_id(),
            actor_id=target_id,
            tenant=tenant,
            api_server=receiver.api_server,
            executor=AUTHOR,
            status=ExecutionStatus.SUBMITTED,
            message_received_time=self.clock.now(),
        )
        message = Message(
            execution_id=execution.id,
            actor_id=target_id,
            content_type=ContentType.JSON,
            body=body,
            # Event messages have no revision (section 10).
            environment={"_abaco_actor_revision": None},
            executor=AUTHOR,
        )
        return execution, message
