"""The traits of AbacoApp about the service itself: its store, its people, its messages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_data_dir
from traitlets import Bool, Dict, Enum, HasTraits, Integer, List, Unicode, default, validate

from abaco_jupyter.wire import limits
from abaco_jupyter.wire.errors import InvalidRequest
from abaco_server.model.roles import RoleBook


def _check(proposal: Any, read: Callable[[Any], object]) -> None:
    """Whether the proposed value can be read. A server with wrong rights must not start."""
    try:
        read(proposal["value"])
    except InvalidRequest as error:
        raise ValueError(f"AbacoApp.{proposal['trait'].name}: {error}") from None


class ServiceTraits(HasTraits):
    """`c.AbacoApp.<name>`, as all others."""

    data_dir = Unicode(
        help="Directory of the database, of large messages and of builds for the process runner."
    ).tag(config=True)

    store_url = Unicode(
        help="""SQLAlchemy URL of the database. The default is an SQLite file in `data_dir`;
        `postgresql+psycopg://user@host/name` for a database server."""
    ).tag(config=True)

    synchronous = Enum(
        ["NORMAL", "FULL"],
        default_value="NORMAL",
        help="""SQLite's `synchronous`. NORMAL: what was accepted survives the death of the
        server. FULL: it also survives a loss of power, at about half the speed.""",
    ).tag(config=True)

    tenant = Unicode("JUPYTER", help="Tenant of all users of this server.").tag(config=True)

    roles = Dict(
        value_trait=List(Unicode()),
        key_trait=Unicode(),
        default_value={},
        help="""Users and groups by role, such as `{"admin": ["ann", "group:staff"], "limited":
        ["bob"]}`. The roles are admin, privileged, user and limited; `group:` stands before a
        group of the JupyterHub. The owner of a notebook server and admins of the Hub are admin
        in any case.""",
    ).tag(config=True)

    default_role = Unicode(
        "user", help="Role of whom `roles` does not name; empty: they are refused everything."
    ).tag(config=True)

    max_binary_message = Integer(
        limits.MAX_BINARY_MESSAGE, help="Largest message that is accepted, in bytes."
    ).tag(config=True)

    log_ex_seconds = Integer(
        43_200, help="How long logs are kept of an actor that sets no logEx."
    ).tag(config=True)

    max_log_ex_seconds = Integer(86_400, help="The most that a logEx counts for.").tag(config=True)

    token_default = Bool(
        True,
        help="""Whether executions of actors that do not set `token` get an access token, by which
        they may ask `/actors/v2` about their own actor while they run.""",
    ).tag(config=True)

    execution_token_scope = Enum(
        ["actor", "owner"],
        default_value="actor",
        help="""What an execution may do by its token: `actor`, what the actor's owner may do with
        that actor; `owner`, all that its owner may as a plain user, which is what Abaco allows.""",
    ).tag(config=True)

    webhook_secret = Unicode(
        "",
        help="""Signs what is posted to webhooks: the header `X-Abaco-Signature` is `sha256=` and
        the HMAC-SHA256 of the body with this secret, in hexadecimal. Empty: no signature.""",
    ).tag(config=True)

    allow_private_webhooks = Bool(
        False,
        help="""Post to webhooks on loopback and private addresses too. Users then reach, through
        this server, what only this server reaches.""",
    ).tag(config=True)

    @default("data_dir")
    def _default_data_dir(self) -> str:
        return str(Path(jupyter_data_dir()) / "abaco")

    @default("store_url")
    def _default_store_url(self) -> str:
        return f"sqlite:///{Path(self.data_dir) / 'abaco.db'}"

    @validate("max_binary_message")
    def _positive_size(self, proposal: Any) -> int:
        if proposal["value"] < 1:
            raise ValueError(
                f"AbacoApp.{proposal['trait'].name} is {proposal['value']}; it must be 1 or more"
            )
        return int(proposal["value"])

    @validate("log_ex_seconds", "max_log_ex_seconds")
    def _not_negative(self, proposal: Any) -> int:
        value: int = proposal["value"]
        if value < 0:
            raise ValueError(f"AbacoApp.{proposal['trait'].name} is {value}; it must be 0 or more")
        return value

    @validate("roles")
    def _known_roles(self, proposal: Any) -> dict[str, list[str]]:
        _check(proposal, lambda value: RoleBook.read(value, ""))
        return dict(proposal["value"])

    @validate("default_role")
    def _known_role(self, proposal: Any) -> str:
        _check(proposal, lambda value: RoleBook.read({}, value))
        return str(proposal["value"])
