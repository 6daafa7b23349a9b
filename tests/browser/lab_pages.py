"""Pages of a real browser, and a JupyterLab that shows nothing but what a test looks at."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

from live_server import REPOSITORY, LiveServer

CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # A page that a test has changed on its way counts as one from elsewhere.
    "--disable-features=LocalNetworkAccessChecks",
]
QUIET = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False}
}


@contextmanager
def new_page(chromium: str, width: int, height: int) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        yield page
        browser.close()


def dress(server: LiveServer, **settings: dict[str, Any]) -> None:
    """Lab's settings of a server that has not started, and our panel as this clone has it."""
    for name, values in (QUIET | settings).items():
        file = server.home / f"config/lab/user-settings/{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    link = server.home / "data/labextensions/abaco_jupyter"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(REPOSITORY / "abaco_jupyter/labextension")
