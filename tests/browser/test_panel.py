"""The side panel of JupyterLab as under a JupyterHub: below a base URL, known by a cookie."""

import re
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from lab_pages import dress, new_page
from playwright.sync_api import Page, Route, expect

from live_server import REPOSITORY, LiveServer

pytestmark = pytest.mark.browser

SOURCE = """
import time

def count(message):
    for number in range(int(message)):
        print("line", number, flush=True)
        time.sleep(0.1)
"""


class BelowABaseUrl(LiveServer):
    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/user/ann/"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BelowABaseUrl]:
    server = BelowABaseUrl(
        tmp_path_factory.mktemp("panel"),
        *("--AbacoApp.runner=process", "--ServerApp.base_url=/user/ann/"),
        lab=True,
    )
    dress(server, **{"abaco_jupyter/panel": {"notifyAfter": 0}})
    with server:
        yield server


@pytest.fixture(scope="module")
def counting(lab: BelowABaseUrl) -> str:
    return lab.register(SOURCE, "count", name="count")


@pytest.fixture(scope="module")
def lab_page(chromium: str, lab: BelowABaseUrl, counting: str) -> Iterator[Page]:
    """One page for all tests: Lab takes seconds to load."""
    said = "# Count elsewhere\n\n*Insert call*, in the panel on the left, has put in this cell:"
    cells = [nbformat.v4.new_markdown_cell(said)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), lab.root / "calls.ipynb")
    with new_page(chromium, 1280, 640) as page:
        page.route(
            re.compile(r"/user/ann/lab(/tree/.*)?(\?.*)?$"), lambda r: _without_token(r, lab)
        )
        page.goto(f"{lab.url}lab/tree/calls.ipynb?token={lab.token}")
        page.locator(".jp-SideBar [data-id='abaco-actors']").click()
        yield page


@pytest.fixture
def panel(lab_page: Page) -> Page:
    """The page, with the list of actors."""
    back = lab_page.get_by_title("Back to all actors (Escape)")
    if back.is_visible():
        back.click()
    lab_page.locator(".jp-Abaco-actor").first.wait_for()
    return lab_page


def _without_token(route: Route, lab: BelowABaseUrl) -> None:
    """A single-user server of a JupyterHub has no token in its page: cookie and XSRF must do."""
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace(lab.token, ""))


def _send(page: Page, message: str) -> None:
    page.get_by_label("Message", exact=True).fill(message)
    page.keyboard.press("Control+Enter")


def test_a_cell_that_calls_the_actor_is_inserted_and_runs(
    panel: Page, picture: Callable[[Page, str], Path]
) -> None:
    panel.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    panel.keyboard.press("Control+Shift+C")
    panel.locator(".lm-CommandPalette-input:visible").fill("insert cell that calls")
    panel.locator(".lm-CommandPalette-item", has_text="Insert Cell That Calls").click()
    panel.locator(".jp-Dialog").get_by_role("button", name="Ok").click()
    cell = panel.locator(".jp-Notebook .jp-CodeCell").first
    expect(cell).to_contain_text('count = Abaco().actor("count")')
    cell.locator(".cm-content").click()
    panel.keyboard.press("Control+End")
    for _ in '"a message")':
        panel.keyboard.press("Backspace")
    panel.keyboard.type('"3")')
    panel.keyboard.press("Shift+Enter")
    expect(cell.locator(".jp-OutputArea")).to_contain_text("line 2")
    panel.locator(".jp-Abaco-actor", has_text="count").click()
    _send(panel, "20")
    expect(panel.get_by_role("log")).to_contain_text("line 9\n")
    picture(panel, "panel.png")


def test_a_message_is_sent_its_log_followed_and_its_execution_stopped(panel: Page) -> None:
    panel.locator(".jp-Abaco-actor", has_text="count").click()
    _send(panel, "2")
    # First of all: it closes after seconds.
    expect(panel.get_by_text("count: an execution has ended after").first).to_be_visible()
    expect(panel.locator(".jp-Abaco-head").first).to_contain_text("done")
    expect(panel.locator(".jp-Abaco-log")).to_have_text("line 0\nline 1\n")

    _send(panel, "600")
    expect(panel.locator(".jp-Abaco-log")).to_contain_text("line 3\n")
    expect(panel.locator(".jp-Abaco-facts")).to_contain_text("1 running")
    panel.get_by_role("button", name="Stop", exact=True).click()
    expect(panel.locator(".jp-Abaco-head").first).to_contain_text("failed (")
    expect(
        panel.get_by_text(re.compile("count: an execution failed .exit code .* after"))
    ).to_be_visible()


def test_all_that_waits_and_runs_is_stopped(panel: Page, lab: BelowABaseUrl, counting: str) -> None:
    lab.api("POST", f"abaco/v1/actors/{counting}/messages/batch", ["600"] * 12)
    panel.locator(".jp-Abaco-actor", has_text="count").click()
    expect(panel.locator(".jp-Abaco-facts")).to_contain_text("running")
    expect(panel.locator(".jp-Abaco-facts")).to_contain_text("waiting")
    panel.get_by_role("button", name="Stop all").click()
    expect(panel.locator(".jp-Abaco-facts")).to_contain_text("idle")
    # However many ended, there is one notification of an actor at a time.
    expect(panel.get_by_text(re.compile("^count: .* failed"))).to_have_count(1)


def test_the_command_palette_shows_it(panel: Page) -> None:
    panel.keyboard.press("Control+b")
    expect(panel.get_by_label("Filter actors")).to_be_hidden()
    panel.keyboard.press("Control+Shift+C")
    panel.locator(".lm-CommandPalette-input:visible").fill("show actors")
    panel.locator(".lm-CommandPalette-item[data-command='abaco:show-actors']").click()
    expect(panel.get_by_label("Filter actors")).to_be_visible()


def test_only_what_ran_for_as_long_as_the_setting_says_is_notified_of(
    panel: Page, lab: BelowABaseUrl
) -> None:
    """The module alone, with times of executions that took their time: nobody waits for them."""
    told = panel.evaluate(
        """async url => {
            const { Notices } = await import(url);
            return new Promise(told => {
                const lab = { emit: text => told(text), dismiss() {} };
                const notices = new Notices(lab, { titleOf: () => 'fit', open() {} });
                const [began, short, long] = [0, 29, 31].map(s => new Date(s * 1000).toISOString());
                const ended = { actorId: 'a', status: 'COMPLETE', exitCode: 0, startTime: began };
                notices.take({ ...ended, finishTime: short }, 30);
                notices.take({ ...ended, finishTime: long }, 30);
            });
        }""",
        f"{lab.url}lab/extensions/abaco_jupyter/static/notices.js",
    )
    assert told == "fit: an execution has ended after 31 s."


def test_it_is_used_with_the_keyboard_alone(panel: Page) -> None:
    panel.get_by_label("Filter actors").focus()
    panel.keyboard.type("nothing like it")
    expect(panel.get_by_text("No actor has these words.")).to_be_visible()
    panel.keyboard.press("Control+A")
    panel.keyboard.type("cou")
    panel.keyboard.press("Tab")
    panel.keyboard.press("Enter")
    expect(panel.get_by_label("Message", exact=True)).to_be_focused()
    _send(panel, "1")
    expect(panel.get_by_role("log")).to_contain_text("line 0")
    panel.locator(".jp-Abaco-head").first.focus()
    panel.keyboard.press("Enter")
    expect(panel.get_by_role("log")).to_have_count(0)
    panel.keyboard.press("Escape")
    expect(panel.locator(".jp-Abaco-actor").first).to_be_focused()


def test_the_notebook_of_the_dashboard_is_an_app_in_voila(
    panel: Page, lab: BelowABaseUrl, picture: Callable[[Page, str], Path]
) -> None:
    shutil.copy(REPOSITORY / "notebooks/07_dashboard.ipynb", lab.root)
    browser = panel.context.browser
    assert browser is not None
    app = browser.new_page(viewport={"width": 1100, "height": 900})
    app.goto(f"{lab.url}voila/render/07_dashboard.ipynb?token={lab.token}", timeout=120_000)
    # Once in the dashboard, once as the actor that is chosen.
    app.get_by_role("combobox", name="Actor").wait_for(timeout=120_000)
    expect(app.get_by_role("table", name="Actors")).to_contain_text("count")
    expect(app.get_by_role("button", name="Send").first).to_be_visible()
    picture(app, "app.png")
    app.close()


def test_it_says_that_the_server_is_away_and_recovers(
    panel: Page, lab: BelowABaseUrl, counting: str
) -> None:
    lab.stop()
    expect(panel.get_by_text("The connection is lost, trying again")).to_be_visible()
    lab.start()
    expect(panel.get_by_text("The connection is lost, trying again")).to_be_hidden()
    # Lab has put a dialog of its own over the page by now.
    panel.locator(".jp-Abaco-actor", has_text="count").evaluate("button => button.click()")
    lab.send(counting, "1")
    expect(panel.locator(".jp-Abaco-head").first).to_contain_text("done")


def test_what_it_loads_is_found_again_after_an_update(lab: BelowABaseUrl) -> None:
    """No file of it has a hash in its name: a browser must ask whether it is still the same."""
    for name in ("remoteEntry.js", "plugin.js", "panel.css"):
        url = f"{lab.url}lab/extensions/abaco_jupyter/static/{name}?token={lab.token}"
        with urllib.request.urlopen(url) as answer:
            assert answer.headers["Cache-Control"] == "no-cache", name
