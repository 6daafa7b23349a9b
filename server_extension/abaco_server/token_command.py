"""`jupyter abaco token`: make, list and revoke bearer tokens, on the database of the service.

It writes to the database itself, so it works whether a server runs or not, and a server that runs
knows of a change with the next request. Who may read and write the database file is an admin.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from jupyter_core.application import JupyterApp, base_aliases, base_flags
from traitlets import Bool, List, Unicode

from abaco_jupyter.wire.codes import Role
from abaco_jupyter.wire.errors import AbacoError, InvalidRequest
from abaco_jupyter.wire.ids import new_id
from abaco_server.app import AbacoApp
from abaco_server.model.clock import SystemClock
from abaco_server.model.principal import Principal
from abaco_server.model.roles import ROLES, role
from abaco_server.model.token import Token
from abaco_server.service import tokens
from abaco_server.service.desk import Desk, ServiceConfig
from abaco_server.store import DatabaseFailed, DatabaseIsNewer, Store

T = TypeVar("T")
Work = Callable[[tokens.Tokens, Principal], Awaitable[T]]

_ASKS_FOR_HELP = ("h", "help", "help-all", "version")
_SETTINGS = ("jupyter_server_config", "jupyter_abaco_config")
"""Files from which a notebook server takes the settings of AbacoApp."""


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def note(text: str) -> None:
    """For the person at the terminal; a script reads only what was said."""
    sys.stderr.write(f"{text}\n")


class _Command(JupyterApp):
    """Finds the database as the server does, does one thing with it, and ends."""

    name = "jupyter-abaco-token"
    classes = [AbacoApp]  # noqa: RUF012 - never changed
    tenant = Unicode(help="Tenant of the tokens; the server's own (AbacoApp.tenant) if not given.")
    tenant.tag(config=True)
    aliases = {**base_aliases, "tenant": "_Command.tenant"}  # noqa: RUF012
    takes_names = False
    """Whether there may be arguments that are no options."""

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """What traitlets only warns of ends here: `--expire 1d` would make a token for ever."""
        for option in (
            word.partition("=")[0].lstrip("-") for word in argv or () if word[:1] == "-"
        ):
            if "." not in option and option not in {*self.aliases, *self.flags, *_ASKS_FOR_HELP}:
                self.exit_with(f"There is no option --{option}; --help lists those there are.")
        super().parse_command_line(argv)
        if self.extra_args and not self.takes_names:
            self.exit_with(f"What is {self.extra_args[0]!r} for? --help says what may be given.")

    def load_config_file(self, suppress_errors: bool = True) -> None:  # type: ignore[override]
        for name in _SETTINGS:
            self.config_file_name = name
            super().load_config_file(suppress_errors)

    def start(self) -> None:
        try:
            self.run()
        except (AbacoError, DatabaseIsNewer) as error:
            self.exit_with(str(error))
        except (DatabaseFailed, ValueError, OSError) as error:
            self.exit_with(f"The database (AbacoApp.store_url) cannot be used: {error}")

    def run(self) -> None:
        raise NotImplementedError

    def exit_with(self, reason: str) -> None:
        note(reason)
        self.exit(1)

    def ask(self, work: "Work[T]") -> T:
        """What `work` answers, as an admin of the tenant."""
        return asyncio.run(self._ask(work))

    async def _ask(self, work: "Work[T]") -> T:
        settings = AbacoApp(config=self.config)
        tenant = self.tenant or settings.tenant
        clock = SystemClock()
        store = Store.open(
            settings.store_url, payload_dir=Path(settings.data_dir) / "payloads", clock=clock
        )
        try:
            desk = Desk(
                store=store, clock=clock, new_id=new_id, config=ServiceConfig(tenant=tenant)
            )
            return await work(tokens.Tokens(desk), _operator(tenant))
        finally:
            await store.close()


def _operator(tenant: str) -> Principal:
    """Whoever can open the database could as well write into it."""
    roles = frozenset({Role.ADMIN.value})
    return Principal(username="jupyter abaco token", tenant=tenant, roles=roles, api_server="")


class CreateTokenApp(_Command):
    description = "Make a bearer token. It is printed once, alone on a line, and kept nowhere."
    examples = """
jupyter abaco token create --user ann --role user
jupyter abaco token create --user ci --tenant DEV --role admin --expires 90d --label "CI of foo"
"""
    user = Unicode(help="Whom the token stands for.").tag(config=True)
    role = List(
        Unicode(),
        default_value=["user"],
        help="admin, privileged, user or limited; may be given more than once.",
    ).tag(config=True)
    expires = Unicode(
        help="A period such as 90d, 12h, 30m, or a date such as 2030-01-31; never if not given."
    ).tag(config=True)
    label = Unicode(help="What it is for, as `list` shows it.").tag(config=True)
    aliases = {  # noqa: RUF012
        **_Command.aliases,
        **{name: f"CreateTokenApp.{name}" for name in ("user", "role", "expires", "label")},
    }

    def run(self) -> None:
        if not self.user:
            raise InvalidRequest("Whose token shall it be? Name the user: --user ann.")
        roles = [role(name) for name in self.role]
        expires = tokens.expiry(self.expires, SystemClock().now())
        made = self.ask(
            lambda there, admin: there.create(
                admin, username=self.user, roles=roles, expires=expires, label=self.label
            )
        )
        note(f"Token {made.token.id} of {made.token.username} in {made.token.tenant}:")
        say(made.secret)


class ListTokensApp(_Command):
    description = "List the tenant's bearer tokens: whose they are, never what they are."
    examples = "jupyter abaco token list --tenant DEV --json"
    json = Bool(False, help="One JSON object a line instead of a table.").tag(config=True)
    flags = {  # noqa: RUF012
        **base_flags,
        "json": ({"ListTokensApp": {"json": True}}, "One JSON object a line."),
    }

    def run(self) -> None:
        found = self.ask(lambda there, admin: there.list(admin))
        if self.json:
            for token in found:
                say(json.dumps(_record(token)))
            return
        head = ("ID", "USER", "ROLES", "CREATED", "EXPIRES", "LAST USE", "LABEL")
        rows = [head, *(_row(token) for token in found)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            say("  ".join(cells).rstrip())


class RevokeTokenApp(_Command):
    description = "Revoke bearer tokens by their ids, which `list` shows."
    examples = "jupyter abaco token revoke zrWXgMj8X4k4q"
    takes_names = True

    def run(self) -> None:
        if not self.extra_args:
            raise InvalidRequest(
                "Which token? Name its id, as `jupyter abaco token list` shows it."
            )
        for token_id in self.extra_args:
            self.revoke(token_id)

    def revoke(self, token_id: str) -> None:
        self.ask(lambda there, admin: there.revoke(admin, token_id))
        note(f"Token {token_id} is revoked.")


class TokenApp(JupyterApp):
    name = "jupyter-abaco-token"
    description = "Bearer tokens, by which programs use the service as one of its users."
    examples = CreateTokenApp.examples
    subcommands = {  # noqa: RUF012
        "create": (CreateTokenApp, CreateTokenApp.description),
        "list": (ListTokensApp, ListTokensApp.description),
        "revoke": (RevokeTokenApp, RevokeTokenApp.description),
    }

    def start(self) -> None:
        if self.subapp is None:
            note(f"Say what to do: jupyter abaco token {' | '.join(self.subcommands)}.")
            self.exit(2)
        else:
            self.subapp.start()


def _short(given: str) -> str:
    return next((name for name, one in ROLES.items() if one == given), given)


def _time(at: datetime | None, never: str) -> str:
    return never if at is None else f"{at:%Y-%m-%d %H:%M}Z"


def _row(token: Token) -> tuple[str, ...]:
    expires = _time(token.expires, "never")
    if not token.is_valid(SystemClock().now()):
        expires = "expired"
    return (
        token.id,
        token.username,
        ",".join(map(_short, token.roles)) or "none",
        _time(token.create_time, ""),
        expires,
        _time(token.last_use_time, "never"),
        token.label,
    )


def _record(token: Token) -> dict[str, Any]:
    shown = {name: value for name, value in asdict(token).items() if name != "digest"}
    times = {
        name: value.isoformat() for name, value in shown.items() if isinstance(value, datetime)
    }
    return shown | times | {"roles": [_short(one) for one in token.roles]}
