"""AbacoApp: what Jupyter sees of the service. Its traits are in two files beside it, its life
behind the open port in `life`."""

import asyncio
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from jupyter_server.extension.application import ExtensionApp

from abaco_server.host import address_of, offer_to_kernels
from abaco_server.run_traits import RunTraits
from abaco_server.service_traits import ServiceTraits
from abaco_server.web.starting import PATTERN, StartingHandler

if TYPE_CHECKING:
    from abaco_server.life import Life


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
        self._life: Life | None = None
        self._stopping = False

    def initialize_handlers(self) -> None:
        """What answers until there is a service: Jupyter's start does not wait for its imports."""
        self.handlers.append((PATTERN, StartingHandler))

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """After the port is open."""
        offer_to_kernels(address_of(serverapp))
        behind = await asyncio.to_thread(import_module, "abaco_server.life")
        if not self._stopping:
            self._life = behind.Life(self)
            await self._life.start()

    async def stop_extension(self) -> None:
        """Take no more, let what runs end for a while, leave the rest to the next start."""
        self._stopping = True
        if self._life is not None:
            await self._life.stop()

    def current_activity(self) -> dict[str, int] | None:
        """What keeps `shutdown_no_activity` waiting."""
        running = 0 if self._life is None else self._life.running
        return {"executions": running} if running else None


main = AbacoApp.launch_instance
