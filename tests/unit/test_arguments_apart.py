"""Large arguments by themselves: each call gets its own, and two of them stay two."""

from types import SimpleNamespace
from typing import Any

import pytest

from abaco_jupyter.executor.apart import LARGE, pickled_apart
from abaco_jupyter.executor.executor import AbacoExecutor
from abaco_jupyter.executor.pickling import Pickled, pickled
from abaco_jupyter.wire import call
from abaco_jupyter.wire.frames import MAX_CALL
from abaco_runtime import calls


def in_the_container(function: Any, given: Any, *, many: bool) -> Any:
    constants, [arguments] = pickled_apart([given], pickled, many=many)
    assert constants
    assert isinstance(arguments, Pickled)
    parts = {place: one.body for place, one in constants.items()}
    body = call.encode_call(pickled(function).body, arguments.body, many=many, constants=parts)
    return calls.run(body)


def grown(one: bytearray, other: bytearray) -> tuple[int, int, bool]:
    one.append(1)
    return len(one), len(other), one is other


@pytest.mark.parametrize("many", [False, True])
def test_two_that_are_alike_are_not_one(many: bool) -> None:
    size = MAX_CALL + LARGE
    args = (bytearray(size), bytearray(size))
    got = in_the_container(grown, [args, args] if many else (args, {}), many=many)
    assert (got[0] if many else got) == (size + 1, size, False)


@pytest.mark.parametrize("many", [False, True])
def test_one_that_is_given_twice_is_one(many: bool) -> None:
    args = (bytearray(MAX_CALL),) * 2
    got = in_the_container(grown, [args, args] if many else (args, {}), many=many)
    assert (got[0] if many else got) == (MAX_CALL + 1, MAX_CALL + 1, True)


class Raced(dict[Any, bytes]):
    """Another thread submits each time that this one has."""

    def __setitem__(self, place: Any, body: bytes) -> None:
        super().__setitem__(place, b"another's")


def test_a_call_never_gets_the_pickle_of_a_call_of_another_thread() -> None:
    executor: Any = SimpleNamespace(_last=Raced())
    assert AbacoExecutor._shared(executor, "", b"mine") == b"mine"
