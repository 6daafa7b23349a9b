"""A call of AbacoExecutor, as the container runs it."""

import os
import pickle

import cloudpickle
import pytest
from actor_process import ActorProcess

from abaco_jupyter.executor.pickling import pickle_by_value
from abaco_jupyter.executor.places import SOURCE
from abaco_jupyter.wire import call
from abaco_runtime import calls, spool


def encoded(function, *args, many: bool = False, **keywords) -> bytes:
    given = list(args) if many else (args, keywords)
    pickled = pickle_by_value
    return call.encode_call(pickled(function), pickled(given), many=many)


def ran(tmp_path, body: bytes):
    return ActorProcess(tmp_path, SOURCE, entry="answer").run(binary=body)


def value(body: bytes) -> object:
    return pickle.loads(body.removeprefix(call.CALL_RESULT))


def test_both_ends_frame_alike():
    assert (call.CALL, call.CALL_RESULT) == (calls.CALL, calls.RESULT)


def test_one_call(tmp_path):
    (body,) = ran(tmp_path, encoded(int, "11", base=2)).bodies
    assert value(body) == 3


def test_none_is_a_result(tmp_path):
    (body,) = ran(tmp_path, encoded(print, "hello")).bodies
    assert value(body) is None


@pytest.mark.parametrize("size", [10, 70_000])
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_a_large_answer_is_pickled_into_a_file(tmp_path, size, kind):
    answer = calls.answered(encoded(kind, size), "", str(tmp_path))
    files = list(tmp_path.iterdir())
    assert [str(path) for path in files] == ([answer.path] if size > spool.INLINE else [])
    body = files[0].read_bytes() if files else answer.body
    assert value(body) == kind(size)


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_an_answer_over_the_limit_is_the_calls_error(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(spool, "MAX_PAYLOAD", 100_000)
    with pytest.raises(spool.ResultTooLong) as caught:
        calls.answered(encoded(kind, 100_000), "", str(tmp_path))
    for words in (f"of type '{kind.__name__}'", "more than 100000 bytes", "such as in a mount"):
        assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_of_a_killed_process_only_what_is_whole_stays(tmp_path):
    folder = str(tmp_path)
    whole = calls.answered(encoded(bytes, 100_000), "", folder)
    unfinished = spool.Written(folder)
    unfinished.write(bytes(100_000))
    unfinished._file.close()  # as the kernel does
    assert len(list(tmp_path.iterdir())) == 2
    spool.remove_unfinished(folder, os.getpid() + 1)
    assert len(list(tmp_path.iterdir())) == 2
    spool.remove_unfinished(folder, os.getpid())
    assert [str(path) for path in tmp_path.iterdir()] == [whole.path]


def test_parts_of_a_call_may_stand_in_files(tmp_path):
    def seen(*args, **keywords):
        return args, keywords, args[1] is args[3]

    parts = {"f": seen, "a": (("first", "third"), {"x": 1}), "c": ["shared"], "d": "by keyword"}
    for name, part in parts.items():
        (tmp_path / name).write_bytes(pickle_by_value(part))
    constants = {1: "c", 3: "c", "y": "d"}
    body = call.encode_call("f", "a", many=False, constants=constants)
    args = ("first", ["shared"], "third", ["shared"])
    expected = (args, {"x": 1, "y": "by keyword"}, True)
    assert calls.run(body, str(tmp_path)) == expected


def test_many_calls_share_what_they_have_in_common(tmp_path):
    (tmp_path / "c").write_bytes(pickle_by_value(10))
    function, rest = pickle_by_value(pow), pickle_by_value([(2,), (3,)])
    body = call.encode_call(function, rest, many=True, constants={0: "c"})
    assert calls.run(body, str(tmp_path)) == [100, 1000]


def test_many_calls(tmp_path):
    (body,) = ran(tmp_path, encoded(pow, (2, 3), (3, 2), many=True)).bodies
    assert value(body) == [8, 9]


def test_another_python_is_refused_before_anything_is_unpickled(tmp_path):
    body = encoded(os._exit, 9).replace(call.own_version().encode(), b"3.2", 1)
    got = ran(tmp_path, body)
    assert (got.code, got.exception["type"]) == (1, "RuntimeError")
    assert "the kernel has Python 3.2 and this image Python" in got.exception["message"]


def test_a_message_that_is_no_call(tmp_path):
    got = ran(tmp_path, b"\x80nonsense")
    assert (got.code, got.exception["type"]) == (1, "ValueError")
    assert "send it nothing else" in got.exception["message"]


def test_a_module_beside_the_notebook_travels_by_value(tmp_path, monkeypatch):
    (tmp_path / "beside_me.py").write_text("FACTOR = 3\n\ndef times(x):\n    return FACTOR * x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import beside_me

    got = ran(tmp_path / "actor", encoded(beside_me.times, 5))
    assert value(got.bodies[0]) == 15
    assert not cloudpickle.list_registry_pickle_by_value(), "others pickle as before"


ALL_KINDS = """
import enum
import functools
import math
import typing
from dataclasses import dataclass, field

T = typing.TypeVar("T")
double = lambda x: 2 * x


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass(frozen=True, slots=True, order=True)
class Point:
    x: int
    y: int = 0
    colour: Colour = Colour.RED
    seen: tuple = field(default_factory=tuple)

    @property
    def length(self):
        return math.hypot(self.x, self.y)

    @classmethod
    def there(cls):
        return cls(3, 4)


class Far(Point):
    def length_twice(self):
        return double(super().length)


def traced(function):
    @functools.wraps(function)
    def wrapper(*args):
        wrapper.calls += 1
        return function(*args)

    wrapper.calls = 0
    return wrapper


@traced
def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)


def even(n):
    return n == 0 or odd(n - 1)


def odd(n):
    return n != 0 and even(n - 1)


def counter():
    count = 0

    def more(step=1):
        nonlocal count
        count += step
        return math.floor(count)

    return more


def everything():
    one = counter()
    one()
    far = Far(3, 4, Colour.BLUE)
    return [
        factorial(5), even(10), double(4), one(2), far.length_twice(), Point.there().length,
        Colour(2) is far.colour, sorted([Point(2), Point(1)])[0].x, [n for n in map(double, [1])],
    ]
"""


def test_all_kinds_of_functions_and_classes_of_a_local_module_travel(tmp_path, monkeypatch):
    (tmp_path / "all_kinds.py").write_text(ALL_KINDS)
    monkeypatch.syspath_prepend(str(tmp_path))
    import all_kinds

    got = ran(tmp_path / "one", encoded(all_kinds.everything))
    assert value(got.bodies[0]) == all_kinds.everything()
    sent = all_kinds.Point(1, colour=all_kinds.Colour.BLUE)
    got = ran(tmp_path / "two", encoded(lambda point: point, sent))
    back = value(got.bodies[0])
    assert (back, type(back), back.colour) == (sent, all_kinds.Point, all_kinds.Colour.BLUE)
