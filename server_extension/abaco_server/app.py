"""AbacoApp: the service's life inside a Jupyter server. Its traits are in two files beside it."""

import asyncio
from datetime import timedelta
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.extension.application import ExtensionApp

from abaco_jupyter.wire.errors import InvalidRequest, Unavailable
from abaco_server.announcements import Announcements
from abaco_server.host import HostLock, address_of, offer_to_kernels
from abaco_server.model.roles import RoleBook
from abaco_server.run_traits import RunTraits
from abaco_server.service_traits import ServiceTraits
from abaco_server.settings import settings_of
from abaco_server.web.forward import Host
from abaco_server.web.routes import handlers
from abaco_server.web.served import SETTING, Web

if TYPE_CHECKING:
    from abaco_server.assemble import Parts


FIRST_PAUSE, LONGEST_PAUSE = 5.0, 60.0
"""Seconds before a service that did not start tries again; each pause is twice the last."""


class AbacoApp(ServiceTraits, RunTraits, ExtensionApp):
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
                news=self._parts.news,
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
