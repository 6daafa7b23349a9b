"""What a BuildSpec may say, and the sentence for what it may not."""

import pytest

from abaco_jupyter.wire.errors import InvalidSpec
from abaco_jupyter.wire.limits import MAX_BUILD_FILES
from abaco_jupyter.wire.spec import BuildSpec
from abaco_server.builds.check import check
from abaco_server.builds.runtime import own_python

SOURCE = "def f(text):\n    return text\n"

ALLOWED = [
    {"pip": ("numpy<2", "pandas[excel]>=2,<3", "torch==2.1+cpu", "x ; python_version < '3.12'")},
    {"pip": ("git+https://example.org/a/b.git@main#egg=b&subdirectory=c",)},
    {"pip": ("b @ https://example.org/b-1.0-py3-none-any.whl", "https://example.org/b.whl")},
    {"apt": ("git", "g++", "libstdc++6", "python3.11-dev", "vim:amd64", "curl=7.88.1-10+deb12u5")},
    {"base": "python:3.12-slim"},
    {"base": "registry.example.org:5000/team/image@sha256:" + "0" * 64},
    {"base": "tacc/tacc-base_image.v2"},
    {"python": own_python()},
    {"env": {"A": "$HOME \"x\" 'y' \\ z", "PYTHONPATH": "/x", "_": ""}},
    {"files": {"a.txt": b"", "dir/b.bin": b"\0", "dir/c": b"", ".hidden": b""}},
    {"entry": None},
    {"source": "from os import *\n", "entry": "getcwd"},
    {"source": "from os import getcwd as f\n"},
    {"source": "f = lambda text: text\n"},
    {"source": "if True:\n    def f(): pass\n"},
    {"source": "class f: pass\n"},
    {"source": "x = '\\d'\ndef f(): pass\n"},
    {"source": "match 1:\n  case 1: f = print\n"},
    {"source": "syntax of a later python (", "base": "python:3.99"},
]


@pytest.mark.parametrize("fields", ALLOWED, ids=str)
def test_allowed(fields):
    check(BuildSpec(**{"source": SOURCE, "entry": "f"} | fields))


REFUSED = [
    ({"pip": ("-r/etc/passwd",)}, "pip '-r/etc/passwd' begins with '-'"),
    ({"pip": ("--index-url=x",)}, "pip '--index-url=x' begins with '-'"),
    ({"pip": ("a\nb",)}, r"pip 'a\nb' has a character"),
    ({"pip": ("a`id`",)}, "pip 'a`id`' has a character"),
    ({"pip": ("$(id)",)}, "pip '$(id)' has a character"),
    ({"pip": ("a && b",)}, "pip 'a && b' has a character"),
    ({"pip": ("",)}, "pip '' is neither a requirement nor a URL"),
    ({"pip": ("numpy pandas",)}, "pip 'numpy pandas' is neither"),
    ({"pip": ("/etc/x.whl",)}, "pip '/etc/x.whl' is neither"),
    ({"apt": ("-y",)}, "apt '-y' is not the name"),
    ({"apt": ("git curl",)}, "apt 'git curl' is not the name"),
    ({"apt": ("git;id",)}, "apt 'git;id' is not the name"),
    ({"apt": ("git-",)}, "apt 'git-' is not the name"),
    ({"apt": ("x" * 31_000,)}, "the packages have 31000 characters together, at most 30000"),
    ({"base": "python:3.11", "python": "3"}, "python '3' is not a version"),
    ({"base": "a b"}, "base 'a b' is not the name of an image"),
    ({"base": "a\nRUN id"}, "is not the name of an image"),
    ({"base": "${X}"}, "is not the name of an image"),
    ({"base": "--platform=x"}, "is not the name of an image"),
    ({"python": "3"}, "python '3' is not a version"),
    ({"python": "3.7"}, "python '3.7' is not a version such as '3.11', from 3.8 on"),
    ({"env": {"A=B": "x"}}, "env 'A=B' is not the name of a variable"),
    ({"env": {"MSG": "x"}}, "env 'MSG' is set by Abaco itself"),
    ({"env": {"_abaco_entry": "x"}}, "env '_abaco_entry' is set by Abaco itself"),
    ({"env": {"A": "x\ny"}}, "env 'A' has a line break"),
    ({"files": {"/etc/x": b""}}, "file '/etc/x' must be a plain path"),
    ({"files": {"../x": b""}}, "file '../x' must be a plain path"),
    ({"files": {"a/../../x": b""}}, "must be a plain path"),
    ({"files": {"./x": b""}}, "file './x' must be a plain path"),
    ({"files": {"": b""}}, "file '' must be a plain path"),
    ({"files": {"a//b": b""}}, "must be a plain path"),
    ({"files": {"a\nb": b""}}, "has a character that a path cannot have"),
    ({"files": {"actor.py": b""}}, "file 'actor.py' is where the source itself goes"),
    ({"files": {"actor.py/x": b""}}, "lies below 'actor.py', which is a file"),
    ({"files": {"a": b"", "a/b": b""}}, "file 'a/b' lies below 'a', which is a file"),
    (
        {"files": {"a": b"x" * MAX_BUILD_FILES}},
        f"have {MAX_BUILD_FILES + len(SOURCE)} bytes together",
    ),
    ({"files": {"a": b"x" * MAX_BUILD_FILES}}, f"the limit is {MAX_BUILD_FILES}"),
    ({"entry": "f()"}, "entry 'f()' is not the name of a function"),
    ({"entry": "class"}, "entry 'class' is not the name of a function"),
    ({"entry": "g"}, "the source defines no function 'g'"),
    ({"source": "def g():\n    def f(): pass\n"}, "the source defines no function 'f'"),
    ({"source": "x = 1\ndef f(:\n"}, "source, line 2: invalid syntax: def f(:"),
    ({"source": "return 5\n"}, "source, line 1: 'return' outside function"),
    ({"source": "x\0"}, "source"),
]


@pytest.mark.parametrize(("fields", "sentence"), REFUSED, ids=lambda v: str(v)[:60])
def test_refused(fields, sentence):
    with pytest.raises(InvalidSpec) as caught:
        check(BuildSpec(**{"source": SOURCE, "entry": "f"} | fields))
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("Invalid build spec: ")
