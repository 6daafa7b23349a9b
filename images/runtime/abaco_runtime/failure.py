"""An exception that the actor's code did not catch: its traceback for the log, its facts and a
pickle of it for whoever asked, so that the same exception can be raised there."""

from __future__ import annotations

import json
import os
import sys
import traceback

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
            spool.put(NAME, json.dumps(_facts(error, text)).encode())
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
        import cloudpickle

        body = cloudpickle.dumps(error)
    except Exception:  # noqa: BLE001 - code of the actor's own class
        return None
    return base64.b64encode(body).decode() if len(body) <= MAX_PICKLE else None
