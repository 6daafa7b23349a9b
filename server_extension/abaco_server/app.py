"""AbacoApp: the traits by which the service is configured, and its life inside a Jupyter server."""

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_core.paths import jupyter_data_dir
from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Dict, Enum, Float, Integer, List, Unicode, default, validate

from abaco_jupyter.wire import limits
from abaco_jupyter.wire.errors import InvalidRequest, Unavailable
from abaco_server.announcements import Announcements
from abaco_server.host import HostLock, address_of, offer_to_kernels
from abaco_server.model.roles import RoleBook
from abaco_server.service import placement
from abaco_server.settings import settings_of
from abaco_server.web.forward import Host
from abaco_server.web.routes import handlers
from abaco_server.web.served import SETTING, Web
from abaco_server.worker_traits import WorkerTraits

if TYPE_CHECKING:
    from abaco_server.assemble import Parts


FIRST_PAUSE, LONGEST_PAUSE = 5.0, 60.0
"""Seconds before a service that did not start tries again; each pause is twice the last."""


def _check(proposal: Any, read: Callable[[Any], object]) -> None:
    """Whether the proposed value can be read. A server with wrong rights must not start."""
    try:
        read(proposal["value"])
    except InvalidRequest as error:
        raise ValueError(f"AbacoApp.{proposal['trait'].name}: {error}") from None


class AbacoApp(WorkerTraits, ExtensionApp):
    """Functions as a service inside the notebook server: `/actors/v2` of Abaco, and our own."""

    name = "abaco"
    app_name = "Abaco"
    extension_url = "/abaco/v1/status"
    load_other_extensions = False
    """`jupyter abaco` alone is the service and nothing else."""

    description = "Run the Abaco actor service, without JupyterLab."
    version = version("abaco-jupyter")
    examples = """
jupyter abaco --ServerApp.port=8889        # its address and token are printed
jupyter abaco --AbacoApp.runner=process    # no engine needed, and no isolation
jupyter abaco --help-all                   # every setting
jupyter abaco token create --user ann      # a bearer token, for a program
"""
    subcommands = {  # noqa: RUF012 - never changed
        "token": (
            "abaco_server.token_command.TokenApp",
            "Make, list and revoke bearer tokens.",
        )
    }

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

    runner = Unicode(
        "auto",
        help="""What runs executions: `docker` (a container each), `process` (a subprocess each;
        no isolation boundary), or `auto`: docker when an engine answers, else process.""",
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

    capacity = Integer(help="Executions that run at the same time, of all actors together.").tag(
        config=True
    )

    drain_seconds = Float(
        5.0,
        help="""How long a stopping server waits for running executions. Those that take longer
        run on and are taken up again after the next start.""",
    ).tag(config=True)

    memory_limit = Unicode(
        "",
        help="Memory of an execution whose actor sets no memLimit, such as `2g`; empty: none.",
    ).tag(config=True)

    max_cpus = Float(
        0.0, help="CPUs of an execution whose actor sets no maxCpus; 0: no limit."
    ).tag(config=True)

    pids_limit = Integer(512, help="Processes and threads of one execution.").tag(config=True)

    max_run_seconds = Float(
        0.0, help="An execution that runs for longer is stopped like a halt; 0: no limit."
    ).tag(config=True)

    max_binary_message = Integer(
        limits.MAX_BINARY_MESSAGE, help="Largest message that is accepted, in bytes."
    ).tag(config=True)

    log_ex_seconds = Integer(
        43_200, help="How long logs are kept of an actor that sets no logEx."
    ).tag(config=True)

    max_log_ex_seconds = Integer(86_400, help="The most that a logEx counts for.").tag(config=True)

    mounts = List(
        Unicode(),
        help="""Directories of this machine in the containers of all actors, as
        `host:container:mode` with the mode `ro` or `rw`: `/work/{username}:/work:rw`. In either
        path stand `{username}`, `{tenant_id}` and `{home}` (the home directory of the user's
        account on this machine; TACC's `{tasdir}` is the same). They are filled in for whoever
        makes or updates the actor, and a mount is left out for a user without an account, or
        whose name cannot be a directory's. Only the docker runner has mounts.""",
    ).tag(config=True)

    privileged_mounts = List(
        Unicode(),
        help="""More mounts for privileged actors, which also get the engine's socket as
        `/var/run/docker.sock`.""",
    ).tag(config=True)

    run_as_owner = Bool(
        False,
        help="""Containers run with the uid and gid of their owner's account on this machine
        instead of the image's user. Who has no account gets `actor_uid`; if that is not set
        either, they can make no actors but with useContainerUid. An actor that is there takes
        this up with its next update. Only the docker runner can do it.""",
    ).tag(config=True)

    actor_uid = Integer(
        None,
        allow_none=True,
        help="Containers run with this uid instead of the image's user.",
    ).tag(config=True)

    actor_gid = Integer(
        None, allow_none=True, help="The gid that goes with `actor_uid`, which it is by default."
    ).tag(config=True)

    base_image = Unicode(
        "",
        help="""Base of images built from cells that name no base of their own; it needs Python
        and pip. Empty: this project's own base when it is here, else the official slim Python
        image of the kernel's version.""",
    ).tag(config=True)

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

    @default("capacity")
    def _default_capacity(self) -> int:
        return max(16, 8 * (os.cpu_count() or 1))

    @validate("capacity", "max_workers", "pids_limit", "max_binary_message")
    def _positive(self, proposal: Any) -> int:
        if proposal["value"] < 1:
            raise ValueError(
                f"AbacoApp.{proposal['trait'].name} is {proposal['value']}; it must be 1 or more"
            )
        return int(proposal["value"])

    @validate("mounts", "privileged_mounts")
    def _are_mounts(self, proposal: Any) -> Any:
        for text in proposal["value"]:
            placement.parse(text)
        return proposal["value"]

    @validate("actor_uid", "actor_gid", "log_ex_seconds", "max_log_ex_seconds")
    def _not_negative(self, proposal: Any) -> int | None:
        value: int | None = proposal["value"]
        if value is not None and value < 0:
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

    # ---- life inside the server ----------------------------------------------------------

    @classmethod
    def get_extension_package(cls) -> str:
        return "abaco_jupyter"

    def initialize_settings(self) -> None:
        self._parts: Parts | None = None
        self._begun: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None
        self._pause = FIRST_PAUSE
        self._stopping = False
        self._lock: HostLock | None = None
        self.settings[SETTING] = self._not_ready("The Abaco service is starting.")

    def initialize_handlers(self) -> None:
        self.handlers.extend(handlers())

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """After the port is open."""
        offer_to_kernels(address_of(serverapp))
        self._stand()
        if self._begun is not None:
            await self._begun

    def _stand(self) -> None:
        """Become the host, or forward to the server that is."""
        assert self.serverapp is not None
        self._lock = HostLock(Path(self.data_dir))
        if self._lock.try_acquire():
            self._launch()
            return
        self._forward()
        loop = self.serverapp.io_loop
        self._lock.wait_in_background(lambda: loop.add_callback(self._launch))

    async def stop_extension(self) -> None:
        """Take no more, let what runs end for a while, leave the rest to the next start."""
        self._stopping = True
        if self._again is not None:
            self._again.cancel()
        self._show(self._not_ready("The notebook server is stopping."))
        if self._begun is not None:
            # Half a service cannot be stopped: let it come up first.
            await asyncio.wait([self._begun])
        if self._parts is not None:
            await self._parts.stop(timedelta(seconds=self.drain_seconds))
            self._parts = None
        if self._lock is not None:
            self._lock.release()

    def current_activity(self) -> dict[str, int] | None:
        """What keeps `shutdown_no_activity` waiting."""
        running = 0 if self._parts is None else self._parts.pool.running
        return {"executions": running} if running else None

    def _launch(self) -> "asyncio.Task[None]":
        self._begun = asyncio.create_task(self._begin(), name="abaco-begin")
        return self._begun

    async def _begin(self) -> None:
        assert self._lock is not None
        if self._stopping:
            return
        try:
            # Half a second of imports (docker, SQLAlchemy's dialects) that Jupyter's own start
            # does not have to wait for.
            made = await asyncio.to_thread(import_module, "abaco_server.assemble")
            roles = self._role_book()
            assert self.serverapp is not None
            announce = Announcements(self.serverapp.event_logger).decided
            self._parts = await made.assemble(settings_of(self), announce=announce)
        except Unavailable as error:
            self.log.error("The Abaco service did not start: %s", error)
            self._give_up(error, type(error))
            return
        except Exception as error:
            # jupyter_server only logs what escapes from here: every later answer says it too.
            self.log.exception("The Abaco service did not start")
            self._give_up(error, Unavailable)
            return
        if self._stopping:
            return
        self._lock.announce(address_of(self.serverapp))
        self._show(
            Web(
                tenant=self.tenant,
                service=self._parts.service,
                hub=self._parts.hub,
                ready=True,
                max_body=self.max_binary_message,
                roles=roles,
            )
        )
        self.log.info(
            "Abaco answers at %sactors/v2; executions run in the %s runner",
            address_of(self.serverapp).url,
            self._parts.runner.name,
        )

    def _give_up(self, error: Exception, kind: type[Unavailable]) -> None:
        assert self._lock is not None
        reason = f"The Abaco service did not start: {error}"
        self._show(Web(tenant=self.tenant, not_ready_reason=reason, not_ready_kind=kind))
        self._lock.release()
        # What is missing, an engine or a database, may come; until then others may host.
        self._again = asyncio.get_running_loop().call_later(self._pause, self._stand)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _forward(self) -> None:
        lock = self._lock
        assert lock is not None

        def host() -> Host | None:
            found = lock.host()
            return None if found is None else Host(url=found.url, token=found.token)

        try:
            roles = self._role_book()
        except Unavailable as error:
            self._show(self._not_ready(str(error)))
            return
        self._show(
            Web(tenant=self.tenant, host=host, max_body=self.max_binary_message, roles=roles)
        )
        self.log.info("Another server of this user hosts the Abaco service; requests go there")

    def _role_book(self) -> RoleBook:
        """Jupyter only warns of a trait that is not valid, and starts its extension all the same:
        a service that does not know who may do what must not begin."""
        try:
            return RoleBook.read(self.roles, self.default_role)
        except InvalidRequest as error:
            raise Unavailable(f"AbacoApp.roles or default_role: {error}") from None

    def _not_ready(self, reason: str) -> Web:
        return Web(tenant=self.tenant, not_ready_reason=reason)

    def _show(self, web: Web) -> None:
        """What handlers see from now on."""
        assert self.serverapp is not None
        self.serverapp.web_app.settings[SETTING] = web


main = AbacoApp.launch_instance
