"""The gateway's endpoints that TACC's guide "Getting Started" uses: clients, tokens, profiles.

They stand at the root, as `api_server` has them for agavepy, and a slash at their end is allowed.
"""

import json
from io import BytesIO
from typing import Any, ClassVar
from urllib.parse import urlencode

from abaco_jupyter.wire.errors import InvalidRequest, NotAuthorized, WrongPassword
from abaco_server.model.oauth import OAuthClient
from abaco_server.service.clients import MALFORMED
from abaco_server.service.fields import Repeated
from abaco_server.service.grants import Pair, Vouched
from abaco_server.service.tokens import PREFIX
from abaco_server.web import bodies, forward, identity, passwords, views
from abaco_server.web.base import AbacoHandler

CHALLENGE = 'Basic realm="Abaco", charset="UTF-8"'

MALFORMED_TOKEN = "The body is neither a form nor a JSON object."


class _AtRoot(AbacoHandler):
    """Takes what every handler of ours takes, and a user's name with a password."""

    largest = 65_536
    basic: tuple[str, str] | None = None
    basic_header = ""

    @property
    def nonce_subject(self) -> str | None:
        return None

    async def identify(self) -> None:
        self.basic_header = self.request.headers.get("Authorization", "")
        self.basic = None if self.abaco.narrow else passwords.basic(self.basic_header)
        if self.basic is None:
            await super().identify()
            return
        self.of_nobody()
        username, password = self.basic
        if password.startswith(PREFIX) and self.is_checked_by_host():
            return
        self.act_as((await passwords.vouch(self, username, password)).principal)

    def check_xsrf_cookie(self) -> None:
        """No page of another origin makes a browser send a password that it does not have."""
        if passwords.basic(self.request.headers.get("Authorization", "")) is None:
            super().check_xsrf_cookie()

    def credential_for(self, host: forward.Host) -> str | None:
        """A token of ours is the host's to check, the rest has been checked here."""
        if self.basic is not None and self.basic[1].startswith(PREFIX):
            return self.basic_header
        return super().credential_for(host)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        if "exc_info" in kwargs and isinstance(kwargs["exc_info"][1], WrongPassword):
            self.set_header("WWW-Authenticate", CHALLENGE)
        super().write_error(status_code, **kwargs)


class ClientsHandler(_AtRoot):
    async def get(self) -> None:
        found = await self.service.clients.list(self.principal)
        records = [views.client(one, self.api_server) for one in found]
        self.answer(records, "Clients retrieved successfully.")

    head = get

    async def post(self) -> None:
        made = await self.service.clients.create(self.principal, self.fields(malformed=MALFORMED))
        record = views.client(made.client, self.api_server) | {"consumerSecret": made.secret}
        self.answer(record, "Client created successfully.")


class ClientHandler(_AtRoot):
    async def get(self, name: str) -> None:
        found = await self.service.clients.get(self.principal, name)
        self.answer(views.client(found, self.api_server), "Client retrieved successfully.")

    head = get

    async def delete(self, name: str) -> None:
        await self.service.clients.delete(self.principal, name)
        self.answer(None, "Client deleted successfully.")


class SubscriptionsHandler(_AtRoot):
    """Every client may use the one API there is."""

    async def get(self, name: str) -> None:
        client = await self.service.clients.get(self.principal, name)
        record = {
            "apiName": "Actors",
            "apiVersion": "v2",
            "apiProvider": "admin",
            "apiContext": "/actors",
            "status": "UNBLOCKED",
            "tier": client.tier,
        }
        self.answer([record], "Client subscriptions retrieved successfully.")

    head = get


class ProfileHandler(_AtRoot):
    async def get(self, name: str) -> None:
        principal = self.principal
        username = principal.username if name == "me" else name
        found = await self.service.profiles.get(principal, username)
        self.answer(views.profile(found), "User details retrieved successfully.")

    head = get


class MyProfileHandler(ProfileHandler):
    async def get(self) -> None:  # type: ignore[override]
        await super().get("me")

    head = get  # type: ignore[assignment]


class _Refused(Exception):
    """RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status


class TokenHandler(AbacoHandler):
    """`POST /token`. Its errors are OAuth's, its caller a client with key and secret."""

    largest = 65_536
    basic_header = ""
    kinds: ClassVar[dict[str, str]] = {"password": "_by_password", "refresh_token": "_by_refresh"}

    async def identify(self) -> None:
        """Nobody has to be known: the body says who."""
        self.basic_header = self.request.headers.get("Authorization", "")
        self.of_nobody()
        self.is_checked_by_host()

    def check_role(self) -> None:
        """Who it is will be seen in the body."""

    def check_xsrf_cookie(self) -> None:
        """No cookie counts here."""

    async def post(self) -> None:
        given = self._given()
        client = await self._client(given)
        kind = _one(given, "grant_type")
        if kind not in self.kinds:
            raise _Refused(
                "unsupported_grant_type", f"No grant_type {kind!r}: use password or refresh_token."
            )
        pair: Pair = await getattr(self, self.kinds[kind])(client, given)
        self._say(
            {
                "access_token": pair.access,
                "refresh_token": pair.refresh,
                "expires_in": int(pair.lifetime.total_seconds()),
                "token_type": "bearer",
                "scope": "default",
            }
        )

    async def _client(self, given: dict[str, Any]) -> OAuthClient:
        shown = passwords.basic(self.basic_header)
        if shown is None and not self.basic_header:
            shown = (_one(given, "client_id", ""), _one(given, "client_secret", ""))
        found = shown and await self.service.clients.identify(*shown)
        if not found:
            text = "The consumer key and the consumer secret do not belong together."
            raise _Refused("invalid_client", text, 401)
        return found

    async def _by_password(self, client: OAuthClient, given: dict[str, Any]) -> Pair:
        username, password = _one(given, "username"), _one(given, "password")
        try:
            vouched: Vouched = await passwords.vouch(self, username, password)
            return await self.service.grants.grant(client, vouched)
        except NotAuthorized as error:
            raise _Refused("invalid_grant", str(error)) from None

    async def _by_refresh(self, client: OAuthClient, given: dict[str, Any]) -> Pair:
        pair = await self.service.grants.refresh(client, _one(given, "refresh_token"))
        if pair is None:
            raise _Refused(
                "invalid_grant", "The refresh token is unknown, used, revoked or expired."
            )
        return pair

    def _given(self) -> dict[str, Any]:
        """Of the body alone: what stands in a URL ends up in logs."""
        return bodies.fields(self.request, self.body(), {}, malformed=MALFORMED_TOKEN)

    async def _forward(self, *args: str, **kwargs: str) -> None:
        """The host has another password and another token than this server: where both have the
        same owner, who knows this server's is shown to the host with its own."""
        given = self._given()
        password = given.get("password")
        host = None if self.abaco.host is None else self.abaco.host()
        named = identity.names_people(self.identity_provider)
        if isinstance(password, str) and host and not password.startswith(PREFIX) and not named:
            username = _one(given, "username")
            try:
                await passwords.vouch(self, username, password)
            except NotAuthorized as error:
                raise _Refused("invalid_grant", str(error)) from None
            self._body = BytesIO(urlencode(given | {"password": host.token}).encode())
            self.request.headers["Content-Type"] = "application/x-www-form-urlencoded"
        await super()._forward(*args, **kwargs)

    def credential_for(self, host: forward.Host) -> str | None:
        return self.basic_header or None

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        if isinstance(error, InvalidRequest):
            error = _Refused("invalid_request", str(error))
        if not isinstance(error, _Refused):
            super().write_error(status_code, **kwargs)
            return
        self.set_status(error.status)
        if error.status == 401:
            self.set_header("WWW-Authenticate", CHALLENGE)
        self._say({"error": error.error, "error_description": str(error)})

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        if not isinstance(value, _Refused):
            super().log_exception(typ, value, tb)

    def _say(self, answer: dict[str, Any]) -> None:
        self.set_header("Cache-Control", "no-store")
        self.set_header("Pragma", "no-cache")
        self.finish(json.dumps(answer) + "\n")


def _one(given: dict[str, Any], name: str, default: str | None = None) -> str:
    """A parameter, which must be there once and be text."""
    value = given.get(name, default)
    if not isinstance(value, str) or isinstance(value, Repeated):
        raise _Refused(
            "invalid_request", f"The parameter {name} is missing, or there more than once."
        )
    return value
