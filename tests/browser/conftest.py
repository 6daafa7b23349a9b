from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab_pages import new_page
from playwright.sync_api import Page

from live_server import REPOSITORY


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """In place of pytest-jupyter's, which closes the thread's loop after each test: that is
    Playwright's, and it runs on when a page serves several tests."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """In place of pytest-jupyter's, for the same reason: servers here are other processes."""


@pytest.fixture
def page(chromium: str) -> Iterator[Page]:
    with new_page(chromium, 1280, 1800) as page:
        yield page


@pytest.fixture(scope="session")
def picture() -> Callable[[Page, str], Path]:
    """A screenshot for people: kept beside the tests' report, copied to docs/ by hand."""

    def take(page: Page, name: str) -> Path:
        artifacts = REPOSITORY / "tests" / "artifacts"
        artifacts.mkdir(exist_ok=True)
        page.screenshot(path=artifacts / name)
        return artifacts / name

    return take
