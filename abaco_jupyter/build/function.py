"""A function that was defined in a notebook (or a file) as the source of an actor."""

import ast
import inspect
import symtable
import sys
import textwrap
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from abaco_jupyter.build.environment import Environment
from abaco_jupyter.wire.errors import InvalidSpec
from abaco_jupyter.wire.spec import BuildSpec

UNDECORATED = "__abaco_function__"
"""Attribute of what `@actor` makes: the function as it was."""

DECORATOR = "__abaco_decorator__"
"""Attribute of `@actor` itself."""


def from_function(function: Callable[..., Any], environment: Environment) -> BuildSpec:
    """The BuildSpec of one function and of what it uses by name.

    Modules become imports, functions and classes of the same module travel as source, plain
    values (texts, numbers, lists and dictionaries of these) as they are now.

    Raises
    ------
    InvalidSpec
        The function has no source, closes over local variables, or uses a global that can be
        none of these; the text names it.
    """
    function = getattr(function, UNDECORATED, function)
    if not isinstance(function, FunctionType):
        raise InvalidSpec(f"{function!r} is not a function that was defined with `def`.")
    if function.__closure__:
        names = ", ".join(function.__code__.co_freevars)
        raise InvalidSpec(
            f"{function.__name__} uses local variables of the function around it ({names}). Make "
            "them parameters."
        )
    sources = _Sources(function)
    sources.add(function)
    return environment.spec(sources.text(), function.__name__)


class _Sources:
    """Collects the lines of a module that defines one function and its needs."""

    def __init__(self, function: FunctionType) -> None:
        self._home = function.__module__
        self._namespace = function.__globals__
        self._seen: set[str] = set()
        self._imports: list[str] = []
        self._values: list[str] = []
        self._definitions: list[str] = []

    def text(self) -> str:
        parts = ["\n".join(self._imports), "\n".join(self._values), *self._definitions]
        return "\n\n\n".join(part for part in parts if part) + "\n"

    def add(self, definition: Any) -> None:
        """The source of a function or class, after what it uses."""
        self._seen.add(definition.__name__)
        source = _undecorated(_source(definition), self._namespace)
        for name in _names(source):
            if name in self._namespace and name not in self._seen:
                self._need(name, self._namespace[name])
        self._definitions.append(source)

    def _need(self, name: str, value: Any) -> None:
        self._seen.add(name)
        value = getattr(value, UNDECORATED, value)
        if isinstance(value, ModuleType):
            whole = value.__name__
            self._imports.append(f"import {whole}" + ("" if whole == name else f" as {name}"))
        elif getattr(value, "__module__", None) == self._home and _has_source(value):
            if value.__name__ != name:
                raise InvalidSpec(f"{name} is another name of {value.__name__}: use that one.")
            self.add(value)
        elif getattr(value, "__module__", None) and _importable(value):
            alias = "" if value.__name__ == name else f" as {name}"
            self._imports.append(f"from {value.__module__} import {value.__name__}{alias}")
        else:
            self._values.append(f"{name} = {_literal(name, value)}")


def _source(definition: Any) -> str:
    try:
        text = textwrap.dedent(inspect.getsource(definition))
    except (OSError, TypeError) as error:
        raise InvalidSpec(f"The source of {definition.__name__} cannot be had: {error}.") from None
    return text.rstrip()


def _undecorated(source: str, namespace: dict[str, Any]) -> str:
    """Without `@actor` and the decorators above it, which were not applied to the function that
    travels; those below it were."""
    (node,) = ast.parse(source).body
    ours = [
        each
        for each in getattr(node, "decorator_list", [])
        if _is_ours(each.func if isinstance(each, ast.Call) else each, namespace)
    ]
    if not ours:
        return source
    return "\n".join(source.split("\n")[ours[-1].end_lineno :])


def _is_ours(decorator: ast.expr, namespace: dict[str, Any]) -> bool:
    first, *rest = ast.unparse(decorator).split(".")
    found: Any = namespace.get(first)
    for name in rest:
        found = getattr(found, name, None)
    return getattr(found, DECORATOR, False) is True


def _names(source: str) -> list[str]:
    """The global names that the source reads. A local variable of the same name is none."""
    found: list[str] = []
    tables = [symtable.symtable(source, "<function>", "exec")]
    while tables:
        table = tables.pop()
        at_top = table.get_type() == "module"
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (at_top or symbol.is_global()):
                found.append(symbol.get_name())
        tables += table.get_children()
    return list(dict.fromkeys(found))


def _has_source(value: Any) -> bool:
    return isinstance(value, FunctionType | type)


def _importable(value: Any) -> bool:
    module = sys.modules.get(value.__module__)
    return module is not None and getattr(module, getattr(value, "__name__", ""), None) is value


def _literal(name: str, value: Any) -> str:
    text = repr(value)
    try:
        same = ast.literal_eval(text) == value
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        same = False
    if not same:
        raise InvalidSpec(
            f"The function uses {name}, a {type(value).__name__}, which cannot travel with it. "
            "Make it a parameter, or make it inside the function."
        )
    return text
