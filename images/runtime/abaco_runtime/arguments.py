"""How a message becomes the arguments of the actor's function.

The first row that fits decides. "Takes one value" means: one parameter can be given and no
other one has to be.

| message                                   | function                      | call            |
|-------------------------------------------|-------------------------------|-----------------|
| any                                       | no parameters                 | `f()`           |
| none at all                               | nothing required              | `f()`           |
| none at all                               | a required parameter          | TypeError       |
| empty object `{}`                         | nothing required              | `f()`           |
| object, a key names a parameter           | any                           | `f(**object)`   |
| object                                    | has `**kwargs`                | `f(**object)`   |
| object                                    | more than one parameter       | `f(**object)`   |
| object                                    | one parameter                 | `f(object)`     |
| sent as JSON, and not an object           | takes one value               | `f(value)`      |
| other text                                | takes one value               | `f(text)`       |
| bytes                                     | takes one value               | `f(bytes)`      |
| other text, bytes                         | takes no value, or needs more | TypeError       |

An object is JSON, or Python text as Abaco writes it, whether it was sent as JSON or as text.
A call `f(**object)` that does not fit the function is Python's own TypeError.

The annotation of the parameter that takes the one value decides its type: `str` gets the text,
`bytes` the bytes, and `dict`, `list`, `int`, `float` and `bool` the value that the text writes
down; TypeError when it writes down something else. Other annotations change nothing.
"""

from __future__ import annotations

from abaco_runtime.message import BINARY, JSON, Message, parse, parse_object

_VARARGS, _VARKEYWORDS = 0x04, 0x08
_TYPES = {"str": str, "bytes": bytes, "dict": dict, "list": list}
_TYPES.update({"int": int, "float": float, "bool": bool})


class Shape:
    """The parameters of a function, as far as a call needs them."""

    def __init__(self) -> None:
        self.unnamed: list[str] = []
        """Before a `/`: they have no keyword."""
        self.positional: list[str] = []
        self.keyword_only: list[str] = []
        self.required: list[str] = []
        self.varargs = self.varkw = False
        self.annotations: dict = {}

    @property
    def names(self) -> list[str]:
        return self.unnamed + self.positional + self.keyword_only


def bind(function: object, message: Message) -> tuple[list, dict]:
    """Positional and keyword arguments for one call of `function`."""
    shape = read_shape(function)
    name = getattr(function, "__name__", "the function")
    if not (shape.names or shape.varargs or shape.varkw):
        return [], {}
    if message.kind is None:
        if shape.required:
            raise TypeError(f"{name}() needs {_listed(shape)}, and no message came: set MSG")
        return [], {}
    found = None if message.kind == BINARY else parse_object(message.body)
    if found is not None and _by_keywords(shape, found):
        return _spread(shape, found)
    return _one_value(shape, message, found, name)


def _by_keywords(shape: Shape, found: dict) -> bool:
    if not found:
        return not shape.required
    if shape.varkw or any(name in found for name in shape.names):
        return True
    return len(shape.names) > 1


def _spread(shape: Shape, found: dict) -> tuple[list, dict]:
    """Parameters before a `/` have no keyword, so their keys are given by position."""
    rest = dict(found)
    args = []
    for name in shape.unnamed:
        if name not in rest:
            break
        args.append(rest.pop(name))
    return args, rest


def _one_value(shape: Shape, message: Message, found: dict | None, name: str) -> tuple[list, dict]:
    if len(shape.required) > 1:
        raise TypeError(
            f"{name}() needs {_listed(shape)}, and the message is {_kind(message, found)}: "
            "send a JSON object with these keys"
        )
    target = (shape.required or [*shape.unnamed, *shape.positional][:1] or [None])[0]
    if target is None and not shape.varargs:
        raise TypeError(
            f"{name}() takes keywords only, and the message is {_kind(message, found)}: "
            "send a JSON object"
        )
    value = _convert(message, found, shape.annotations.get(target), name, target)
    return ([], {target: value}) if target in shape.keyword_only else ([value], {})


def _convert(message: Message, found: object, annotation: object, name: str, target: str | None):
    wanted = _wanted(annotation)
    if wanted is str:
        return message.text
    if wanted is bytes:
        body = message.body
        return body if isinstance(body, bytes) else body.encode("utf-8", "surrogateescape")
    if wanted is None:
        return _plain(message, found)
    try:
        value = parse(message.text)
    except ValueError:
        value = message.text
    if wanted is float and type(value) is int:
        return float(value)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        kind = _kind(message, value)
        raise TypeError(f"{name}() wants {wanted.__name__} for {target!r}, not {kind}")
    return value


def _plain(message: Message, found: dict | None) -> object:
    if found is not None:
        return found
    if message.kind == JSON:
        try:
            return parse(message.body)
        except ValueError:
            pass
    return message.body


def _wanted(annotation: object) -> type | None:
    """`dict[str, int]`, `typing.Dict` and the text of an annotation mean their plain type."""
    if isinstance(annotation, str):
        return _TYPES.get(annotation.split("[")[0].strip().lower())
    origin = getattr(annotation, "__origin__", annotation)
    return origin if origin in _TYPES.values() else None


def _listed(shape: Shape) -> str:
    return ", ".join(repr(name) for name in shape.required)


def _kind(message: Message, value: object) -> str:
    if isinstance(message.body, bytes):
        return f"{len(message.body)} bytes"
    shown = message.body if len(message.body) <= 60 else message.body[:60] + "..."
    kind = "text" if value is None or isinstance(value, str) else type(value).__name__
    return f"the {kind} {shown!r}"


def read_shape(function: object) -> Shape:
    """Read from the code object: `inspect` would cost more than the rest of the start."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    bound = getattr(function, "__self__", None) is not None
    code = getattr(function, "__code__", None)
    if code is None:
        return _inspected(function)
    shape = Shape()
    count, unnamed = code.co_argcount, getattr(code, "co_posonlyargcount", 0)
    names = code.co_varnames
    defaults = len(function.__defaults__ or ())
    shape.required = list(names[bound : count - defaults])
    shape.unnamed = list(names[bound:unnamed])
    shape.positional = list(names[max(unnamed, bound) : count])
    shape.keyword_only = list(names[count : count + code.co_kwonlyargcount])
    shape.required += [n for n in shape.keyword_only if n not in (function.__kwdefaults__ or {})]
    shape.varargs = bool(code.co_flags & _VARARGS)
    shape.varkw = bool(code.co_flags & _VARKEYWORDS)
    shape.annotations = _annotations(function)
    return shape


def _annotations(function: object) -> dict:
    try:
        return function.__annotations__
    except NameError:
        return {}  # Python 3.14 evaluates them now; a name for type checkers only is no fault


def _inspected(function: object) -> Shape:
    """Callable objects, partials, builtins."""
    import inspect

    shape = Shape()
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            shape.varargs = True
        elif parameter.kind is parameter.VAR_KEYWORD:
            shape.varkw = True
        else:
            kinds = (shape.unnamed, shape.positional, None, shape.keyword_only)
            kinds[parameter.kind].append(name)
            if parameter.default is parameter.empty:
                shape.required.append(name)
            shape.annotations[name] = parameter.annotation
    return shape
