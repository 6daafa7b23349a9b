"""First stop: translate. What every handler of ours does before and after its own work.

Jupyter authenticates and authorizes (host, identity provider, XSRF, origin, authorizer); what
is added here is Abaco's: the envelope on every answer, its CORS rule, its words for a refusal.
Bodies arrive in pieces (`stream_request_body`), so that tornado neither keeps one that is too
large nor looks for form fields in it: a field named `token` in a body is not a credential.
"""

from collections.abc import Awaitable, Callable
from io import BytesIO
from types import MethodType
from typing import Any, ClassVar

from jupyter_server.auth import User
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.utils import ensure_async
from tornado import web

from abaco_jupyter.wire.codes import Level
from abaco_jupyter.wire.errors import (
    AbacoError,
    InvalidRequest,
    NotAuthorized,
    NotReady,
)
from abaco_server.model.principal import Principal
from abaco_server.service import Service, access, execution_tokens
from abaco_server.service.tokens import PREFIX
from abaco_server.web import bodies, errors, forward, identity
from abaco_server.web.replies import ReplyHandler
from abaco_server.web.served import SETTING, Reach, Web

NONCE = "x-nonce"
"""Query parameter of a request that comes with a nonce."""

_STILL_READ = 2**20
"""Bytes of a body that are read and thrown away for the sake of the answer."""

_LEVEL_OF_ACTION = {"read": Level.READ, "execute": Level.EXECUTE, "write": Level.UPDATE}


@web.stream_request_body
class AbacoHandler(ReplyHandler):
    """Base of all handlers of ours."""

    auth_resource = "abaco"
    actions = {"GET": "read", "HEAD": "read"}  # noqa: RUF012 - never changed
    """Jupyter's action by method; every other method is a `write`."""
    largest: int | None = None
    """Bytes of a body, where less is allowed than by the setting."""
    open_methods = frozenset({"OPTIONS"})
    """Methods for which nobody has to be known, whatever credentials are shown."""

    reach: ClassVar[Reach] = Reach.NOBODY
    """What an execution token is good for here; `routes` says it for each path."""

    def initialize(self) -> None:
        # Grows in place and is handed out without a copy: a body of 500 MB is here once.
        self._body = BytesIO()
        self.received = 0
        self.when_left: Callable[[], object] | None = None
        self._ours: Principal | None = None
        """Whom a nonce or a token of ours stands for."""

    # ---- before ------------------------------------------------------------------------------

    async def prepare(self) -> None:  # type: ignore[override]
        try:
            if self.request.method in self.open_methods:
                self.of_nobody()
            else:
                await self._admit()
        except (AbacoError, web.HTTPError) as error:
            # tornado closes a connection on which it answers before the request is read whole, be
            # there a body or none, and tells nobody. What the client sends then, the rest of this
            # body or its next request, is answered by `Connection reset by peer`.
            if self._is_short:
                self._answer_later(error)
            else:
                self.closes = True
                raise

    async def _admit(self) -> None:
        await self.identify()
        self._check_length(self._announced)
        if self.abaco.host is not None:
            # The method that tornado calls once the body is here.
            setattr(self, (self.request.method or "").lower(), self._forward)
            return
        if not self.abaco.ready:
            raise self.abaco.refusal()
        self.check_role()

    async def identify(self) -> None:
        """Find out who asks, or that a credential of ours is the host's to check."""
        if self.bearer is not None:
            await self._prepare_for_bearer()
        else:
            await self._prepare_with_jupyter()

    def check_role(self) -> None:
        access.check_role(self.principal)

    async def _prepare_with_jupyter(self) -> None:
        if self.by_nonce:
            # Jupyter lets this one request of somebody it does not know come to the nonce's check.
            method = (self.request.method or "").lower()
            open_to_all = allow_unauthenticated(getattr(type(self), method))
            setattr(self, method, MethodType(open_to_all, self))
        await super().prepare()
        if self.by_nonce:
            await self._redeem_nonce()
        elif self.current_user is None:
            raise NotAuthorized(errors.NO_CREDENTIALS)
        else:
            await self._ask_authorizer()

    async def _prepare_for_bearer(self) -> None:
        """A token of ours says all: Jupyter's identity provider and authorizer, which do not know
        whom it stands for (and may ask a Hub about it), are passed by. So is the browser's cookie:
        who shows a token that is not valid is nobody, unless a nonce comes with it."""
        self.of_nobody()
        if self.is_checked_by_host():
            return
        try:
            await self._redeem_bearer()
        except NotAuthorized:
            if not self.by_nonce:
                raise
            await self._redeem_nonce()

    async def _redeem_bearer(self) -> None:
        token = self.bearer
        if token is None or (self.abaco.narrow and not token.startswith(execution_tokens.PREFIX)):
            raise NotAuthorized(errors.NO_CREDENTIALS)
        credentials = self.service.credentials
        principal = await credentials.bearer(token, api_server=self.api_server)
        if self.reach is not Reach.EVERYBODY:
            about = self.path_args[0] if self.reach is Reach.ITS_ACTOR else None
            await credentials.confine(principal, about)
        self.act_as(principal)

    async def _ask_authorizer(self) -> None:
        allowed = self.authorizer.is_authorized(
            self, self.current_user, self._action, self.auth_resource
        )
        if not await ensure_async(allowed):
            raise NotAuthorized(errors.NO_ROLE)

    async def _redeem_nonce(self) -> None:
        """From here on the request is its owner's. Whoever else the browser's cookie names has
        no part in it. A server that forwards leaves the check to the host."""
        self.current_user = self._jupyter_current_user = None
        if self.is_checked_by_host():
            return
        self.act_as(
            await self.service.credentials.redeem(
                self.request.query_arguments[NONCE][0].decode("utf-8", "replace"),
                self.nonce_subject,
                _LEVEL_OF_ACTION[self._action],
                api_server=self.api_server,
            )
        )

    def of_nobody(self) -> None:
        """Whoever else the browser's cookie names has no part in this request."""
        self.current_user = self._jupyter_current_user = None
        if not self.check_host():
            raise web.HTTPError(403)

    def is_checked_by_host(self) -> bool:
        """A server that forwards leaves the check of our credentials to the host. Raises what
        there is to say when there is nobody to check."""
        if self.abaco.host is None and not self.abaco.ready:
            raise self.abaco.refusal()
        return self.abaco.host is not None

    def act_as(self, principal: Principal) -> None:
        self._ours = principal
        self.current_user = self._jupyter_current_user = User(username=principal.username)

    def data_received(self, chunk: bytes) -> None:
        self.received += len(chunk)
        if self.received <= self.limit:
            self._body.write(chunk)
        else:
            self._body = BytesIO()

    def get_argument(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """The Authorization header wins over a parameter named `token`, which may be a field."""
        if name == "token" and self._has_bearer:
            return args[0] if args else kwargs.get("default")
        return super().get_argument(name, *args, **kwargs)

    def get_login_url(self) -> str:
        """Jupyter asks for it when nobody is logged in; there is no page to send them to."""
        raise NotAuthorized(errors.NO_CREDENTIALS)

    def check_xsrf_cookie(self) -> None:
        """Jupyter's rule, asked only of somebody; nobody gets Abaco's refusal.

        What a browser adds by itself gives a request with a nonce or a token of ours nothing, so
        there is nothing that a foreign page could abuse.
        """
        if self.by_nonce or self.bearer is not None:
            return
        if hasattr(self, "_jupyter_current_user") and self.current_user is None:
            raise NotAuthorized(errors.NO_CREDENTIALS)
        super().check_xsrf_cookie()

    def _log(self) -> None:
        """Jupyter logs the URL of what was refused; the nonce in it may still be good."""
        if NONCE in self.request.query_arguments:
            self.request.uri = f"{self.request.path}?{NONCE}=[secret]"
        super()._log()

    def skip_check_origin(self) -> bool:
        """Nonces and tokens work from pages of all origins, for the same reason."""
        return self.by_nonce or self.bearer is not None or super().skip_check_origin()

    def on_connection_close(self) -> None:
        """The client has gone before the answer was whole."""
        if self.when_left is not None:
            self.when_left()

    # ---- what a method needs -----------------------------------------------------------------

    @property
    def abaco(self) -> Web:
        found: Web = self.settings[SETTING]
        return found

    @property
    def service(self) -> Service:
        service = self.abaco.service
        if service is None:
            raise self.abaco.refusal()
        return service

    @property
    def by_nonce(self) -> bool:
        """Whether a nonce is the credential: one is shown, and no valid token is. Until Jupyter
        has looked for a token it may be."""
        if NONCE not in self.request.query_arguments:
            return False
        return not (hasattr(self, "_jupyter_current_user") and self.token_authenticated)

    @property
    def limit(self) -> int:
        """Bytes that a body may have."""
        return min(self.abaco.max_body, self.largest or self.abaco.max_body)

    @property
    def bearer(self) -> str | None:
        """The token of ours that the request shows, valid or not."""
        header = self.request.headers.get("Authorization", "")
        found = self.identity_provider.auth_header_pat.fullmatch(header)
        return found[2] if found is not None and found[2].startswith(PREFIX) else None

    @property
    def nonce_subject(self) -> str | None:
        """The actor id or alias in the path that a nonce must have been made for."""
        return self.path_args[0] if self.path_args else None

    @property
    def _action(self) -> str:
        return self.actions.get(self.request.method or "", "write")

    @property
    def _has_bearer(self) -> bool:
        header = self.request.headers.get("Authorization", "")
        return self.identity_provider.auth_header_pat.match(header) is not None

    @property
    def api_server(self) -> str:
        """Where this request reached us, as its client sees it."""
        told = self.request.headers.get(forward.API_SERVER, "")
        if told.startswith(("http://", "https://")) and self.token_authenticated:
            return told
        request = self.request
        return f"{request.protocol}://{request.host}{self.base_url.rstrip('/')}"

    @property
    def principal(self) -> Principal:
        if self._ours is not None:
            return self._ours
        asking = identity.principal(
            self.identity_provider,
            self.current_user,
            tenant=self.abaco.tenant,
            api_server=self.api_server,
            roles=self.abaco.roles,
        )
        told = self.request.headers.get(forward.PERSON)
        if told is None or not (asking.is_admin and self.token_authenticated):
            return asking
        return forward.person(told, asking)

    def credential_for(self, host: forward.Host) -> str | None:
        """What to show the host: what it alone can check as it came, else its own token."""
        if self.bearer is not None:
            return f"Bearer {self.bearer}"
        return None if self.by_nonce else f"token {host.token}"

    def body(self) -> bytes:
        self._check_length(self.received)
        return self._body.getvalue()

    def query(self) -> dict[str, list[str]]:
        """Query parameters without what is meant for Jupyter: credentials and its XSRF token."""
        found = bodies.query_arguments(self.request)
        found.pop("_xsrf", None)
        if not self._has_bearer or found.get("token", [""])[0] == self.token:
            found.pop("token", None)
        return found

    def search(self) -> dict[str, str]:
        """What a list is to be searched by; empty: it is asked for as it is.

        Of a parameter that comes twice the first counts. `pretty` is ignored everywhere.
        """
        found = {name: values[0] for name, values in self.query().items()}
        return {name: found[name] for name in found if name not in (NONCE, "pretty")}

    def fields(self, *, malformed: str) -> dict[str, Any]:
        return bodies.fields(self.request, self.body(), self.query(), malformed=malformed)

    async def fields_after(
        self, check: Callable[[], Awaitable[object]], *, malformed: str
    ) -> dict[str, Any]:
        """As `fields`; but who may not ask is told that, not what is wrong with the body."""
        try:
            return self.fields(malformed=malformed)
        except InvalidRequest:
            await check()
            raise

    def _too_large(self, size: int, limit: int) -> InvalidRequest:
        return InvalidRequest(
            f"Request body exceeds max content length of: {limit}. This body has {size} bytes."
        )

    def _answer_later(self, error: Exception) -> None:
        def refuse(*_: str) -> None:
            raise error

        setattr(self, (self.request.method or "").lower(), refuse)

    @property
    def _is_short(self) -> bool:
        """Whether the body, if there is one, can be read for the sake of the answer."""
        return self._announced <= _STILL_READ and "Transfer-Encoding" not in self.request.headers

    @property
    def _announced(self) -> int:
        """Bytes of the body, as the client says; 0 when it does not."""
        said = self.request.headers.get("Content-Length", "")
        return int(said) if said.isdecimal() else 0

    def _check_length(self, size: int) -> None:
        if size > self.limit:
            raise self._too_large(size, self.limit)

    async def _forward(self, *args: str, **kwargs: str) -> None:
        host = None if self.abaco.host is None else self.abaco.host()
        if host is None:
            raise NotReady("No server hosts the Abaco service at this moment.")
        await forward.forward(self, host)


class NoEndpoint(AbacoHandler):
    """Every path below ours that nothing else matches: never Jupyter's own page, which holds
    the caller's token."""

    def _refuse(self, *args: str, **kwargs: str) -> None:
        raise web.HTTPError(404)

    get = head = post = put = patch = delete = _refuse
