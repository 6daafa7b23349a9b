"""The live views in JupyterLab and in Voila: one Lab, one notebook and one page for all tests.

The service is another server than the one that runs the notebook, so that it can be killed and
started again while its views are open. What was seen is kept in `tests/artifacts`; the pictures
under `docs/screenshots` are copies of that.
"""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Error, Locator, Page, expect, sync_playwright

from live_server import REPOSITORY, LiveServer

pytestmark = pytest.mark.browser

PATIENCE = 60_000
"""Milliseconds."""

CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

SOURCE = """
import time

def work(text):
    print("\\x1b[1;34mfitting\\x1b[0m", text)
    if text == "many":
        print("\\n".join(f"line {number}" for number in range(30_000)))
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
many = ExecutionsTable(fit, limit=10_000)
row = next(iter(many._told["rows"].values()))
many.publish(rows={{f"e{{i}}": row | {{"id": f"e{{i}}", "at": 2e9 + i}} for i in range(10_000)}})
many
""",
    """
ExecutionView(fit.submit("many"))
""",
]
LONG, SHORT, TABLE, ACTOR, DASHBOARD, MAP, MANY, LINES = range(8)
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
    actor: str

    def view(self, number: int) -> Locator:
        """The view of the cell, whichever of its pictures is the newest."""
        cell = self.page.locator(".jp-CodeCell").nth(number + 1)
        return cell.locator(".abaco-view").last


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """pytest-jupyter would close the loop that it finds after each test: playwright's own."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """No server runs in this process."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("views")
    abaco = LiveServer(home / "abaco", "--AbacoApp.runner=process")
    lab = LiveServer(home / "lab", "--AbacoApp.runner=process", lab=True)
    _settle_lab(lab)
    with abaco, lab, sync_playwright() as playwright:
        actor = abaco.register(SOURCE, "work", name="fit_model", maxWorkers=3)
        where = {"url": abaco.url, "token": abaco.token}
        _write(lab.root / "views.ipynb", [cell.format(**where) for cell in CELLS])
        _write(lab.root / "app.ipynb", [VOILA.format(**where)])
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        page = browser.new_page(viewport={"width": 1180, "height": 1400})
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        _dismiss_lost_connections(page)
        _open(page, f"{lab.url}lab/tree/views.ipynb?token={lab.token}")
        page.keyboard.press("Control+b")  # without the list of files
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        prompts = page.locator(".jp-CodeCell .jp-InputArea-prompt")
        last = prompts.nth(len(CELLS) - 1)
        expect(last).to_have_text(f"[{len(CELLS)}]:", timeout=5 * PATIENCE)
        yield Desk(abaco=abaco, lab=lab, page=page, actor=actor)
        browser.close()


def test_a_log_is_followed_and_its_execution_stopped(desk: Desk) -> None:
    view = desk.view(LONG)
    expect(view).to_contain_text("RUNNING")
    expect(view.locator(".abaco-log")).to_contain_text(re.compile(r"step +\d+"))
    expect(view.locator(".abaco-ansi2").first).to_have_text("ok")
    expect(view.get_by_role("button", name="Follow")).to_have_attribute("aria-pressed", "true")
    _picture(view, "execution-light")
    view.get_by_role("button", name="Stop").click()
    expect(desk.view(LONG)).to_contain_text("COMPLETE, exit code")
    expect(desk.view(LONG).get_by_role("button", name="Stop")).to_be_hidden()


def test_a_result_is_shown(desk: Desk) -> None:
    expect(desk.view(SHORT).locator(".abaco-result")).to_have_text("{'loss': 0.25, 'steps': 3}")


def test_a_table_is_filtered_and_a_row_opened(desk: Desk) -> None:
    view = desk.view(TABLE)
    rows = view.locator(".abaco-scroll .abaco-row")
    failed = view.get_by_role("button", name="Failed")
    expect(failed).not_to_have_text("Failed 0")
    failed.click()
    expect(rows.filter(has_text="the matrix is singular")).to_have_count(1)
    expect(rows.filter(has_text="RUNNING")).to_have_count(0)
    rows.filter(has_text="the matrix is singular").click()
    expect(view.locator(".abaco-detail .abaco-log")).to_contain_text("ValueError")
    _picture(view, "executions-light")
    view.get_by_role("searchbox").fill("no such thing")
    expect(view).to_contain_text("No executions.")
    view.get_by_role("searchbox").fill("")
    view.get_by_role("button", name="All").click()
    heads = view.get_by_role("columnheader", name="Ran")
    heads.get_by_role("button").click()
    expect(heads).to_have_attribute("aria-sort", "descending")


def test_ten_thousand_rows_are_not_all_in_the_page(desk: Desk) -> None:
    view = desk.view(MANY)
    expect(view.get_by_role("button", name="All")).to_have_text("All 10,000")
    rows = view.locator(".abaco-scroll .abaco-row")
    expect(rows.first).to_contain_text("e9999")
    assert rows.count() < 60
    view.locator(".abaco-scroll").evaluate("box => { box.scrollTop = box.scrollHeight; }")
    expect(rows.last).to_contain_text("e0")
    assert rows.count() < 60


def test_a_long_log_keeps_its_last_lines_in_the_page(desk: Desk) -> None:
    view = desk.view(LINES)
    expect(view.locator(".abaco-log")).to_contain_text("line 29999")
    expect(view.locator(".abaco-logbar")).to_contain_text("30,001 lines, the last 20,000 here")
    assert view.locator(".abaco-line").count() < 60
    with desk.page.expect_download() as coming:
        view.get_by_role("button", name="Download whole log").click()
    assert Path(coming.value.path()).read_text().count("\n") == 30_001


def test_a_message_is_sent_by_the_form(desk: Desk) -> None:
    view = desk.view(ACTOR)
    expect(view).to_contain_text("Permissions")
    view.get_by_label("Message", exact=True).fill("well")
    view.get_by_role("button", name="Send").click()
    expect(view.locator(".abaco-notice")).to_contain_text("Sent as")
    sent = view.locator(".abaco-notice").inner_text().removeprefix("Sent as ").removesuffix(".")
    expect(view.locator(".abaco-part").filter(has_text="Newest")).to_contain_text(sent)
    _picture(view, "actor-light")
    view.get_by_label("Kind of message").select_option("json")
    view.get_by_label("Message", exact=True).fill("{no")
    view.get_by_role("button", name="Send").click()
    expect(view.locator(".abaco-notice")).to_contain_text("This is no JSON")
    view.get_by_label("Message", exact=True).fill("")
    view.get_by_role("button", name="Delete…").click()
    expect(view.get_by_role("button", name="Keep")).to_be_focused()
    desk.page.keyboard.press("Escape")
    expect(view.get_by_role("button", name="Delete…")).to_be_visible()


def test_a_map_counts_its_calls(desk: Desk) -> None:
    expect(desk.view(MAP)).to_contain_text("12 of 12 calls")
    expect(desk.view(MAP)).to_contain_text("ValueError: 5 did not converge")
    _picture(desk.view(MAP), "map-light")


def test_the_dashboard_shows_who_works(desk: Desk) -> None:
    view = desk.view(DASHBOARD)
    expect(view.get_by_role("table")).to_contain_text("fit_model")
    expect(view).to_contain_text("ValueError: the matrix is singular")
    _picture(view, "dashboard-light")


def test_a_notebook_that_is_read_without_a_kernel_shows_how_it_was(desk: Desk) -> None:
    assert desk.page.get_by_text("only this", exact=True).count() == 1
    deadline = time.monotonic() + PATIENCE / 1000
    texts, pages = _saved(desk)
    while not (
        len(pages) >= len(NAMES)
        and any("exit code" in page for page in pages)
        and any("12 of 12 calls ended, 1 failed" in text for text in texts)
    ):
        assert time.monotonic() < deadline, (texts, pages)
        texts, pages = _saved(desk)


def test_in_the_dark(desk: Desk) -> None:
    page = desk.page
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    labels = page.locator(".lm-Menu-itemLabel")
    labels.get_by_text("Theme", exact=True).hover()
    labels.get_by_text("JupyterLab Dark", exact=True).click()
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    for number, name in NAMES.items():
        _picture(desk.view(number), f"{name}-dark")


def test_a_server_is_killed_and_comes_back_while_views_are_open(desk: Desk) -> None:
    away = "The server does not answer"
    desk.abaco.kill()
    for number in (ACTOR, DASHBOARD, TABLE):
        expect(desk.view(number).locator(".abaco-away")).to_contain_text(away)
    desk.abaco.start()
    for number in (ACTOR, DASHBOARD, TABLE):
        expect(desk.view(number).locator(".abaco-away")).to_be_hidden()
    execution = desk.abaco.send(desk.actor, "well")
    expect(desk.view(ACTOR)).to_contain_text(execution)


def test_the_dashboard_is_an_app_in_voila(desk: Desk) -> None:
    page = desk.page
    page.goto(f"{desk.lab.url}voila/render/app.ipynb?token={desk.lab.token}")
    view = page.locator(".abaco-view")
    expect(view.get_by_role("table")).to_contain_text("fit_model")
    _picture(view, "voila")


def _saved(desk: Desk) -> tuple[list[str], list[str]]:
    """Save the notebook; the texts and the HTML of its outputs as its server then reads it.

    Not from the file: that is empty for a moment while it is written, and the server refuses to
    read it then.
    """
    desk.page.keyboard.press("Control+s")
    status, answer = desk.lab.request("GET", "api/contents/views.ipynb")
    if status != 200:
        return [], []
    cells = json.loads(answer)["content"]["cells"]
    data = [output.get("data", {}) for cell in cells for output in cell["outputs"]]
    return (
        [one["text/plain"] for one in data if "text/plain" in one],
        [one["text/html"] for one in data if "text/html" in one],
    )


def _settle_lab(lab: LiveServer) -> None:
    settings = {
        # Lab takes cells out of the page that are not on the screen; the tests read them all.
        "notebook-extension/tracker": {"windowingMode": "none"},
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    }
    for name, values in settings.items():
        file = lab.home / f"config/lab/user-settings/@jupyterlab/{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))


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


def _picture(view: Locator, name: str) -> None:
    artifacts = REPOSITORY / "tests" / "artifacts"
    artifacts.mkdir(exist_ok=True)
    view.screenshot(path=artifacts / f"{name}.png", animations="disabled")
