"""A call of AbacoExecutor, as the container runs it."""

import os
import pickle

import cloudpickle
from actor_process import ActorProcess

from abaco_jupyter.executor.pickling import pickle_by_value
from abaco_jupyter.executor.places import SOURCE
from abaco_jupyter.wire import call
from abaco_runtime import calls


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
