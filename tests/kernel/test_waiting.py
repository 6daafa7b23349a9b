"""What a cell shows that waits for calls: a bar, and the error in which they end."""

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
