"""First stop: translate. What every handler of ours does before and after its own work.

Jupyter authenticates and authorizes (host, identity provider, XSRF, origin, authorizer); what
is added here is Abaco's: the envelope on every answer, its CORS rule, its words for a refusal.
Bodies arrive in pieces (`stream_request_body`), so that tornado neither keeps one that is too
large nor looks for form fields in it: a field named `token` in a body is not a credential.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import APIHandler
from jupyter_server.log import log_request
from jupyter_server.prometheus.log_functions import prometheus_log_method
from jupyter_server.utils import ensure_async, origin_matches_pat
from tornado import web

from abaco_jupyter.wire import envelope
from abaco_jupyter.wire.errors import (
    HEADER,
    AbacoError,
    InvalidRequest,
    NotAuthorized,
    NotReady,
)
from abaco_jupyter.wire.limits import MAX_BINARY_MESSAGE
from abaco_server.events.stream import Hub
from abaco_server.model.principal import Principal
from abaco_server.service import Service
from abaco_server.web import bodies, errors, forward, identity

logger = logging.getLogger(__name__)

SETTING = "abaco_web"
"""Key of the `Web` object in tornado's settings; `abaco` is the extension itself."""

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_HEADERS_SETTING = "abaco_default_headers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """What handlers find in tornado's settings. It is replaced, never changed."""

    tenant: str
    service: Service | None = None
    hub: Hub | None = None
    ready: bool = False
    not_ready_reason: str = "The Abaco service is starting."
    host_url: str | None = None
    """Base URL of the server that hosts the service, when this one does not."""
    host_token: str | None = None
    max_body: int = MAX_BINARY_MESSAGE


@web.stream_request_body
class AbacoHandler(APIHandler):
    """Base of all handlers of ours."""

    auth_resource = "abaco"
    actions = {"GET": "read", "HEAD": "read"}  # noqa: RUF012 - never changed
    """Jupyter's action by method; every other method is a `write`."""

    def initialize(self) -> None:
        self._chunks: list[bytes] = []
        self.received = 0
        self.when_left: Callable[[], object] | None = None

    # ---- before ------------------------------------------------------------------------------

    async def prepare(self) -> None:  # type: ignore[override]
        if self.request.method == "OPTIONS":
            self.current_user = self._jupyter_current_user = None
            if not self.check_host():
                raise web.HTTPError(403)
            return
        await super().prepare()
        if self.current_user is None:
            raise NotAuthorized(errors.NO_CREDENTIALS)
        method = self.request.method or ""
        action = self.actions.get(method, "write")
        allowed = self.authorizer.is_authorized(self, self.current_user, action, self.auth_resource)
        if not await ensure_async(allowed):
            raise NotAuthorized(errors.NO_ROLE)
        announced = self.request.headers.get("Content-Length", "")
        self._check_length(int(announced) if announced.isdecimal() else 0)
        if self.abaco.host_url is not None:
            # The method that tornado calls once the body is here.
            setattr(self, method.lower(), self._forward)
        elif not self.abaco.ready:
            raise NotReady(self.abaco.not_ready_reason)

    def data_received(self, chunk: bytes) -> None:
        self.received += len(chunk)
        if self.received <= self.abaco.max_body:
            self._chunks.append(chunk)
        else:
            self._chunks.clear()

    def get_argument(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """The Authorization header wins over a parameter named `token`, which may be a field."""
        if name == "token" and self.has_bearer:
            return args[0] if args else kwargs.get("default")
        return super().get_argument(name, *args, **kwargs)

    def get_login_url(self) -> str:
        """Jupyter asks for it when nobody is logged in; there is no page to send them to."""
        raise NotAuthorized(errors.NO_CREDENTIALS)

    def check_xsrf_cookie(self) -> None:
        """Jupyter's rule, asked only of somebody; nobody gets Abaco's refusal."""
        if hasattr(self, "_jupyter_current_user") and self.current_user is None:
            raise NotAuthorized(errors.NO_CREDENTIALS)
        super().check_xsrf_cookie()

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
            raise NotReady(self.abaco.not_ready_reason)
        return service

    @property
    def has_bearer(self) -> bool:
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
        return identity.principal(
            self.identity_provider,
            self.current_user,
            tenant=self.abaco.tenant,
            api_server=self.api_server,
        )

    def body(self) -> bytes:
        self._check_length(self.received)
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    def query(self) -> dict[str, list[str]]:
        """Query parameters without what is meant for Jupyter: credentials and its XSRF token."""
        found = bodies.query_arguments(self.request)
        found.pop("_xsrf", None)
        if not self.has_bearer or found.get("token", [""])[0] == self.token:
            found.pop("token", None)
        return found

    def fields(self, *, malformed: str) -> dict[str, Any]:
        return bodies.fields(self.request, self.body(), self.query(), malformed=malformed)

    # ---- after -------------------------------------------------------------------------------

    def answer(self, result: Any, message: str) -> None:
        self.finish(envelope.success(result, message))

    def answer_bytes(self, body: bytes) -> None:
        self.finish(body, set_content_type="application/octet-stream")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        found = errors.answer(error, status_code)
        self.set_status(found.status)
        self.set_header(HEADER, found.code)
        if found.status == 503:
            self.set_header("Retry-After", errors.RETRY_AFTER)
        self.finish(envelope.failure(found.message))

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """A refusal is no fault of ours: the request's log line is enough. The query, which may
        hold the token, is never written."""
        if not isinstance(value, AbacoError | web.HTTPError):
            logger.error("%s %s failed", self.request.method, self.request.path, exc_info=value)

    def _log(self) -> None:
        """Jupyter puts a line together for every request; ours that went well do without,
        unless somebody reads them, and are counted all the same."""
        function = self.settings.get("log_function")
        told = self.get_status() >= 400 or _is_read(self.log, logging.DEBUG)
        if told or not (isinstance(function, partial) and function.func is log_request):
            super()._log()
        elif function.keywords.get("record_prometheus_metrics", True):
            prometheus_log_method(self)  # type: ignore[no-untyped-call]

    @allow_unauthenticated
    def options(self, *args: str, **kwargs: str) -> None:
        """CORS preflight: nobody has to be known."""
        here = type(self)
        self.set_header("Allow", ", ".join(m for m in METHODS if _has(here, m)))
        self.set_header("Access-Control-Allow-Methods", ", ".join(METHODS))
        asked = self.request.headers.get("Access-Control-Request-Headers")
        if asked:
            self.set_header("Access-Control-Allow-Headers", asked)
        self.finish()

    def set_default_headers(self) -> None:
        """Jupyter's headers, put together once; then Abaco's CORS rule, on errors as well."""
        known = self.settings.get(_HEADERS_SETTING)
        if known is None:
            super().set_default_headers()
            known = dict(self._headers.get_all())
            known = {k: v for k, v in known.items() if k not in ("Date", "Server", "Content-Type")}
            self.settings[_HEADERS_SETTING] = known
        for name, value in known.items():
            self._headers[name] = value
        if "Access-Control-Allow-Origin" not in known:
            self._allow_origin()

    def set_cors_headers(self) -> None:
        """Jupyter calls it in `prepare`: too late for errors, see `set_default_headers`."""

    def compute_etag(self) -> None:
        """Abaco has none, and hashing each answer costs more than it saves."""
        return None

    def set_secure_cookie(self, *args: Any, **kwargs: Any) -> None:
        """A program that shows the token with each request needs no login cookie."""

    def _allow_origin(self) -> None:
        """Everybody may ask, as nothing is answered without a token: a page of another origin
        cannot use the browser's cookie (`check_origin`). An installation that names origins, or
        lets them use credentials, has the last word."""
        origin = self.request.headers.get("Origin")
        allowed = origin or "*"
        if self.allow_origin:
            allowed = self.allow_origin
        elif self.allow_origin_pat and not (
            origin and origin_matches_pat(self.allow_origin_pat, origin)
        ):
            return
        self.set_header("Access-Control-Allow-Origin", allowed)
        if origin is not None:
            self.set_header("Vary", "Origin")
        if self.allow_credentials and (self.allow_origin or self.allow_origin_pat):
            self.set_header("Access-Control-Allow-Credentials", "true")

    def too_large(self, size: int, limit: int) -> InvalidRequest:
        return InvalidRequest(
            f"Request body exceeds max content length of: {limit}. This body has {size} bytes."
        )

    def _check_length(self, size: int) -> None:
        if size > self.abaco.max_body:
            raise self.too_large(size, self.abaco.max_body)

    async def _forward(self, *args: str, **kwargs: str) -> None:
        await forward.forward(self, self.abaco.host_url or "", self.abaco.host_token or "")


class NoEndpoint(AbacoHandler):
    """Every path below ours that nothing else matches: never Jupyter's own page, which holds
    the caller's token."""

    def _refuse(self, *args: str, **kwargs: str) -> None:
        raise web.HTTPError(404)

    get = head = post = put = patch = delete = _refuse


def _has(handler: type, method: str) -> bool:
    name = method.lower()
    return getattr(handler, name) is not getattr(web.RequestHandler, name)


def _is_read(log: logging.Logger, level: int) -> bool:
    """Whether a record of this level would be written anywhere. Jupyter's logger takes them all
    and leaves it to its handlers, so the logger's own level says nothing."""
    here: logging.Logger | None = log
    while here is not None:
        if any(handler.level <= level for handler in here.handlers):
            return True
        here = here.parent if here.propagate else None
    return False
