"""An actor's function, run in this process: for a look at it, and for a debugger."""

import types
from collections.abc import Callable
from typing import Any

from abaco_jupyter.wire.errors import InvalidRequest
from abaco_jupyter.wire.spec import BuildSpec


def function_of(spec: BuildSpec, title: str) -> Callable[..., Any]:
    """The function of the source, in a module of its own. Runs the source once.

    Raises
    ------
    InvalidRequest
        It is a script.
    """
    if spec.entry is None:
        raise InvalidRequest(
            f"{title} is a script: it has no function to call here. Copy its lines into a cell."
        )
    module = types.ModuleType(f"abaco_actor_{spec.entry}")
    module.__file__ = f"<cell of {title}>"
    code = compile(spec.source, module.__file__, "exec", dont_inherit=True)
    exec(code, module.__dict__)
    found: Callable[..., Any] = module.__dict__[spec.entry]
    return found
