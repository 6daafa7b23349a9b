import io
from typing import Any

import pytest
from fake_server import FakeServer, Script
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from abaco_jupyter.client.actor import ActorList
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.show import ansi, progress, reprs
from abaco_jupyter.show.progress import CellView, TextView


@pytest.mark.parametrize(
    ("printed", "text", "html"),
    [
        ("a < b & c", "a < b & c", "a &lt; b &amp; c"),
        ("<script>x</script>", "<script>x</script>", "&lt;script&gt;x&lt;/script&gt;"),
        (
            "\x1b[1;31mred\x1b[0m plain",
            "red plain",
            '<span style="font-weight:bold;color:var(--jp-error-color1)">red</span> plain',
        ),
        ("\x1b[38;5;196mx\x1b[48;2;1;2;3my", "xy", "xy"),
        ("\x1b[2J\x1b]0;title\x07ok\x00\x08", "ok", "ok"),
        (" 10%\r 50%\r100%\nnext", "100%\nnext", "100%\nnext"),
        ("windows\r\nline", "windows\nline", "windows\nline"),
        ("\x1b[3", "[3", "[3"),
    ],
)
def test_what_was_printed_is_safe_to_show(printed: str, text: str, html: str) -> None:
    assert ansi.to_text(printed) == text
    assert ansi.to_html(printed) == html


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Any:
    shell = InteractiveShell.instance()
    outputs = CapturingDisplayPublisher()
    monkeypatch.setattr(shell, "display_pub", outputs)
    yield outputs.outputs
    InteractiveShell.clear_instance()


def test_a_view_is_one_display_that_changes_at_most_ten_times_a_second(published: Any) -> None:
    clock = Clock()
    view = CellView("count", "waiting", clock=clock)
    for number in range(1000):
        clock.now += 0.001
        view.log(f"line {number}\n")
    assert 9 <= len(published) <= 12
    assert len({each["transient"]["display_id"] for each in published}) == 1
    assert [each["update"] for each in published[:2]] == [False, True]
    clock.now += (view.tick() or 0) + 0.001
    view.tick()
    assert "line 999" in published[-1]["data"]["text/plain"], "the last lines are not held back"


def test_a_view_says_how_it_ended_and_stays_quiet(published: Any) -> None:
    clock = Clock()
    view = CellView("count", "waiting", clock=clock)
    view.changed({"status": "RUNNING"})
    view.lost("refused")
    clock.now += 1
    view.close("COMPLETE, exit code 1", failed=True)
    last = published[-1]["data"]
    assert last["text/plain"] == "count · COMPLETE, exit code 1 · 1.0 s"
    assert "--jp-error-color1" in last["text/html"]
    assert view.tick() is None


def test_the_log_of_a_build_that_is_done_is_folded(published: Any) -> None:
    view = CellView("building count", "waiting", clock=Clock())
    view.log("Step 1/2\n")
    view.close("built", fold=True)
    last = published[-1]["data"]
    assert last["text/plain"] == "building count · built · 0.0 s"
    assert "<details><summary" in last["text/html"]
    assert "Step 1/2" in last["text/html"]


def test_a_view_keeps_bounded_memory(published: Any) -> None:
    view = CellView("count", "waiting", clock=Clock())
    for _ in range(100):
        view.log("x" * 9_999 + "\n")
    view.close("COMPLETE")
    last = published[-1]["data"]["text/html"]
    assert len(last) < 200_000
    assert "the beginning of the log is not shown" in last


def test_colours_are_only_jupyterlabs_own(published: Any) -> None:
    view = CellView("count", "waiting", clock=Clock())
    view.log("\x1b[32mgreen\n")
    view.close("COMPLETE")
    html = published[-1]["data"]["text/html"]
    assert "#" not in html
    assert "rgb" not in html


def test_text_goes_out_as_it_comes() -> None:
    out = io.StringIO()
    view = TextView("count", out)
    view.log("\x1b[1mone\x1b[0m\ntw")
    view.log("o")
    view.lost("refused")
    view.close("COMPLETE")
    assert out.getvalue() == "one\ntwo\n[count: the connection is lost, trying again]\n"


def test_without_a_kernel_a_view_is_text() -> None:
    assert isinstance(progress.open_view("x"), TextView)


def test_an_actor_and_its_execution_as_text_and_html(server: FakeServer, abaco: Abaco) -> None:
    record = server.add_actor("count", description="<b>counts</b>", statusMessage=" ")
    actor = abaco.actor("count")
    assert repr(actor).startswith("Actor 'count': READY, description <b>counts</b>, revision 1")
    html = reprs.actor_bundle(actor)["text/html"]
    assert "&lt;b&gt;counts" in html
    assert record["id"] in html
    server.scripts = [Script(end={"status": "COMPLETE", "exitCode": 2})]
    execution = actor.submit("x").wait()
    assert "COMPLETE, exit code 2, ran 2.50 s, CPU 0.25 s" in repr(execution)
    assert execution.id in reprs.execution_bundle(execution)["text/html"]
    assert "COMPLETE, exit code 2" in repr(actor.executions())


def test_plain_text_has_neither_ids_nor_times(
    server: FakeServer, abaco: Abaco, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABACO_PLAIN", "1")
    server.add_actor("count", description="counts")
    actor = abaco.actor("count")
    execution = actor.submit("x").wait()
    assert reprs.actor_bundle(actor) == {
        "text/plain": "Actor 'count': READY, description counts, revision 1"
    }
    assert reprs.execution_bundle(execution) == {"text/plain": "Execution of 'count': COMPLETE"}
    assert reprs.actors_bundle(abaco.actors()) == {
        "text/plain": "name   status  revision  description\ncount  READY   1         counts"
    }
    assert reprs.executions_bundle(actor.executions()) == {"text/plain": "status\nCOMPLETE"}


def test_empty_lists_say_so(server: FakeServer, abaco: Abaco) -> None:
    assert repr(ActorList()) == "No actors."
    server.add_actor("count")
    assert repr(abaco.actor("count").executions()) == "No executions."


def test_an_actor_that_was_deleted_elsewhere_is_said_to_be_gone(
    server: FakeServer, abaco: Abaco
) -> None:
    server.add_actor("count")
    actor = abaco.actor("count")
    server.actors.clear()
    shown = reprs.actor_bundle(actor)
    assert shown["text/plain"].startswith("Actor 'count': not on the server any more, revision 1")
    assert "not on the server any more" in shown["text/html"]
