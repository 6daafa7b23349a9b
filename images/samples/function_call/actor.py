"""Calls the function in its message: cloudpickle of {"func": f, "args": [...], "kwargs": {...}}.

The result is what the function returns, as a pickle. A function travels as bytecode, which differs
between Python versions: the sender's version must be this image's. Whoever may send a message may
run any code in here, which is what the actor is for; give EXECUTE accordingly.
"""

import platform
import sys

import cloudpickle

from abaco_runtime import get_binary_message, send_python_result

USAGE = "this actor takes cloudpickle.dumps({'func': f, 'args': [...], 'kwargs': {...}}) as bytes"


def read_call():
    """The function, its arguments and its keyword arguments."""
    body = get_binary_message()
    if not body:
        sys.exit(f"{USAGE}, and this message has none")
    try:
        call = cloudpickle.loads(body)
    except Exception:
        print(f"No pickle that Python {platform.python_version()} reads; {USAGE}.", file=sys.stderr)
        raise
    if not isinstance(call, dict) or not callable(call.get("func")):
        sys.exit(f"{USAGE}; the message holds {call!r}")
    return call["func"], call.get("args") or (), call.get("kwargs") or {}


def main():
    function, args, kwargs = read_call()
    print(f"Calling {function.__name__} with {len(args)} and {len(kwargs)} keyword arguments")
    send_python_result(function(*args, **kwargs))


if __name__ == "__main__":
    main()
