"""One call of `AbacoExecutor`: a pickled function and its arguments, answered by a pickle.

The message is a line `ABACO-CALL 3.11` and a pickle of `(many, function, arguments)`, the last two
of them pickles themselves; the answer is a line `ABACO-RESULT` and the pickled value. With `many`
the arguments are a list of tuples, one for each call, and the value is a list.

Of a large call there is a fourth, a dict of arguments that all calls share, by their places or
keywords; and each of these pickles may stand in a file beside the message: then this is its name.
"""

from __future__ import annotations

import os
import sys

from abaco_runtime.spool import ResultTooLong, Written

CALL = b"ABACO-CALL "
RESULT = b"ABACO-RESULT\n"


_known = (b"", None)
"""The last function's pickle, and the function: calls of one process often share it."""


def answer(call: bytes) -> None:
    from abaco_runtime import result, spool

    if spool.directory():
        result.send_written(answered(call, spool.directory(), spool.out()))
    else:
        result.send_bytes_result(RESULT + dumped(run(call)))


def answered(call: bytes, beside: str, out: str) -> Written:
    """The answer, which is a file in `out` if it is large. `beside` has the call's files."""
    value = run(call, beside)
    written = Written(out)
    try:
        written.write(RESULT)
        _dump(value, written)
    except BaseException:
        written.discard()
        raise
    written.close()
    return written


def run(call: bytes, beside: str = "") -> object:
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
    many, function, arguments, *shared = pickle.loads(rest)
    function, arguments = _function(function, beside), _load(arguments, beside)
    if shared:
        arguments = _with_shared(many, arguments, shared[0], beside)
    if many:
        return [function(*args) for args in arguments]
    args, keywords = arguments
    return function(*args, **keywords)


def _function(pickled: bytes | str, beside: str) -> object:
    global _known
    if _known[1] is None or _known[0] != pickled:
        _known = (pickled, _load(pickled, beside))
    return _known[1]


def _with_shared(many: bool, arguments: object, shared: dict, beside: str) -> object:
    """What was the same object is the same again."""
    loaded = {part: _load(part, beside) for part in set(shared.values())}
    places = sorted(place for place in shared if isinstance(place, int))
    keywords = {name: loaded[part] for name, part in shared.items() if isinstance(name, str)}

    def whole(args: tuple) -> list:
        found = list(args)
        for place in places:
            found.insert(place, loaded[shared[place]])
        return found

    if many:
        return [whole(args) for args in arguments]
    return whole(arguments[0]), {**arguments[1], **keywords}


def _load(part: bytes | str, beside: str) -> object:
    """Of a file it is in memory once, as the object."""
    import pickle

    if isinstance(part, bytes):
        return pickle.loads(part)
    with open(os.path.join(beside, part), "rb") as file:
        return pickle.load(file)


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
