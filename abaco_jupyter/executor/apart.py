"""Large arguments, pickled apart from the others: their bytes travel once, and lie on the server
once, however many calls have them.

Which these are is told by the pickles, never by the objects alone: an object that was changed
between two calls has another pickle, so that no call gets what it was before.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from abaco_jupyter.executor.pickling import Pickled
from abaco_jupyter.wire.frames import MAX_CALL
from abaco_jupyter.wire.limits import KIB

LARGE = 16 * KIB
"""Bytes from which on a pickle is worth a file of its own."""

Place = int | str
"""Of an argument: its number among those without a keyword, or its keyword."""

Pickle = Callable[[Any], Pickled | Exception]

_SMALL = (type(None), bool, int, float, complex)


def pickled_apart(
    given: Sequence[Any], pickle: Pickle, *, many: bool
) -> tuple[dict[Place, Pickled], list[Pickled | Exception]]:
    """What all of these calls have in common, and of each the pickle of its other arguments.

    `given` are arguments and keywords, or, with `many`, lists of arguments.
    """
    constants = _large(_same_in_all(given, many), pickle)
    arguments = [pickle(without(one, constants, many=many)) for one in given]
    if len(arguments) > 1 or many or not _is_worth_it(arguments[0], given[0]):
        return constants, arguments
    # The same large one may be in the next call too, beside others. Not both in memory at once.
    arguments.clear()
    args, keywords = given[0]
    constants = _large({**dict(enumerate(args)), **keywords}, pickle)
    return constants, [pickle(without(given[0], constants, many=False))]


def without(one: Any, places: Collection[Place], *, many: bool) -> Any:
    if not places:
        return one
    if many:
        return [_left(args, places) for args in one]
    args, keywords = one
    return _left(args, places), {name: keywords[name] for name in keywords if name not in places}


def _left(args: Sequence[Any], places: Collection[Place]) -> tuple[Any, ...]:
    return tuple(value for place, value in enumerate(args) if place not in places)


def _same_in_all(given: Sequence[Any], many: bool) -> dict[Place, Any]:
    calls = [args for one in given for args in (one if many else (one[0],))]
    if len(calls) < 2:
        return {}
    first, *others = calls
    return {
        place: value
        for place, value in enumerate(first)
        if type(value) not in _SMALL
        and all(len(args) == len(first) and args[place] is value for args in others)
    }


def _large(values: dict[Place, Any], pickle: Pickle) -> dict[Place, Pickled]:
    """The container takes equal pickles for one object. Of two objects that are alike now the
    second stays among the other arguments, or a call that changes one would change both."""
    found: dict[Place, Pickled] = {}
    for place, value in values.items():
        one = pickle(value)
        if not isinstance(one, Pickled) or len(one.body) < LARGE:
            continue
        alike = (values[other] for other, known in found.items() if known.body == one.body)
        if all(other is value for other in alike):
            found[place] = one
    return found


def _is_worth_it(pickled: Pickled | Exception, one: Any) -> bool:
    several = len(one[0]) + len(one[1]) > 1
    return several and isinstance(pickled, Pickled) and len(pickled.body) > MAX_CALL
