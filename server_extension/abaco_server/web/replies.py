"""What every answer of ours is like: Abaco's envelope and CORS rule, a log line if one is read."""

import logging
from functools import partial
from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import APIHandler
from jupyter_server.log import log_request
from jupyter_server.prometheus.log_functions import prometheus_log_method
from jupyter_server.utils import origin_matches_pat
from tornado import web

from abaco_jupyter.wire import envelope
from abaco_jupyter.wire.errors import HEADER, AbacoError, NotReady
from abaco_server.web import errors
from abaco_server.web.starting import RETRY_AFTER

logger = logging.getLogger(__name__)

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_HEADERS_SETTING = "abaco_default_headers"


class ReplyHandler(APIHandler):
    """How a request of ours ends, well or not."""

    closes = False
    """Whether the connection ends with this answer, which then says so."""

    def answer(self, result: Any, message: str) -> None:
        self.finish(envelope.success(result, message))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        found = errors.answer(error, status_code)
        self.set_status(found.status)
        self.set_header(HEADER, found.code)
        if found.code == NotReady.code:
            self.set_header("Retry-After", RETRY_AFTER)
        if found.status == 405:
            self.set_header("Allow", self._allowed())
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
        self.set_header("Allow", self._allowed())
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
        if self.closes:
            self.set_header("Connection", "close")

    def set_cors_headers(self) -> None:
        """Jupyter calls it in `prepare`: too late for errors, see `set_default_headers`."""

    def compute_etag(self) -> None:
        """Abaco has none, and hashing each answer costs more than it saves."""
        return None

    def set_secure_cookie(self, *args: Any, **kwargs: Any) -> None:
        """A program that shows the token with each request needs no login cookie."""

    def _allowed(self) -> str:
        """The methods of this resource, as the header `Allow` lists them."""
        return ", ".join(method for method in METHODS if _has(type(self), method))

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
