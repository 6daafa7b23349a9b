"""What Tab offers in a cell's first line and after `%abaco`."""

import pytest
from fake_server import FakeServer
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from abaco_jupyter.magics.complete import Names, candidates
from abaco_jupyter.magics.registry import AbacoMagics


@pytest.fixture
def names(server: FakeServer) -> Names:
    server.add_actor("word_count", image="ghcr.io/x/y:1")
    client = server.connect()
    return Names(lambda: client)


@pytest.mark.parametrize(
    ("before", "offered"),
    [
        ("%%abaco_actor wo", ["word_count"]),
        ("%%abaco_actor word_count --max", ["--max-workers"]),
        ("%%abaco_actor x --pip numpy --me", ["--memory"]),
        ("%%abaco_actor x --isolation ", ["container", "none", "process"]),
        ("%%abaco_actor x --base ghcr", ["ghcr.io/x/y:1"]),
        ("%%abaco_actor x --link w", ["word_count"]),
        ("%%abaco_actor x --stateful --sta", []),
        ("%%abaco_actor x --description ", []),
        ("%abaco sh", ["share", "show"]),
        ("%abaco show w", ["word_count"]),
        ("%abaco logs word_count --fo", ["--follow"]),
        ("%abaco share word_count bob EX", ["EXECUTE"]),
        ("%abaco nonce cr", ["create"]),
        ("%abaco nonce create w", ["word_count"]),
    ],
)
def test_what_fits_is_offered(names: Names, before: str, offered: list[str]) -> None:
    assert candidates(before, names) == offered


def test_other_lines_are_left_alone(names: Names) -> None:
    for before in ("", "x = 1", "%%time", "%abacus ", "%abaco"):
        assert candidates(before, names) is None


def test_the_server_is_asked_once_in_a_while_and_never_looked_for(
    server: FakeServer, names: Names
) -> None:
    server.requests.clear()
    for _ in range(3):
        candidates("%abaco show ", names)
    assert len(server.requests) == 1
    assert candidates("%abaco show ", Names(lambda: None)) is not None


def test_ipython_offers_it_alone(server: FakeServer) -> None:
    server.add_actor("word_count")
    shell = InteractiveShell.instance()
    magics = AbacoMagics(shell, connect=server.connect)
    shell.register_magics(magics)
    assert magics.client is not None
    text = "%%abaco_actor x --max\ndef x(): pass\n"
    with provisionalcompleter():
        found = [each.text for each in shell.Completer.completions(text, len(text.split("\n")[0]))]
    magics.close()
    assert found == ["--max-workers"]
    assert not [m for m in shell.Completer.custom_matchers if m.__name__ == "abaco_matcher"]
    InteractiveShell.clear_instance()
