"""Regular expressions of users, in a process of their own."""

import os
import resource
import time
from collections.abc import Iterator

import pytest

from abaco_server.model.search import TooMuchToSearch
from abaco_server.store.searching.expressions import Expressions

_MANY = 1100


@pytest.fixture
def busy() -> Iterator[None]:
    """A process that has more files open than `select` can count."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * _MANY), hard))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(_MANY)]
    yield
    for descriptor in opened:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("busy")
def test_a_server_with_more_than_a_thousand_files_open_can_be_searched() -> None:
    with Expressions(time.monotonic() + 10) as expressions:
        assert expressions.found("^a.c$", ["abc", "b"]) == [True, False]


@pytest.mark.usefixtures("busy")
def test_its_deadline_holds_as_well() -> None:
    with Expressions(time.monotonic() + 0.3) as expressions, pytest.raises(TooMuchToSearch):
        expressions.found("(a+)+$", ["a" * 40 + "b"])
