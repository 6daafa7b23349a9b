"""`get_context` and `get_binary_message`, as scripts of the Abaco guide use them."""

import json
import os

from actor_process import ActorProcess

SHOW = """
import json
from abaco_runtime import get_context
context = get_context()
print(json.dumps({k: context[k] for k in %r}))
"""


def shown(tmp_path, keys, msg=None, **environment):
    ran = ActorProcess(tmp_path, SHOW % keys, entry=None).run(msg, **environment)
    assert ran.err == ""
    return json.loads(ran.out)


def test_facts_and_every_variable(tmp_path):
    facts = {
        "_abaco_actor_id": "A",
        "_abaco_actor_dbid": "T_A",
        "_abaco_actor_name": "words",
        "_abaco_container_repo": "image",
        "_abaco_execution_id": "E",
        "_abaco_username": "me",
        "_abaco_worker_id": "W",
        "_abaco_actor_state": "{'n': 1}",
        "MINE": "yes",
    }
    keys = "actor_id actor_dbid actor_name actor_repo execution_id username worker_id state"
    found = shown(tmp_path, [*keys.split(), "MINE"], "m", **facts)
    assert list(found.values()) == [
        *["A", "T_A", "words", "image", "E", "me", "W", "{'n': 1}"],
        "yes",
    ]


def test_message_dict_of_python_text_and_of_json(tmp_path):
    keys = ["message_dict", "raw_message"]
    python = shown(tmp_path / "p", keys, "{'a': None, 'b': True}")
    assert python["message_dict"] == {"a": None, "b": True}
    json_text = shown(tmp_path / "j", keys, '{"a": null}')
    assert json_text == {"message_dict": {"a": None}, "raw_message": '{"a": null}'}


def test_message_dict_is_empty_for_text(tmp_path):
    found = shown(tmp_path, ["message_dict", "raw_message", "content_type"], "hello")
    assert found == {"message_dict": {}, "raw_message": "hello", "content_type": None}


def test_both_spellings_of_the_content_type(tmp_path):
    for n, name in enumerate(["_abaco_Content_Type", "_abaco_Content-Type"]):
        found = shown(tmp_path / str(n), ["content_type"], "x", **{name: "str"})
        assert found == {"content_type": "str"}


def test_keys_are_attributes(tmp_path):
    source = """
    from abaco_runtime import get_context
    print(get_context().message_dict.a, get_context().PATH != "", hasattr(get_context(), "zzz"))
    """
    assert ActorProcess(tmp_path, source, entry=None).run("{'a': 3}").out == "3 True False\n"


BINARY = "from abaco_runtime import *\nprint(get_binary_message(), get_context().raw_message)"


def test_binary_message_from_the_shared_directory(tmp_path):
    assert ActorProcess(tmp_path, BINARY, entry=None).run(binary=b"\x00\x01").out == (
        "b'\\x00\\x01' None\n"
    )


def test_text_has_no_binary_message(tmp_path):
    assert ActorProcess(tmp_path, BINARY, entry=None).run("hi").out == "b'' hi\n"


def test_a_long_text_is_not_a_binary_message(tmp_path):
    actor = ActorProcess(tmp_path, BINARY, entry=None)
    (actor.shared / "message").write_text("long")
    ran = actor.run(_abaco_message_file=str(actor.shared / "message"))
    assert ran.out == "b'' long\n"


def test_a_pipe_that_the_server_keeps_open_is_read_to_what_it_holds(tmp_path):
    """As the reference server does it: no end of file ever comes."""
    actor = ActorProcess(tmp_path, "def f(data): return [len(data), len(again())]\n" + AGAIN)
    pipe = actor.shared / "message"
    os.mkfifo(pipe)
    keep = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        os.write(keep, b"x" * 60_000)
        assert actor.run(_abaco_Content_Type="application/octet-stream").results == [
            [60_000, 60_000]
        ]
    finally:
        os.close(keep)


AGAIN = "from abaco_runtime import get_binary_message as again"
