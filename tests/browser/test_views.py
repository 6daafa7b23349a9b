"""The live views in JupyterLab and in Voila: one Lab, one notebook and one page for all tests."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from views_desk import (
    ACTOR,
    BURST,
    CALLS,
    DASHBOARD,
    LINES,
    LONG,
    MANY,
    MAP,
    NAMES,
    PATIENCE,
    SHORT,
    SPARE,
    TABLE,
    Desk,
    picture,
    views_desk,
)

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Desk]:
    with views_desk(tmp_path_factory.mktemp("views"), chromium) as desk:
        yield desk


def test_a_log_is_followed_and_its_execution_stopped(desk: Desk) -> None:
    view = desk.view(LONG)
    expect(view).to_contain_text("RUNNING")
    expect(view.locator(".abaco-log")).to_contain_text(re.compile(r"step +\d+"))
    expect(view.locator(".abaco-ansi2").first).to_have_text("ok")
    expect(view.get_by_role("button", name="Follow")).to_have_attribute("aria-pressed", "true")
    picture(view, "execution-light")
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
    picture(view, "executions-light")
    view.get_by_role("searchbox").fill("no such thing")
    expect(view).to_contain_text("No executions.")
    view.get_by_role("searchbox").fill("")
    view.get_by_role("button", name="All").click()
    heads = view.get_by_role("columnheader", name="Ran")
    heads.get_by_role("button").click()
    expect(heads).to_have_attribute("aria-sort", "descending")


def test_an_execution_is_stopped_in_the_table(desk: Desk) -> None:
    view = desk.view(TABLE)
    execution = desk.abaco.send(desk.actors["fit_model"], "for long")
    row = view.locator(".abaco-scroll .abaco-row").filter(has_text=execution)
    expect(row).to_contain_text("RUNNING")
    row.click()
    detail = view.locator(".abaco-detail")
    expect(detail.locator(".abaco-log")).to_contain_text(re.compile(r"step +\d+"))
    detail.get_by_role("button", name="Stop").click()
    expect(row).to_contain_text("exit code")
    expect(detail.get_by_role("button", name="Stop")).to_be_hidden()
    detail.get_by_role("button", name="Close").click()
    expect(detail).to_be_hidden()


def test_ten_thousand_executions_are_filtered_sorted_and_found(desk: Desk) -> None:
    view = desk.view(MANY)
    rows = view.locator(".abaco-scroll .abaco-row")
    expect(view.get_by_role("button", name="All")).to_have_text("All 10,000")
    ran = view.get_by_role("columnheader", name="Ran")
    ran.get_by_role("button").click()
    expect(rows.first).to_contain_text("10 s")  # the oldest one ran for 9.999 s
    view.locator(".abaco-scroll").evaluate("box => { box.scrollTop = box.scrollHeight; }")
    expect(rows.last).to_contain_text("1 ms")
    assert rows.count() < 60
    view.get_by_role("button", name="Failed").click()
    expect(view.get_by_role("button", name="Failed")).to_have_text("Failed 999")
    expect(rows.first).to_contain_text("exit code 1")
    sought = rows.first.locator(".abaco-mono").inner_text()
    view.get_by_role("searchbox").fill(sought)
    expect(rows).to_have_count(1)
    expect(view).to_contain_text("1 of 10,000")


def test_a_long_log_keeps_its_last_lines_in_the_page(desk: Desk) -> None:
    view = desk.view(LINES)
    expect(view.locator(".abaco-log")).to_contain_text("29999")
    expect(view.locator(".abaco-logbar")).to_contain_text("30,001 lines, the last 20,000 here")
    assert view.locator(".abaco-line").count() < 60
    with desk.page.expect_download() as coming:
        view.get_by_role("button", name="Download whole log").click()
    assert Path(coming.value.path()).read_text().count("\n") == 30_001


def test_of_50_mb_of_log_a_bounded_part_is_in_the_page(desk: Desk) -> None:
    view = desk.view(BURST)
    expect(view.locator(".abaco-log")).to_contain_text("LOG LIMIT EXCEEDED")
    expect(view.locator(".abaco-logbar")).to_contain_text(
        re.compile(r"[\d,]+ lines here, [\d,]+ characters left out")
    )
    assert view.locator(".abaco-line").count() < 60


def test_a_message_is_sent_by_the_form(desk: Desk) -> None:
    view = desk.view(ACTOR)
    expect(view).to_contain_text("Permissions")
    view.get_by_label("Message", exact=True).fill("well")
    view.get_by_role("button", name="Send").click()
    expect(view.locator(".abaco-notice")).to_contain_text("Sent as")
    sent = view.locator(".abaco-notice").inner_text().removeprefix("Sent as ").removesuffix(".")
    expect(view.locator(".abaco-part").filter(has_text="Newest")).to_contain_text(sent)
    picture(view, "actor-light")
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
    picture(desk.view(MAP), "map-light")


def test_the_dashboard_shows_who_works(desk: Desk) -> None:
    view = desk.view(DASHBOARD)
    desk.abaco.send(desk.actors["fit_model"], "badly")
    expect(view.get_by_role("table")).to_contain_text("fit_model")
    expect(view).to_contain_text("ValueError: the matrix is singular")
    picture(view, "dashboard-light")


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
        picture(desk.view(number), f"{name}-dark")


def test_an_actor_is_scaled_stopped_and_deleted(desk: Desk) -> None:
    view = desk.view(SPARE)
    spare = desk.actors["spare"]
    workers = view.locator(".abaco-figure").filter(has_text="Workers").locator(".abaco-big")
    view.get_by_label("Workers", exact=True).fill("2")
    view.get_by_role("button", name="Ask for workers").click()
    expect(view.locator(".abaco-notice")).to_contain_text("Asked for 2 workers")
    expect(workers).to_have_text("2")

    desk.abaco.api("POST", f"abaco/v1/actors/{spare}/messages/batch", ["for long"] * 5)
    newest = view.locator(".abaco-part").filter(has_text="Newest executions")
    expect(newest).to_contain_text("RUNNING")
    view.get_by_role("button", name="Stop all…").click()
    view.get_by_role("alertdialog").get_by_role("button", name="Stop all…").click()
    expect(view.locator(".abaco-notice")).to_contain_text("Dropped what waited, and asked")
    expect(newest).to_contain_text("exit code")

    view.get_by_role("button", name="Delete…").click()
    view.get_by_role("alertdialog").get_by_role("button", name="Delete…").click()
    expect(view).to_contain_text("deleted, or not yours any more")
    expect(view.get_by_role("button", name="Send")).to_be_disabled()
    assert desk.abaco.request("GET", f"actors/v2/{spare}")[0] == 404


def test_a_map_is_cancelled(desk: Desk) -> None:
    view = desk.view(CALLS)
    expect(view).to_contain_text("running")
    view.get_by_role("button", name="Cancel…").click()
    view.get_by_role("alertdialog").get_by_role("button", name="Cancel…").click()
    expect(desk.view(CALLS)).to_contain_text("12 of 12 calls")
    expect(desk.view(CALLS).get_by_role("button", name="Cancel…")).to_be_hidden()


def test_a_server_is_killed_and_comes_back_while_views_are_open(desk: Desk) -> None:
    away = "The server does not answer"
    desk.abaco.kill()
    for number in (ACTOR, DASHBOARD, TABLE):
        expect(desk.view(number).locator(".abaco-away")).to_contain_text(away)
    desk.abaco.start()
    for number in (ACTOR, DASHBOARD, TABLE):
        expect(desk.view(number).locator(".abaco-away")).to_be_hidden()
    execution = desk.abaco.send(desk.actors["fit_model"], "well")
    expect(desk.view(ACTOR)).to_contain_text(execution)


def test_the_dashboard_is_an_app_in_voila(desk: Desk) -> None:
    page = desk.page
    page.goto(f"{desk.lab.url}voila/render/app.ipynb?token={desk.lab.token}")
    view = page.locator(".abaco-view")
    expect(view.get_by_role("table")).to_contain_text("fit_model")
    picture(view, "voila")


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
