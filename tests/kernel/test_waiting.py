"""What a cell shows that waits for calls: a bar, and the error in which they end."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from abaco_jupyter.client.errors import RemoteTraceback
from abaco_jupyter.executor.future import AbacoFuture, fail
from abaco_jupyter.executor.order import Batch, in_order
from abaco_jupyter.show.bar import Bar
from abaco_jupyter.show.building import BuildView
from abaco_jupyter.show.progress import CellView


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def until(ready: Callable[[], Any], patience: float = 60.0) -> None:
    end = time.monotonic() + patience
    while not ready() and time.monotonic() < end:
        time.sleep(0.01)


@pytest.fixture
def shell() -> Any:
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


@pytest.fixture
def published(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> Any:
    outputs = CapturingDisplayPublisher()
    monkeypatch.setattr(shell, "display_pub", outputs)
    return outputs.outputs


def test_no_bar_shows_in_the_first_two_seconds(published: Any) -> None:
    clock = Clock()
    bar = Bar("count", 4, clock)
    clock.now = 1.99
    bar.at(1)
    bar.close(1)
    assert published == []


def test_a_bar_is_one_display_that_ends_where_it_got_to(published: Any) -> None:
    clock = Clock()
    bar = Bar("a<b", 4, clock)
    for clock.now, done in ((2.0, 1), (2.05, 2), (2.11, 3), (2.2, 4)):
        bar.at(done)
    bar.close(4)
    texts = [each["data"]["text/plain"] for each in published]
    assert texts == [
        "a<b · 1 of 4 · 2 s · about 6 s left",
        "a<b · 3 of 4 · 2 s · about 1 s left",
        "a<b · 4 of 4 · 2 s",
    ]
    assert [bool(each["update"]) for each in published] == [False, True, True]
    assert len({each["transient"]["display_id"] for each in published}) == 1
    assert 'aria-label="a&lt;b"' in published[0]["data"]["text/html"]


def test_a_bar_says_how_many_failed(published: Any) -> None:
    clock = Clock()
    bar = Bar("count", 4, clock)
    clock.now = 2.0
    bar.at(1, 1)
    assert published[0]["data"]["text/plain"] == "count · 1 of 4 · 2 s · 1 failed · about 6 s left"


def test_a_thread_opens_no_bar_as_it_does_not_know_its_cell(published: Any) -> None:
    clock = Clock()
    bar = Bar("count", 4, clock)
    clock.now = 2.0
    thread = threading.Thread(target=bar.at, args=(1,))
    thread.start()
    thread.join()
    assert published == []
    bar.at(1)
    assert len(published) == 1


def test_a_bar_grows_while_the_first_result_is_waited_for(published: Any) -> None:
    clock = Clock()
    first, *others = (AbacoFuture(None) for _ in range(3))
    for one in others:
        one.set_result([1])
    bar = Bar("count", 4, clock)
    clock.now = 2.0
    shown = threading.Thread(target=lambda: (until(lambda: published), first.set_result([1, 2])))
    shown.start()
    batch = Batch(futures=[first, *others], sizes=[2, 1, 1], bar=bar)
    assert list(in_order(batch)) == [1, 2, 1, 1]
    shown.join()
    texts = [each["data"]["text/plain"] for each in published]
    assert texts[0] == "count · 2 of 4 · 2 s · about 2 s left"
    assert texts[-1] == "count · 4 of 4 · 2 s"


def test_a_build_that_nobody_asked_for_shows_after_two_seconds_with_its_log(
    published: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(
        "abaco_jupyter.show.building.open_view",
        lambda title, state: CellView(title, state, clock=clock),
    )
    view = BuildView("an image with numpy", after=2.0, clock=clock)
    assert view.tick() is None
    view.open()
    view.log("Step 1/2\n")
    assert view.tick() == 2.0
    assert published == []
    clock.now = 2.5
    view.tick()
    assert "building an image with numpy" in published[0]["data"]["text/plain"]
    view.close("stopped", failed=True)
    assert published[-1]["data"]["text/plain"].endswith("Step 1/2")


def test_a_build_that_has_begun_does_not_say_that_it_waits(
    published: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(
        "abaco_jupyter.show.building.open_view",
        lambda title, state: CellView(title, state, clock=clock),
    )
    view = BuildView("count")
    view.open()
    clock.now = 1.0
    view.log("Step 1/2\n")
    texts = [each["data"]["text/plain"] for each in published]
    assert "waiting for the builder" in texts[0]
    assert "the builder is at work" in texts[-1]


def test_an_error_of_a_call_is_shown_without_the_way_to_here(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = ValueError("two!")
    error.__cause__ = RemoteTraceback("line 2, in bad")
    future = AbacoFuture(None)
    fail(future, error)
    with pytest.raises(ValueError, match="two!") as caught:
        list(in_order(Batch(futures=[future])))
    render = vars(caught.value)["_render_traceback_"]
    shown = "\n".join(render())
    assert "line 2, in bad" in shown
    assert "two!" in shown
    assert "_base.py" not in shown
    assert "order.py" not in shown
    monkeypatch.setenv("ABACO_TRACEBACK", "1")
    assert "order.py" in "\n".join(render())
