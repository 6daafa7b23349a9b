"""The container side imports nothing of ours, so what it repeats is compared here."""

import ast
import math
import sys
from collections import OrderedDict
from pathlib import Path

import pytest

import abaco_runtime
from abaco_jupyter.wire import call, limits
from abaco_jupyter.wire.codes import ContentType
from abaco_runtime import failure, message, result, spool
from abaco_server.runners import mailbox

RUNTIME = Path(abaco_runtime.__file__).parent


def test_limits():
    assert result.MAX_DATAGRAM_RESULT == limits.MAX_DATAGRAM_RESULT
    assert spool.MAX_PAYLOAD == limits.MAX_PAYLOAD
    assert result.PICKLE_START == call.PICKLE_START


def test_content_types():
    assert tuple(ContentType) == (message.TEXT, message.JSON, message.BINARY)


def test_names_in_the_spool():
    assert failure.NAME == mailbox.EXCEPTION
    assert failure.MAX_PICKLE * 2 + failure.MAX_TEXT * 24 < mailbox.MAX_EXCEPTION


class Thing:
    pass


VALUES = [
    *(None, True, 0, 1.5, "", "é\n", [], {}, [1, [2]], {"a": {"b": None}}),
    *((1, 2), [(1,)], {"a": (1,)}, {1: 2}, {1, 2}, b"bytes", math.nan, math.inf, "\ud800"),
    *(OrderedDict(a=1), 10**400, Thing, [float("-inf")]),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_the_rule_for_results(value):
    assert result.encode(value) == call.encode_result(value)


def test_only_the_standard_library_and_cloudpickle_are_imported():
    allowed = {*sys.stdlib_module_names, "abaco_runtime", "cloudpickle"}
    found = set()
    for path in RUNTIME.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module.split(".")[0])
    assert found <= allowed


def test_it_parses_as_python_3_8():
    for path in RUNTIME.glob("*.py"):
        ast.parse(path.read_text(), feature_version=(3, 8))
