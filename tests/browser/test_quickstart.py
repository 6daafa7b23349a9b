"""The quickstart as a new user runs it: JupyterLab, a browser, Run All Cells."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from live_server import REPOSITORY, LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.docker]

CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path / "server", "--AbacoApp.runner=docker", lab=True)
    shutil.copytree(REPOSITORY / "notebooks", server.root, dirs_exist_ok=True)
    _forget_outputs(server.root / "01_quickstart.ipynb")
    # Lab takes cells out of the page that are not on the screen; the test wants to read them all.
    settings = {
        "notebook-extension/tracker": {"windowingMode": "none"},
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    }
    for name, values in settings.items():
        file = server.home / f"config/lab/user-settings/@jupyterlab/{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    with server:
        yield server


@pytest.fixture
def page(chromium: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        page = browser.new_page(viewport={"width": 1280, "height": 1800})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def test_run_all_cells_of_the_quickstart(lab: LiveServer, page: Page) -> None:
    page.goto(f"{lab.url}lab/tree/01_quickstart.ipynb?token={lab.token}")
    notebook = page.locator(".jp-Notebook")
    notebook.wait_for()
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    prompts = page.locator(".jp-CodeCell .jp-InputArea-prompt")
    assert set(prompts.all_inner_texts()) == {"[ ]:"}
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    last = prompts.nth(prompts.count() - 1)
    expect(last).to_have_text(f"[{prompts.count()}]:", timeout=300_000)

    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    text = notebook.inner_text()
    assert "word_count" in text
    assert "COMPLETE" in text
    page.locator(".jp-Cell").first.scroll_into_view_if_needed()
    _picture(page, "quickstart.png")


def _forget_outputs(path: Path) -> None:
    """What the page shows must come from this run."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, path)


def _picture(page: Page, name: str) -> None:
    """A screenshot for people: kept beside the test's report, copied to docs/ by hand."""
    artifacts = REPOSITORY / "tests" / "artifacts"
    artifacts.mkdir(exist_ok=True)
    page.screenshot(path=artifacts / name)
