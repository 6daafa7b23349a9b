"""The OpenAPI description of all that is served here, for people and for programs.

It needs no credentials: it says nothing about this server that is not in the package, tools
fetch it without any, and it must be there before the service is. Jupyter's check of the host
still holds.
"""

from functools import cache
from pathlib import Path

from jupyter_server.auth.decorator import allow_unauthenticated

from abaco_server.web.base import AbacoHandler


class DescriptionHandler(AbacoHandler):
    open_methods = frozenset({"OPTIONS", "GET", "HEAD"})

    @allow_unauthenticated
    def get(self) -> None:
        self.finish(document(), set_content_type="application/yaml")

    head = get


@cache
def document() -> bytes:
    """`openapi.yaml`, as it lies beside this module."""
    return Path(__file__).with_name("openapi.yaml").read_bytes()
