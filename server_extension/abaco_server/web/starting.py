"""What answers below our prefixes until the service's own handlers are there.

Imports nothing of ours but the contract: Jupyter waits for this module before it opens its port,
and for no other one of `web`.
"""

from collections.abc import Iterable

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.utils import url_path_join
from tornado.routing import Rule, RuleRouter
from tornado.web import Application, RequestHandler

from abaco_jupyter.wire import envelope
from abaco_jupyter.wire.errors import HEADER, NotReady

PATTERN = "[/]*(?:actors|clients/+v2|profiles/+v2|token|abaco/+v1)(?:/.*)?"
RETRY_AFTER = "1"
"""Seconds, in the answer to a request that comes before the service is ready."""
REASON = "The Abaco service is starting."


class StartingHandler(RequestHandler):
    """Answers everybody alike, as nobody can be known yet: come again in a moment."""

    def check_xsrf_cookie(self) -> None:
        """There is nothing here that a foreign page could abuse."""

    @allow_unauthenticated
    def get(self) -> None:
        self.set_status(503)
        self.set_header("Content-Type", "application/json")
        self.set_header("Access-Control-Allow-Origin", "*")
        self.set_header(HEADER, NotReady.code)
        self.set_header("Retry-After", RETRY_AFTER)
        self.finish(envelope.failure(REASON))

    head = post = put = patch = delete = options = get


def replace(app: Application, handlers: Iterable[tuple[str, type[RequestHandler]]]) -> None:
    """The service's own handlers from now on; patterns stand below the server's base URL."""
    base = app.settings["base_url"]
    starting = [rule for rule in app.default_router.rules if _is_starting(rule)]
    app.add_handlers(".*$", [(url_path_join(base, path), handler) for path, handler in handlers])
    for rule in starting:
        app.default_router.rules.remove(rule)


def _is_starting(rule: Rule) -> bool:
    inner = rule.target.rules if isinstance(rule.target, RuleRouter) else ()
    return any(one.target is StartingHandler for one in inner)
