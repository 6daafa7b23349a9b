"""One execution: load the actor's module, give its function the message, send what it returns.

The module runs as `__main__`, for two reasons: cloudpickle pickles what `__main__` defines by
value, so that the kernel can read it; and a script behaves as it does when Python runs it.
"""

from __future__ import annotations

import os
import signal
import sys
import types

TERMINATED = 128 + signal.SIGTERM
SOURCE = "/app/actor.py"


def main() -> int:
    """The exit code of the process: 1 for an exception that nobody caught."""
    # The kernel drops signals to process 1 that have no handler; a halt would wait for its grace.
    signal.signal(signal.SIGTERM, terminate)
    write_lines_at_once()
    let_others_come_first()
    try:
        _run()
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - the border of the actor's own code
        from abaco_runtime import failure

        failure.report(error)
        return 1
    return 0


def _run() -> None:
    entry = os.environ.get("_abaco_entry")
    namespace = load(source())
    if entry:
        answer(namespace, entry)


def source() -> str:
    """The file of the actor's module."""
    return os.environ.get("_abaco_source") or SOURCE


def answer(namespace: dict, entry: str) -> None:
    """Give the function the message, and send what it returns."""
    function = namespace.get(entry)
    if not callable(function):
        raise NameError(f"the actor's module defines no function {entry!r}")
    value = _call(function)
    if value is not None:
        from abaco_runtime import result

        result.send_result(value)


def load(path: str) -> dict:
    """Run the file as `__main__`, as `python <path>` does."""
    module = types.ModuleType("__main__")
    module.__file__ = path
    module.__builtins__ = __builtins__
    sys.argv = [path]
    sys.path[0:1] = [os.path.dirname(os.path.abspath(path))]
    sys.modules["abaco_runtime.__main__"] = sys.modules["__main__"]
    sys.modules["__main__"] = module
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    exec(code, module.__dict__)
    return module.__dict__


def _call(function: object) -> object:
    from abaco_runtime import arguments, message

    received = message.receive()
    if received.kind == message.BINARY and received.body.startswith(b"ABACO-CALL "):
        # A call with pickled arguments, as `AbacoExecutor` sends them: any actor answers those.
        from abaco_runtime import calls

        calls.answer(received.body)
        return None
    args, keywords = arguments.bind(function, received)
    value = function(*args, **keywords)
    if isinstance(value, types.CoroutineType):
        import asyncio

        return asyncio.run(value)
    return value


def terminate(signum: int, frame: object) -> None:
    raise SystemExit(TERMINATED)


def write_lines_at_once() -> None:
    """Both streams are pipes here, which Python would fill before it writes."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


def let_others_come_first() -> None:
    """Move our directory to the end of the path: what the user installed wins over ours."""
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if ours in sys.path:
        sys.path.remove(ours)
        sys.path.append(ours)
