"""Keep messages until their executions have ended: put, lease, ack, give back, extend, reap.

All functions but `submit` take a connection first, so that they join other transactions:
`await store.write(lambda conn: queue.lease(conn, ...))`.
"""

from abaco_server.queue.leases import (
    ack,
    ack_many,
    extend,
    give_back,
    lease,
    lease_some,
    leased,
    reap,
)
from abaco_server.queue.messages import (
    delete_of_actor,
    next_due,
    purge,
    put_many,
    submit,
    submit_many,
    waiting,
    who_has_waiting,
)

__all__ = [
    "ack",
    "ack_many",
    "delete_of_actor",
    "extend",
    "give_back",
    "lease",
    "lease_some",
    "leased",
    "next_due",
    "purge",
    "put_many",
    "reap",
    "submit",
    "submit_many",
    "waiting",
    "who_has_waiting",
]
