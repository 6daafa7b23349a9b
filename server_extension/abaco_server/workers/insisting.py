"""What is known of an execution goes on record, also when the store fails for a moment."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import count

from abaco_server.workers.policy import Policy

log = logging.getLogger(__name__)

RECORD_TRIES = 6
"""With the policy's backoff about half a minute."""

Insist = Callable[[str, Callable[[], Awaitable[None]]], Awaitable[None]]
"""(execution id, what goes on record): a store that fails for a moment is tried again."""


def insisting(policy: Policy) -> Insist:
    async def insist(execution_id: str, record: Callable[[], Awaitable[None]]) -> None:
        """A stop in between loses nothing, as the next life finds what the run left."""
        for failures in count(1):
            try:
                await record()
                return
            except Exception:
                if failures == RECORD_TRIES:
                    raise
                log.exception("%s is not on record yet", execution_id)
            await asyncio.sleep(policy.backoff(failures).total_seconds())

    return insist
