"""The peer of `accept`: an authenticated handler as Jupyter's documentation writes it."""

import json
from typing import Any

from jupyter_server.base.handlers import APIHandler
from tornado import web


class BareHandler(APIHandler):
    @web.authenticated
    async def post(self) -> None:
        self.finish(json.dumps({"received": self.get_json_body()}))


def _load_jupyter_server_extension(serverapp: Any) -> None:
    base_url = serverapp.web_app.settings["base_url"]
    serverapp.web_app.add_handlers(".*$", [(base_url + "benchmark/bare", BareHandler)])
