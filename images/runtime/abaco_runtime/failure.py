"""An exception that the actor's code did not catch: its traceback for the log, its facts and a
pickle of it for whoever asked, so that the same exception can be raised there."""

from __future__ import annotations

import json
import os
import sys
import traceback
import types

from abaco_runtime import spool

NAME = "exception.json"
MAX_PICKLE = 1 << 20
"""A larger pickle (an exception that carries data) stays here; its facts still go."""
MAX_TEXT = 100_000
_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def report(error: BaseException) -> None:
    """Print the traceback, without the frames of this package, and hand the facts over."""
    text = _traceback(error)
    sys.stdout.flush()
    sys.stderr.write(text)
    sys.stderr.flush()
    if spool.directory():
        try:
            facts = json.dumps(_facts(error, text)).encode()
            if not spool.taken(spool.EXCEPTION, facts):
                spool.put(NAME, facts)
        except OSError as failed:
            print(f"abaco_runtime: the exception could not be reported: {failed}", file=sys.stderr)


def _traceback(error: BaseException) -> str:
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_HERE):
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))


def _facts(error: BaseException, text: str) -> dict:
    return {
        "type": type(error).__qualname__,
        "module": type(error).__module__,
        "message": _message(error)[:MAX_TEXT],
        "traceback": text[-MAX_TEXT:],
        "pickle": _pickle(error),
    }


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - code of the actor's own class
        return f"<its __str__ raised {type(broken).__name__}>"


def _pickle(error: BaseException) -> str | None:
    """None when it cannot be pickled, for any reason that the exception's own class may have."""
    import base64

    try:
        body = _dumps(error)
    except Exception:  # noqa: BLE001 - code of the actor's own class
        return None
    return base64.b64encode(body).decode() if len(body) <= MAX_PICKLE else None


def _dumps(error: BaseException) -> bytes:
    """Python rebuilds an exception by `cls(*args)`, which is wrong for a class whose `__init__`
    takes anything but the text: such a one is put together without a call of its `__init__`."""
    import copyreg
    import io

    import cloudpickle

    class Pickler(cloudpickle.CloudPickler):
        def reducer_override(self, value: object) -> object:
            if value is error and _has_own_init(type(error)):
                parts = (type(error), *error.args)
                return copyreg.__newobj__, parts, error.__dict__ or None
            return super().reducer_override(value)

    with io.BytesIO() as file:
        Pickler(file).dump(error)
        return file.getvalue()


def _has_own_init(cls: type) -> bool:
    """Written in Python, and all that it keeps is in `args` and `__dict__`."""
    keeps_more = (SyntaxError, UnicodeError, StopIteration, SystemExit)
    return (
        isinstance(cls.__init__, types.FunctionType)
        and isinstance(cls.__new__, types.BuiltinFunctionType)
        and cls.__reduce__ is BaseException.__reduce__
        and cls.__reduce_ex__ is object.__reduce_ex__
        and not issubclass(cls, keeps_more)
    )
