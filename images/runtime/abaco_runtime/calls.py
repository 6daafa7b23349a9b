"""One call of `AbacoExecutor`: a pickled function and its arguments, answered by a pickle.

The message is a line `ABACO-CALL 3.11` and a pickle of `(many, function, arguments)`, the last two
of them pickles themselves; the answer is a line `ABACO-RESULT` and the pickled value. With `many`
the arguments are a list of tuples, one for each call, and the value is a list.
"""

from __future__ import annotations

import sys

from abaco_runtime.spool import ResultTooLong, Written

CALL = b"ABACO-CALL "
RESULT = b"ABACO-RESULT\n"


_known = (b"", None)
"""The last function's pickle, and the function: calls of one process often share it."""


def answer(call: bytes) -> None:
    from abaco_runtime import result, spool

    if spool.directory():
        result.send_written(answered(call, spool.out()))
    else:
        result.send_bytes_result(RESULT + dumped(run(call)))


def answered(call: bytes, folder: str) -> Written:
    """The answer, which is a file in this folder if it is large."""
    value = run(call)
    written = Written(folder)
    try:
        written.write(RESULT)
        _dump(value, written)
    except BaseException:
        written.discard()
        raise
    written.close()
    return written


def run(call: bytes) -> object:
    import pickle

    head, _, rest = call.partition(b"\n")
    if not head.startswith(CALL):
        raise ValueError("this actor runs the calls of an AbacoExecutor: send it nothing else")
    theirs, ours = head[len(CALL) :].decode(), "{}.{}".format(*sys.version_info[:2])
    if theirs != ours:
        raise RuntimeError(
            f"the kernel has Python {theirs} and this image Python {ours}, and pickled functions "
            f"run in the version that pickled them only: use an image with Python {theirs}"
        )
    many, function, arguments = pickle.loads(rest)
    function, arguments = _function(function), pickle.loads(arguments)
    if many:
        return [function(*args) for args in arguments]
    args, keywords = arguments
    return function(*args, **keywords)


def _function(pickled: bytes) -> object:
    global _known
    if _known[1] is None or _known[0] != pickled:
        import pickle

        _known = (pickled, pickle.loads(pickled))
    return _known[1]


_PLAIN = (type(None), bool, int, float, str, bytes)


def dumped(value: object) -> bytes:
    import io

    file = io.BytesIO()
    _dump(value, file)
    return file.getvalue()


def _dump(value: object, file: object) -> None:
    kind = type(value).__name__
    try:
        if type(value) in _PLAIN:
            import pickle

            # The same bytes, ten times as fast.
            pickle.dump(value, file, pickle.HIGHEST_PROTOCOL)
        else:
            import cloudpickle

            cloudpickle.dump(value, file)
    except ResultTooLong as error:
        raise ResultTooLong(
            f"the result, of type {kind!r}, cannot be sent: pickled, {error}. Store it elsewhere, "
            "such as in a mount, and return where it is"
        ) from None
    except Exception as error:
        raise TypeError(f"the result, of type {kind!r}, cannot be pickled: {error}") from error
