"""Each row of the table in `abaco_runtime.arguments`, through a real process."""

import pytest
from actor_process import ActorProcess

JSON = {"_abaco_Content_Type": "application/json"}

ROWS = [
    # any message, no parameters
    ("", "0", "text", {}, 0),
    ("", "0", '{"a": 1}', {}, 0),
    ("", "0", None, {}, 0),
    # none at all
    ("n=3", "n", None, {}, 3),
    # empty object, nothing required
    ("n=3", "n", "{}", {}, 3),
    ("**more", "more", "{}", {}, {}),
    # object, a key names a parameter
    ("text", "text", '{"text": "a b"}', {}, "a b"),
    ("text: str", "text", '{"text": "a b"}', JSON, "a b"),
    ("text, top=2", "[text, top]", "{'text': 'x', 'top': None}", JSON, ["x", None]),
    ("a, b", "[a, b]", '{"b": [1], "a": true}', {}, [True, [1]]),
    ("a, /, b", "[a, b]", '{"b": 1, "a": 2}', {}, [2, 1]),
    ("*, a", "a", '{"a": 2}', {}, 2),
    ("payload: dict", "payload", '{"payload": {"x": 1}}', {}, {"x": 1}),
    # object, **kwargs
    ("**more", "more", '{"x": 1}', {}, {"x": 1}),
    ("a, **more", "[a, more]", '{"a": 0, "x": 1}', {}, [0, {"x": 1}]),
    # object, one parameter, no key names it
    ("thing", "thing", '{"x": 1}', {}, {"x": 1}),
    ("thing", "thing", "{'x': None, 't': True}", JSON, {"x": None, "t": True}),
    ("thing", "thing", "{}", {}, {}),
    ("thing: dict", "thing", '{"x": 1}', {}, {"x": 1}),
    ("thing: str", "thing", '{"x": 1}', {}, '{"x": 1}'),
    ("*things", "things[0]", '{"x": 1}', {}, {"x": 1}),
    # sent as JSON, not an object
    ("thing", "thing", "[1, None]", JSON, [1, None]),
    ("thing", "thing", "5", JSON, 5),
    ("thing", "thing", "plain words", JSON, "plain words"),
    # other text
    ("text", "text", "hello", {}, "hello"),
    ("text", "text", "", {}, ""),
    ("text", "text", "5", {}, "5"),
    ("text", "text", "[1, 2]", {}, "[1, 2]"),
    ("text", "text", "{not an object", {}, "{not an object"),
    ("text", "text", "{1: 2}", {}, "{1: 2}"),
    ("text, top=10", "[text, top]", "hello", {}, ["hello", 10]),
    ("text='x'", "text", "hello", {}, "hello"),
    ("*, text", "text", "hello", {}, "hello"),
    ("*texts", "list(texts)", "hello", {}, ["hello"]),
    # annotations
    ("text: str", "text", "5", JSON, "5"),
    ("n: int", "n + 1", " 5 ", {}, 6),
    ("n: 'int'", "n + 1", "5", {}, 6),
    ("x: float", "x / 2", "5", {}, 2.5),
    ("on: bool", "on", "true", {}, True),
    ("items: list", "items", "[1, 2]", {}, [1, 2]),
    ("items: 'list[int]'", "items", "[1, 2]", {}, [1, 2]),
    ("data: bytes", "data.hex()", "é", {}, "c3a9"),
    ("who: object", "who", "5", {}, "5"),
]


@pytest.mark.parametrize(("parameters", "answer", "msg", "environment", "expected"), ROWS)
def test_row(tmp_path, parameters, answer, msg, environment, expected):
    actor = ActorProcess(tmp_path, f"def f({parameters}):\n    return {answer}\n")
    ran = actor.run(msg, **environment)
    assert (ran.code, ran.err) == (0, "")
    assert ran.results == [expected]


BYTES = [
    ("data", "data", b"\x00\xff", b"\x00\xff"),
    ("data, n=1", "data", b"\x80", b"\x80"),
    ("data: bytes", "data", b'{"data": 1}', b'{"data": 1}'),
    ("text: str", "text", "é".encode(), "é"),
    ("n: int", "n", b"7", 7),
    ("", "0", b"x", 0),
    ("data", "data", b"", b""),
]


@pytest.mark.parametrize(("parameters", "answer", "binary", "expected"), BYTES)
def test_binary_row(tmp_path, parameters, answer, binary, expected):
    actor = ActorProcess(tmp_path, f"def f({parameters}):\n    return {answer}\n")
    ran = actor.run(binary=binary)
    assert (ran.code, ran.err) == (0, "")
    assert ran.results == [expected]


REFUSED = [
    ("text", None, "f() needs 'text', and no message came: set MSG"),
    ("a, b", "hello", "f() needs 'a', 'b', and the message is the text 'hello'"),
    ("*, n=1", "hello", "f() takes keywords only, and the message is the text 'hello'"),
    ("a, b", '{"a": 1}', "f() missing 1 required positional argument: 'b'"),
    ("a", '{"a": 1, "z": 2}', "f() got an unexpected keyword argument 'z'"),
    ("a, b=1", '{"z": 2}', "f() got an unexpected keyword argument 'z'"),
    ("n: int", "many", "f() wants int for 'n', not the text 'many'"),
    ("n: int", "true", "f() wants int for 'n', not the bool 'true'"),
    ("d: dict", "[1]", "f() wants dict for 'd', not the list '[1]'"),
    ("d: dict", "x" * 100, "the text '" + "x" * 60 + "...'"),
]


@pytest.mark.parametrize(("parameters", "msg", "sentence"), REFUSED)
def test_refused_with_a_sentence_and_no_frames_of_ours(tmp_path, parameters, msg, sentence):
    ran = ActorProcess(tmp_path, f"def f({parameters}):\n    return 1\n").run(msg)
    assert ran.code == 1
    assert ran.err.startswith("TypeError: ")
    assert sentence in ran.err
    assert ran.exception["type"] == "TypeError"
    assert "Traceback" not in ran.err


def test_bytes_for_a_function_that_needs_two(tmp_path):
    ran = ActorProcess(tmp_path, "def f(a, b): pass").run(binary=b"12345")
    assert "the message is 5 bytes" in ran.err


CALLABLES = [
    "import functools\ndef g(text, mark): return text + mark\nf = functools.partial(g, mark='!')",
    "class F:\n    def __call__(self, text): return text + '!'\nf = F()",
    "class F:\n    def m(self, text): return text + '!'\nf = F().m",
    "f = lambda text: text + '!'",
    "async def f(text): return text + '!'",
    """
import functools
def plain(function):
    @functools.wraps(function)
    def inner(*args, **kwargs): return function(*args, **kwargs)
    return inner
@plain
def f(text: str): return text + '!'
""",
    "from __future__ import annotations\ndef f(text: str) -> Unknown: return text + '!'",
]


@pytest.mark.parametrize("source", CALLABLES)
def test_all_that_can_be_called(tmp_path, source):
    ran = ActorProcess(tmp_path, source).run("hi")
    assert ran.err == ""
    assert ran.results == ["hi!"]


def test_json_escapes_are_read_as_json(tmp_path):
    """Read as Python, the pair would be two lone surrogates."""
    ran = ActorProcess(tmp_path, "def f(text): return text").run(r'{"text": "\ud83d\ude00 \/"}')
    assert ran.results == ["😀 /"]


def test_text_that_looks_like_python_warns_of_nothing(tmp_path):
    ran = ActorProcess(tmp_path, "def f(text): return text").run(r'{"\d": 1 \d')
    assert (ran.code, ran.err) == (0, "")


def test_a_long_text_comes_from_its_file(tmp_path):
    actor = ActorProcess(tmp_path, "def f(text): return len(text), text[:3]")
    long = tmp_path / "long"
    long.write_text("äöü" * 200_000)
    ran = actor.run(_abaco_message_file=str(long))
    assert ran.results == [(600_000, "äöü")]
