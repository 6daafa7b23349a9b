"""Lines after an actor's source that make its function try again when it raises.

They stand in the source and not in the server, so they hold however a message comes: from the
notebook, by the clock, by a nonce. All attempts are one execution, with one log and one timeout.
"""

import msgspec

from abaco_jupyter.wire.errors import InvalidRequest
from abaco_jupyter.wire.spec import BuildSpec

_LINES = """

def _abaco_again(function, retries):
    import functools
    import inspect
    import sys
    import time
    import traceback

    def told(attempt):
        traceback.print_exc()
        pause = min(2.0**attempt, 60.0)
        said = f"attempt {{attempt + 1}} of {{retries + 1}} failed; the next in {{pause:g}} s"
        print(said, file=sys.stderr, flush=True)
        return pause

    @functools.wraps(function)
    def again(*args, **kwargs):
        for attempt in range(retries):
            try:
                return function(*args, **kwargs)
            except Exception:
                pause = told(attempt)
            time.sleep(pause)
        return function(*args, **kwargs)

    @functools.wraps(function)
    async def again_async(*args, **kwargs):
        import asyncio

        for attempt in range(retries):
            try:
                return await function(*args, **kwargs)
            except Exception:
                pause = told(attempt)
            await asyncio.sleep(pause)
        return await function(*args, **kwargs)

    return again_async if inspect.iscoroutinefunction(function) else again


{entry} = _abaco_again({entry}, {retries})
"""


def with_retries(spec: BuildSpec, retries: int) -> BuildSpec:
    """A spec whose function is called up to `retries` times more, 1, 2, 4... up to 60 s apart."""
    if not retries:
        return spec
    if spec.entry is None:
        raise InvalidRequest(
            f"retries {retries} needs a function to call again, and a script has none. Leave one "
            "of the two out."
        )
    lines = _LINES.format(entry=spec.entry, retries=retries)
    return msgspec.structs.replace(spec, source=spec.source + lines)
