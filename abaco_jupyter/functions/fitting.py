"""Whether arguments fit a function, said as Python says it."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any


def check_call(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> None:
    """Raises the TypeError of `function(*args, **kwargs)`, and runs nothing of it.

    Python words that error itself, with the function's name, when a function of the same
    parameters and no body is called. `inspect.Signature.bind` names no function.
    """
    real = inspect.unwrap(function)
    assert isinstance(real, FunctionType)
    code = real.__code__
    takes = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    count = code.co_argcount + code.co_kwonlyargcount + takes.bit_count()
    empty = _empty.__code__.replace(
        co_argcount=code.co_argcount,
        co_posonlyargcount=code.co_posonlyargcount,
        co_kwonlyargcount=code.co_kwonlyargcount,
        co_varnames=code.co_varnames[:count],
        co_nlocals=count,
        co_flags=_empty.__code__.co_flags | takes,
    )
    stands_in = FunctionType(empty, {}, real.__name__, real.__defaults__)
    stands_in.__kwdefaults__ = real.__kwdefaults__
    stands_in.__qualname__ = real.__name__
    stands_in(*args, **kwargs)


def _empty() -> None:
    """Nothing."""
