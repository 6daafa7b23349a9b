"""Between the open port and the service's own handlers: nobody meets Jupyter's pages there."""

import json

import pytest
from jupyter_server.utils import url_path_join
from tornado.web import Application, RequestHandler

from abaco_jupyter.wire.errors import HEADER
from abaco_server.web.starting import PATTERN, StartingHandler, replace

pytestmark = pytest.mark.asyncio

BASE = "/a%40b/"


class Late(RequestHandler):
    def get(self) -> None:
        self.finish("there")


class Page(RequestHandler):
    def get(self) -> None:
        self.finish("Jupyter's")


def starting() -> Application:
    app = Application([(r"/.*", Page)], base_url=BASE, xsrf_cookies=True)
    app.add_handlers(".*$", [(url_path_join(BASE, PATTERN), StartingHandler)])
    return app


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/actors/v2"),
        ("POST", "//actors/v2/some/messages"),
        ("DELETE", "/abaco/v1/builds/some"),
        ("PUT", "/clients/v2"),
        ("GET", "/profiles/v2/me"),
        ("POST", "/token"),
    ],
)
async def test_every_path_of_ours_says_that_the_service_starts(
    serve, client, method: str, path: str
) -> None:
    root = serve(starting())
    body = b"{}" if method in ("POST", "PUT") else None
    answer = await client.fetch(root + path, method=method, body=body, raise_error=False)
    assert (answer.code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.headers[HEADER] == "not_ready"
    assert json.loads(answer.body)["message"] == "The Abaco service is starting."


async def test_other_paths_are_not_ours(serve, client) -> None:
    answer = await client.fetch(serve(starting()) + "/api", raise_error=False)
    assert answer.body == b"Jupyter's"


async def test_the_services_own_handlers_take_its_place(serve, client) -> None:
    app = starting()
    root = serve(app)
    replace(app, [("[/]*actors/+v2", Late)])
    answer = await client.fetch(f"{root}/actors/v2")
    assert answer.body == b"there"
