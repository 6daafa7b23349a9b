"""What runs inside an actor's container, and what the actor's own code may ask it.

    from abaco_runtime import get_context, send_bytes_result

Standard library only, Python 3.8 or later: it must run in whatever image a user chose. Names are
loaded when they are asked for, because the start of every execution pays for each import.
"""

_HOMES = {
    "get_context": "context",
    "get_binary_message": "context",
    "send_bytes_result": "result",
    "send_python_result": "result",
    "send_result": "result",
    "ResultTooLong": "result",
    "get_state": "state",
    "update_state": "state",
}

__all__ = [
    "ResultTooLong",
    "get_binary_message",
    "get_context",
    "get_state",
    "send_bytes_result",
    "send_python_result",
    "send_result",
    "update_state",
]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'abaco_runtime' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"abaco_runtime.{_HOMES[name]}"), name)
