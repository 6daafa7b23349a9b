"""A notebook with all live views, run in JupyterLab: what the tests of the views look at.

The service is another server than the one that runs the notebook, so that it can be killed and
started again while its views are open. What was seen is kept in `tests/artifacts`; the pictures
under `docs/screenshots` are copies of that.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
from history import remember
from lab_pages import dress, new_page
from playwright.sync_api import Error, Locator, Page, expect

from live_server import REPOSITORY, LiveServer

PATIENCE = 60_000
"""Milliseconds."""

SOURCE = """
import time

def work(text):
    print("\\x1b[1;34mfitting\\x1b[0m", text)
    if text == "many":  # lines, but not more characters than one update of a view has
        print("\\n".join(map(str, range(30_000))))
        return None
    if text == "much":  # 50 MB
        for _ in range(500):
            print("\\n".join(["0123456789" * 10] * 1000), flush=True)
        return None
    for step in range(1, 10_000 if text == "for long" else 4):
        print(f"step {step:3}  loss {1 / step:.4f}  \\x1b[32mok\\x1b[0m", flush=True)
        if text == "for long":
            time.sleep(0.2)
    if text == "badly":
        raise ValueError("the matrix is singular")
    return {"loss": 0.25, "steps": 3}
"""

CELLS = [
    """
from abaco_jupyter import (
    Abaco, AbacoExecutor, ActorView, Dashboard, ExecutionsTable, ExecutionView, MapProgress,
)
abaco = Abaco({url!r}, {token!r})
fit = abaco.actor("fit_model")
print("only this")
""",
    """
long = fit.submit("for long")
ExecutionView(long)
""",
    """
short = fit.submit("well")
ExecutionView(short)
""",
    """
broken = fit.submit("badly")
ExecutionsTable(fit)
""",
    """
ActorView(fit)
""",
    """
Dashboard(abaco)
""",
    """
import time
def simulate(n):
    time.sleep(0.05)
    if n == 5:
        raise ValueError(f"{{n}} did not converge")
    return n * n
with AbacoExecutor(abaco=abaco) as executor:
    progress = MapProgress.of(executor, simulate, range(12))
    display(progress)
""",
    """
ExecutionsTable(abaco.actor("history"), limit=10_000)
""",
    """
ExecutionView(fit.submit("many"))
""",
    """
ExecutionView(fit.submit("much"))
""",
    """
ActorView(abaco.actor("spare"))
""",
    """
def rest(n):
    time.sleep(600)
calls = AbacoExecutor(2, abaco=abaco)
MapProgress.of(calls, rest, range(12))
""",
]
LONG, SHORT, TABLE, ACTOR, DASHBOARD, MAP, MANY, LINES, BURST, SPARE, CALLS = range(11)
NAMES = {
    LONG: "execution",
    TABLE: "executions",
    ACTOR: "actor",
    DASHBOARD: "dashboard",
    MAP: "map",
}

VOILA = """
from abaco_jupyter import Abaco, Dashboard
Dashboard(Abaco({url!r}, {token!r}))
"""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A notebook whose cells have all been run."""

    abaco: LiveServer
    lab: LiveServer
    page: Page
    actors: dict[str, str]
    """Their ids, by their names."""

    def view(self, number: int) -> Locator:
        """The view of the cell, whichever of its pictures is the newest."""
        cell = self.page.locator(".jp-CodeCell").nth(number + 1)
        return cell.locator(".abaco-view").last


@contextmanager
def views_desk(home: Path, chromium: str) -> Iterator[Desk]:
    abaco = LiveServer(home / "abaco", "--AbacoApp.runner=process")
    lab = LiveServer(home / "lab", "--AbacoApp.runner=process", lab=True)
    # Lab takes cells out of the page that are not on the screen; the tests read them all.
    windowing = {"@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"}}
    dress(lab, **windowing)
    abaco.start()
    actors = {
        name: abaco.register(SOURCE, "work", name=name, maxWorkers=3)
        for name in ("fit_model", "spare", "history")
    }
    first = abaco.send(actors["history"], "well")
    abaco.follow(actors["history"], first)
    abaco.stop()
    remember(abaco, first, 9999)
    with abaco, lab, new_page(chromium, 1180, 1400) as page:
        where = {"url": abaco.url, "token": abaco.token}
        _write(lab.root / "views.ipynb", [cell.format(**where) for cell in CELLS])
        _write(lab.root / "app.ipynb", [VOILA.format(**where)])
        _dismiss_lost_connections(page)
        _open(page, f"{lab.url}lab/tree/views.ipynb?token={lab.token}")
        page.keyboard.press("Control+b")  # without the list of files
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        prompts = page.locator(".jp-CodeCell .jp-InputArea-prompt")
        last = prompts.nth(len(CELLS) - 1)
        expect(last).to_have_text(f"[{len(CELLS)}]:", timeout=5 * PATIENCE)
        yield Desk(abaco=abaco, lab=lab, page=page, actors=actors)


def _write(path: Path, cells: list[str]) -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells]
    )
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
    }
    nbformat.write(notebook, path)


def _open(page: Page, url: str) -> None:
    """Chromium drops what it loads when the machine gets a network, as of a new container."""
    for attempt in range(4):
        try:
            page.goto(url)
            idle = page.get_by_text("Python 3 (ipykernel) | Idle")
            return idle.wait_for(timeout=PATIENCE if attempt == 3 else PATIENCE / 3)
        except Error:
            if attempt == 3:
                raise


def _dismiss_lost_connections(page: Page) -> None:
    """The same makes Lab say that it lost its server; it finds it again by itself."""
    said = page.locator(".jp-Dialog").filter(has_text="Server Connection Error")
    page.add_locator_handler(said, lambda box: box.locator("button.jp-mod-accept").click())


def picture(view: Locator, name: str) -> None:
    artifacts = REPOSITORY / "tests" / "artifacts"
    artifacts.mkdir(exist_ok=True)
    view.screenshot(path=artifacts / f"{name}.png", animations="disabled")
