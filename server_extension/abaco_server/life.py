"""The service's life behind the open port: become the host or forward to it, start, stop.

`app` imports it in a thread once Jupyter answers: with it comes all that the service needs.
"""

import asyncio
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abaco_jupyter.wire.errors import InvalidRequest, Unavailable
from abaco_server.announcements import Announcements
from abaco_server.host import HostLock, address_of
from abaco_server.model.roles import RoleBook
from abaco_server.settings import settings_of
from abaco_server.web.forward import Host
from abaco_server.web.routes import handlers
from abaco_server.web.served import SETTING, Web
from abaco_server.web.starting import replace

if TYPE_CHECKING:
    from abaco_server.app import AbacoApp
    from abaco_server.assemble import Parts

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 60.0
"""Seconds before a service that did not start tries again; each pause is twice the last."""


class Life:
    """Of the service in one Jupyter server."""

    def __init__(self, app: "AbacoApp") -> None:
        self._app = app
        self._serverapp: Any = app.serverapp
        self._parts: Parts | None = None
        self._begun: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None
        self._pause = FIRST_PAUSE
        self._stopping = False
        self._lock: HostLock | None = None

    @property
    def running(self) -> int:
        """Executions that run now."""
        return 0 if self._parts is None else self._parts.pool.running

    async def start(self) -> None:
        """Returns when the service answers, here or elsewhere, or has said why it does not."""
        self._show(Web(tenant=self._app.tenant))
        replace(self._serverapp.web_app, handlers())
        self._stand()
        if self._begun is not None:
            await self._begun

    async def stop(self) -> None:
        """Take no more, let what runs end for a while, leave the rest to the next start."""
        self._stopping = True
        if self._again is not None:
            self._again.cancel()
        self._show(self._not_ready("The notebook server is stopping."))
        if self._begun is not None:
            # Half a service cannot be stopped: let it come up first.
            await asyncio.wait([self._begun])
        if self._parts is not None:
            await self._parts.stop(timedelta(seconds=self._app.drain_seconds))
            self._parts = None
        if self._lock is not None:
            self._lock.release()

    def _stand(self) -> None:
        """Become the host, or forward to the server that is."""
        try:
            self._lock = HostLock(Path(self._app.data_dir))
            is_host = self._lock.try_acquire()
        except OSError as error:
            # A disk that is full or not mounted: nobody else would say so.
            self._app.log.error("The Abaco service did not start: %s", error)
            self._give_up(error, Unavailable)
            return
        if is_host:
            self._launch()
            return
        self._forward()
        loop = self._serverapp.io_loop
        self._lock.wait_in_background(lambda: loop.add_callback(self._launch))

    def _launch(self) -> "asyncio.Task[None]":
        self._begun = asyncio.create_task(self._begin(), name="abaco-begin")
        return self._begun

    async def _begin(self) -> None:
        app = self._app
        assert self._lock is not None
        if self._stopping:
            return
        try:
            # A third of a second of imports (docker, the builder) that handlers do without.
            made = await asyncio.to_thread(import_module, "abaco_server.assemble")
            roles = self._role_book()
            announce = Announcements(self._serverapp.event_logger).decided
            self._parts = await made.assemble(settings_of(app), announce=announce)
        except Unavailable as error:
            app.log.error("The Abaco service did not start: %s", error)
            self._give_up(error, type(error))
            return
        except Exception as error:
            # jupyter_server only logs what escapes from here: every later answer says it too.
            app.log.exception("The Abaco service did not start")
            self._give_up(error, Unavailable)
            return
        if self._stopping:
            return
        address = address_of(self._serverapp)
        self._lock.announce(address)
        self._show(
            Web(
                tenant=app.tenant,
                service=self._parts.service,
                hub=self._parts.hub,
                news=self._parts.news,
                ready=True,
                max_body=app.max_binary_message,
                roles=roles,
            )
        )
        app.log.info(
            "Abaco answers at %sactors/v2; executions run in the %s runner",
            address.url,
            self._parts.runner.name,
        )

    def _give_up(self, error: Exception, kind: type[Unavailable]) -> None:
        reason = f"The Abaco service did not start: {error}"
        self._show(Web(tenant=self._app.tenant, not_ready_reason=reason, not_ready_kind=kind))
        if self._lock is not None:
            self._lock.release()
        # What is missing, a disk, an engine or a database, may come; until then others may host.
        self._again = asyncio.get_running_loop().call_later(self._pause, self._stand)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _forward(self) -> None:
        app, lock = self._app, self._lock
        assert lock is not None

        def host() -> Host | None:
            found = lock.host()
            return None if found is None else Host(url=found.url, token=found.token)

        try:
            roles = self._role_book()
        except Unavailable as error:
            self._show(self._not_ready(str(error)))
            return
        self._show(Web(tenant=app.tenant, host=host, max_body=app.max_binary_message, roles=roles))
        app.log.info("Another server of this user hosts the Abaco service; requests go there")

    def _role_book(self) -> RoleBook:
        """Jupyter only warns of a trait that is not valid, and starts its extension all the same:
        a service that does not know who may do what must not begin."""
        try:
            return RoleBook.read(self._app.roles, self._app.default_role)
        except InvalidRequest as error:
            raise Unavailable(f"AbacoApp.roles or default_role: {error}") from None

    def _not_ready(self, reason: str) -> Web:
        return Web(tenant=self._app.tenant, not_ready_reason=reason)

    def _show(self, web: Web) -> None:
        """What handlers see from now on."""
        self._serverapp.web_app.settings[SETTING] = web
