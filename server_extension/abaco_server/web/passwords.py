"""A user name and a password: what TACC's gateway asks for before it gives keys and tokens.

Whose password is good is Jupyter's matter. On a plain notebook server it is the server's password
or its token, and the user is its owner; on a Hub it is a token of the Hub, or of this server. A
bearer token that an admin made (`jupyter abaco token create`) is its user's password everywhere.
"""

import asyncio
import base64
import binascii
from typing import TYPE_CHECKING

from jupyter_server.auth import PasswordIdentityProvider, User
from jupyter_server.utils import ensure_async

from abaco_jupyter.wire.errors import NotAuthorized, WrongPassword
from abaco_server.service.grants import Vouched
from abaco_server.service.tokens import PREFIX
from abaco_server.web import errors, identity

if TYPE_CHECKING:
    from abaco_server.web.base import AbacoHandler

WRONG = "The user name and the password do not belong together."


def basic(header: str) -> tuple[str, str] | None:
    """The two halves of `Authorization: Basic ...`; None for another header, or nonsense."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = (
            base64.b64decode(text.strip(), validate=True).decode().partition(":")
        )
    except (binascii.Error, ValueError):
        return None
    return (name, password) if colon else None


async def vouch(handler: "AbacoHandler", username: str, password: str) -> Vouched:
    """Who these are. Raises WrongPassword; NotAuthorized for whom Jupyter's authorizer refuses."""
    if password.startswith(PREFIX):
        credentials = handler.service.credentials
        try:
            return await credentials.password(username, password, api_server=handler.api_server)
        except NotAuthorized:
            raise WrongPassword(WRONG) from None
    user = await _user(handler, password)
    if user is None:
        raise WrongPassword(WRONG)
    found = identity.principal(
        handler.identity_provider,
        user,
        tenant=handler.abaco.tenant,
        api_server=handler.api_server,
        roles=handler.abaco.roles,
    )
    if found.username != username:
        raise WrongPassword(f"This is not the password of {username!r}.")
    await _ask_authorizer(handler, user)
    return Vouched(principal=found)


async def _user(handler: "AbacoHandler", password: str) -> User | None:
    """Jupyter's user by a password, else by a token."""
    provider = handler.identity_provider
    if (
        isinstance(provider, PasswordIdentityProvider)
        and not identity.names_people(provider)
        and provider.hashed_password
        and await asyncio.to_thread(provider.passwd_check, password)
    ):
        return User(username=identity.owner())
    # Providers look for tokens in the request: it now has this one, and no cookie beside it.
    headers = handler.request.headers
    headers["Authorization"] = f"token {password}"
    headers.pop("Cookie", None)
    handler.request.__dict__.pop("_cookies", None)
    found: User | None = await ensure_async(provider.get_user(handler))
    return found


async def _ask_authorizer(handler: "AbacoHandler", user: User) -> None:
    """What is given for a password does not ask Jupyter's authorizer again: it may do all."""
    for action in ("read", "write", "execute"):
        allowed = handler.authorizer.is_authorized(handler, user, action, handler.auth_resource)
        if not await ensure_async(allowed):
            raise NotAuthorized(errors.NO_ROLE)
