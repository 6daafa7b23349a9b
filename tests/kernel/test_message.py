import json
from typing import Any

import pytest

from abaco_jupyter.client.message import from_arguments


@pytest.mark.parametrize(
    ("args", "kwargs", "content_type", "body"),
    [
        (("hello",), {}, "application/json", {"message": "hello"}),
        (("",), {}, "application/json", ""),
        (("ä" * 200_000,), {}, "application/json", {"message": "ä" * 200_000}),
        (({"a": 1},), {}, "application/json", {"a": 1}),
        ((), {"a": 1, "b": [True, None]}, "application/json", {"a": 1, "b": [True, None]}),
        ((), {}, "application/json", {}),
        (([1, 2],), {}, "application/json", [1, 2]),
        ((5,), {}, "application/json", 5),
        ((), {"message": "hi"}, "application/json", {"message": "hi"}),
    ],
)
def test_arguments_as_json(
    args: tuple[Any, ...], kwargs: dict[str, Any], content_type: str, body: Any
) -> None:
    made = from_arguments(args, kwargs)
    assert made.content_type == content_type
    assert json.loads(made.content) == body


@pytest.mark.parametrize("data", [b"\x00\xff", bytearray(b"\x00\xff"), memoryview(b"\x00\xff")])
def test_bytes_are_a_binary_message(data: Any) -> None:
    made = from_arguments((data,), {})
    assert (made.content, made.content_type) == (b"\x00\xff", "application/octet-stream")


@pytest.mark.parametrize(
    ("args", "kwargs", "complaint"),
    [
        ((object(),), {}, "not an object"),
        ((None,), {}, "not None"),
        (({1, 2},), {}, "not a set"),
        (("a", "b"), {}, "2 positional arguments"),
        (("a",), {"b": 1}, "keyword arguments"),
        ((), {"a": {1, 2}}, "cannot be sent as JSON"),
        ((), {"a": float("nan")}, "cannot be sent as JSON"),
        ((), {"a": "\ud800"}, "cannot be sent as JSON"),
        (({1: 2},), {}, "keys of a message must be text: 1 is an int"),
        ((), {"message": "m", "n": 1}, "drops the other fields"),
        ((), {"message": {"a": 1}}, "'message'"),
    ],
)
def test_what_does_not_fit_is_named(
    args: tuple[Any, ...], kwargs: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(TypeError, match=complaint):
        from_arguments(args, kwargs)
