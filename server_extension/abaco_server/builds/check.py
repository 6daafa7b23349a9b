"""What a BuildSpec may say. Everything is refused before anything is built, with the value named.

No shell ever sees these values (`RUN` has exec form, pip gets a list), so the rules are here to
give a clear sentence early, and to keep an argument from being taken for an option.
"""

import keyword
import re
import symtable
import threading
import warnings
from collections.abc import Iterable
from pathlib import PurePosixPath

from abaco_jupyter.wire.errors import InvalidSpec
from abaco_jupyter.wire.limits import MAX_BUILD_FILES
from abaco_jupyter.wire.spec import BuildSpec
from abaco_server.builds.runtime import own_python

OLDEST_PYTHON = (3, 8)
MAX_ARGUMENTS = 30_000
"""Characters of all packages together; Docker ends a Dockerfile's line at 65 535."""

_APT = re.compile(r"[a-z0-9][a-z0-9.+-]*[a-z0-9+](:[a-z0-9]+)?(=[\w.+:~-]+)?(/[\w-]+)?")
_PIP_NAME = re.compile(r"[A-Za-z0-9][\w.-]*\s*(\[[\w\s,.-]*\])?\s*([@;(<>=!~].*)?")
_PIP_URL = re.compile(r"(\w+\+)?(https?|ssh|git|file)://[^\s]+")
_SHELL = re.compile(r"[`$|\\\x00-\x1f\x7f]|&&")
_PYTHON = re.compile(r"(\d)\.(\d{1,2})")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LINE_BREAK = re.compile(r"[\x00\r\n]")
_BASE = re.compile(
    r"([A-Za-z0-9.-]+(:\d+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)

_one_at_a_time = threading.Lock()


def check(spec: BuildSpec) -> None:
    """Raises InvalidSpec. May compile a large source: not for the event loop."""
    _check_sizes(spec)
    _check_python(spec)
    _check_packages(spec)
    _check_environment(spec)
    for path in spec.files:
        _check_path(path, spec.files)
    _check_entry(spec)
    if can_compile(spec):
        _check_source(spec)


def can_compile(spec: BuildSpec) -> bool:
    """Whether the server's Python knows all the syntax of the one that will run the source."""
    return spec.base is None and _version(spec.python or own_python()) <= _version(own_python())


def _check_sizes(spec: BuildSpec) -> None:
    size = len(spec.source.encode("utf-8", "replace")) + sum(map(len, spec.files.values()))
    if size > MAX_BUILD_FILES:
        raise _refused(
            f"source and files have {size} bytes together, and the limit is {MAX_BUILD_FILES}"
        )


def _check_python(spec: BuildSpec) -> None:
    python = spec.python
    if python is not None and (not _PYTHON.fullmatch(python) or _version(python) < OLDEST_PYTHON):
        raise _refused(f"python {python!r} is not a version such as '3.11', from 3.8 on")
    if spec.base is not None and (not _BASE.fullmatch(spec.base) or len(spec.base) > 255):
        raise _refused(f"base {spec.base!r} is not the name of an image")


def _check_packages(spec: BuildSpec) -> None:
    for name in spec.apt:
        if not _APT.fullmatch(name):
            raise _refused(f"apt {name!r} is not the name of a Debian package")
    for requirement in spec.pip:
        if requirement.startswith("-"):
            raise _refused(f"pip {requirement!r} begins with '-': options cannot be given")
        if _SHELL.search(requirement):
            raise _refused(f"pip {requirement!r} has a character that no requirement has")
        if not (_PIP_NAME.fullmatch(requirement) or _PIP_URL.fullmatch(requirement)):
            raise _refused(f"pip {requirement!r} is neither a requirement nor a URL")
    length = sum(len(name) for name in (*spec.apt, *spec.pip))
    if length > MAX_ARGUMENTS:
        raise _refused(f"the packages have {length} characters together, at most {MAX_ARGUMENTS}")


def _check_environment(spec: BuildSpec) -> None:
    for name, value in spec.env.items():
        if not _VARIABLE.fullmatch(name):
            raise _refused(f"env {name!r} is not the name of a variable")
        if name == "MSG" or name.startswith("_abaco_"):
            raise _refused(f"env {name!r} is set by Abaco itself")
        if _LINE_BREAK.search(value):
            raise _refused(f"env {name!r} has a line break, which an image's variable cannot have")


def _check_path(path: str, others: Iterable[str]) -> None:
    """`files` must be plain names below the working directory."""
    plain = PurePosixPath(path)
    if plain.is_absolute() or ".." in plain.parts or str(plain) != path or path == ".":
        raise _refused(f"file {path!r} must be a plain path below the working directory")
    if _LINE_BREAK.search(path) or "\\" in path:
        raise _refused(f"file {path!r} has a character that a path cannot have")
    if path == "actor.py":
        raise _refused("file 'actor.py' is where the source itself goes: name it otherwise")
    taken = {"actor.py", *others}
    for parent in plain.parents:
        if str(parent) in taken:
            raise _refused(f"file {path!r} lies below {str(parent)!r}, which is a file")


def _check_entry(spec: BuildSpec) -> None:
    entry = spec.entry
    if entry is not None and (not entry.isidentifier() or keyword.iskeyword(entry)):
        raise _refused(f"entry {entry!r} is not the name of a function")


def _check_source(spec: BuildSpec) -> None:
    try:
        table = _compiled(spec.source)
    except SyntaxError as error:
        shown = f": {error.text.strip()}" if error.text else ""
        raise _refused(f"source, line {error.lineno}: {error.msg}{shown}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise _refused(f"source: {error}") from None
    unknowable = "import *" in spec.source
    if spec.entry is not None and not unknowable and not _defines(table, spec.entry):
        raise _refused(f"the source defines no function {spec.entry!r}")


def _compiled(source: str) -> symtable.SymbolTable:
    # The filters are the process's own: two threads in here at once would mix them up.
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(source, "actor.py", "exec", dont_inherit=True)
        return symtable.symtable(source, "actor.py", "exec")


def _defines(table: symtable.SymbolTable, name: str) -> bool:
    """Whether the module's own level binds the name."""
    try:
        symbol = table.lookup(name)
    except KeyError:
        return False
    return symbol.is_assigned() or symbol.is_imported()


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _refused(sentence: str) -> InvalidSpec:
    return InvalidSpec(f"Invalid build spec: {sentence}.")
