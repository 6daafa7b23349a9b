"""Execution tokens: what a container shows when it talks back, in `_abaco_access_token`.

    abaco_x_<execution id>_<mark>

The mark is the execution's id under the vault's key, so that nothing has to be stored: ids of
executions can be guessed, marks cannot. Such a token is good while its execution runs.
"""

import hmac

from abaco_server.model.actor import Actor
from abaco_server.service.vault import Vault

PREFIX = "abaco_x_"

ACTOR, OWNER = "actor", "owner"
SCOPES = (ACTOR, OWNER)
"""How far they reach: their own actor, or all that its owner may, which is what Abaco's do."""


def for_run(vault: Vault, actor: Actor, execution_id: str, *, default: bool) -> str:
    """The token of one execution; empty unless the actor's `token` is on."""
    wanted = default if actor.token is None else actor.token
    return f"{PREFIX}{execution_id}_{_mark(vault, execution_id)}" if wanted else ""


def execution_of(vault: Vault, token: str) -> str | None:
    """The id of the execution that this token was made for; None if nobody made it."""
    execution_id, _, mark = token.removeprefix(PREFIX).rpartition("_")
    expected = _mark(vault, execution_id)
    # Bytes, as texts that are not ASCII cannot be compared in constant time.
    same = hmac.compare_digest(mark.encode("utf-8", "replace"), expected.encode())
    return execution_id if same else None


def _mark(vault: Vault, execution_id: str) -> str:
    return vault.mark(f"execution token\n{execution_id}")
