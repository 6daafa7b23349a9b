"""The quickstart as a new user runs it: JupyterLab, a browser, Run All Cells."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from lab_pages import dress
from playwright.sync_api import Page, expect

from live_server import REPOSITORY, LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.docker]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path / "server", "--AbacoApp.runner=docker", lab=True)
    shutil.copytree(REPOSITORY / "notebooks", server.root, dirs_exist_ok=True)
    _forget_outputs(server.root / "01_quickstart.ipynb")
    # Lab takes cells out of the page that are not on the screen; the test wants to read them all.
    windowing = {"@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"}}
    dress(server, **windowing)
    with server:
        yield server


def test_run_all_cells_of_the_quickstart(
    lab: LiveServer, page: Page, picture: Callable[[Page, str], Path]
) -> None:
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

    expect(notebook).to_contain_text("word_count")
    expect(notebook).to_contain_text("COMPLETE")
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    page.locator(".jp-Cell").first.scroll_into_view_if_needed()
    picture(page, "quickstart.png")


def _forget_outputs(path: Path) -> None:
    """What the page shows must come from this run."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, path)
