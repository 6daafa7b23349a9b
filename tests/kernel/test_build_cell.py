import sys
from pathlib import Path

import pytest

from abaco_jupyter.build import CellError, CellSyntaxError, Environment, from_cell, from_function
from abaco_jupyter.build.cell import docstring
from abaco_jupyter.build.environment import files, variables
from abaco_jupyter.wire.errors import InvalidSpec

PLAIN = Environment()

ONE = "import re\nX = 1\n\ndef run(text):\n    return X\n"
OWN_NAME = "def other(): ...\n\ndef word_count(text): ...\n"
PRIVATE_TOO = "def _helper(): ...\n\nasync def run(text): ...\n"
TWO = "def first(a): ...\n\ndef second(a): ...\n"


@pytest.mark.parametrize(
    ("cell", "options", "entry"),
    [
        (ONE, {}, "run"),
        (OWN_NAME, {}, "word_count"),
        (PRIVATE_TOO, {}, "run"),
        (TWO, {"entry": "second"}, "second"),
        (PRIVATE_TOO, {"entry": "_helper"}, "_helper"),
        ("print('hello')", {"script": True}, None),
        (TWO, {"script": True}, None),
        ("def f(a): ...\n\ndef f(a, b): ...\n", {}, "f"),
    ],
)
def test_which_function_answers(cell: str, options: dict[str, object], entry: str | None) -> None:
    assert from_cell(cell, "word_count", PLAIN, **options).entry == entry


@pytest.mark.parametrize(
    ("cell", "options", "complaint"),
    [
        ("X = 1\nimport re\nclass A: ...", {}, "variable X, an import and the class A"),
        ("", {}, "it has nothing"),
        ("def _only(): ...", {}, "the private function _only"),
        (TWO, {}, r"2 functions, first and second.*--entry second"),
        (ONE, {"entry": "missing"}, r"no function 'missing'.*run"),
    ],
)
def test_a_cell_that_is_not_clear(cell: str, options: dict[str, object], complaint: str) -> None:
    with pytest.raises(CellError, match=complaint):
        from_cell(cell, "word_count", PLAIN, **options)


def test_a_syntax_error_shows_the_cells_own_line() -> None:
    with pytest.raises(CellSyntaxError) as caught:
        from_cell("import re\n\ndef f(:\n    pass\n", "word_count", PLAIN)
    text = str(caught.value)
    # The notebook counts the line of the magic too.
    assert text.startswith('File "cell of word_count", line 4\n    def f(:')
    assert "SyntaxError" in text


@pytest.mark.parametrize("line", ["!pip install numpy", "%time f()"])
def test_ipythons_own_syntax_is_explained(line: str) -> None:
    with pytest.raises(CellSyntaxError, match="--pip numpy"):
        from_cell(f"{line}\n\ndef f(a): ...\n", "f", PLAIN)


def test_the_whole_cell_travels_with_its_line_numbers() -> None:
    spec = from_cell(ONE, "f", PLAIN)
    lines = spec.source.splitlines()
    assert lines[1:] == ONE.splitlines()
    assert spec.python == f"{sys.version_info.major}.{sys.version_info.minor}"


def test_the_same_cell_has_the_same_digest_whatever_its_name() -> None:
    first, second = from_cell(ONE, "a", PLAIN), from_cell(ONE + "\n\n", "b", PLAIN)
    assert first.digest() == second.digest()


def test_the_description_is_the_docstrings_first_line() -> None:
    cell = 'def f(a):\n    """Count words.\n\n    More.\n    """\n'
    assert docstring(from_cell(cell, "f", PLAIN)) == "Count words."
    assert docstring(from_cell(ONE, "f", PLAIN)) == ""


def test_base_and_python_do_not_go_together() -> None:
    with pytest.raises(InvalidSpec, match="leave out python"):
        Environment(base="debian", python="3.11").spec("", None)
    with pytest.raises(InvalidSpec, match="'two' is not a Python version"):
        Environment(python="two").spec("", None)
    assert Environment(base="debian").spec("", None).python is None


def test_variables() -> None:
    assert variables(["A=1", "B=x=y z"]) == {"A": "1", "B": "x=y z"}
    with pytest.raises(InvalidSpec, match="'1A=2'"):
        variables(["1A=2"])
    with pytest.raises(InvalidSpec, match="'A'"):
        variables(["A"])


def test_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_bytes(b"a")
    (tmp_path / "data" / "b.txt").write_bytes(b"b")
    (tmp_path / "model.bin").write_bytes(b"m")
    found = files(["data", "model.bin:weights/m.bin"], tmp_path)
    assert found == {"data/a.txt": b"a", "data/b.txt": b"b", "weights/m.bin": b"m"}
    assert files([str(tmp_path / "model.bin")], tmp_path / "data") == {"model.bin": b"m"}


@pytest.mark.parametrize("destination", ["/etc/passwd", "../up", "a/../../up"])
def test_a_file_may_not_leave_the_working_directory(tmp_path: Path, destination: str) -> None:
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(InvalidSpec, match="outside"):
        files([f"x:{destination}"], tmp_path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match="no file 'x'"):
        files(["x"], tmp_path)


def test_files_over_the_limit_name_both_sizes(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as big:
        big.truncate(51 * 1024 * 1024)
    with pytest.raises(InvalidSpec, match=r"51\.0 MiB together; at most 50 MiB"):
        files(["big"], tmp_path)


LIMIT = 3
NAMES = ["a", "b"]
HANDLE = sys.stdout


def _double(n: int) -> int:
    return n * LIMIT


def uses_much(path: str) -> str:
    HANDLE = Path(path)  # local: the global of this name stays here
    return str(HANDLE) + str(_double(len(NAMES))) + sys.version


def uses_a_stream(text: str) -> None:
    HANDLE.write(text)


def test_a_function_brings_what_it_uses_by_name() -> None:
    spec = from_function(uses_much, PLAIN)
    namespace: dict[str, object] = {}
    exec(spec.source, namespace)
    assert spec.entry == "uses_much"
    assert namespace["uses_much"]("/x") == uses_much("/x")  # type: ignore[operator]
    assert "HANDLE = sys" not in spec.source


def test_a_global_that_cannot_travel_is_named() -> None:
    with pytest.raises(InvalidSpec, match="HANDLE"):
        from_function(uses_a_stream, PLAIN)


def test_a_closure_is_refused_by_the_names_it_closes_over() -> None:
    factor = 2
    with pytest.raises(InvalidSpec, match="factor"):
        from_function(lambda n: n * factor, PLAIN)
