"""A notebook cell as the source of an actor."""

import ast
import traceback
from collections.abc import Iterable

from abaco_jupyter.build.environment import Environment
from abaco_jupyter.wire.errors import InvalidSpec
from abaco_jupyter.wire.spec import BuildSpec

_FIRST_LINE = "# The cell's first line was its magic, so line numbers are the cell's own.\n"


class CellError(InvalidSpec):
    """The cell is Python, but it is not clear what in it is the actor."""


class CellSyntaxError(CellError):
    """The cell is not Python; the text shows its line."""


def from_cell(
    cell: str,
    name: str,
    environment: Environment,
    *,
    entry: str | None = None,
    script: bool = False,
) -> BuildSpec:
    """The BuildSpec of a cell. All of the cell travels: imports, constants, other functions.

    Parameters
    ----------
    cell : str
        The cell without its magic's line.
    name : str
        The actor's name.
    entry : str, optional
        The function that answers messages. Without it: the function that has the actor's name,
        else the only public function of the cell.
    script : bool
        The cell has no such function; it runs from top to bottom for each message.

    Raises
    ------
    CellSyntaxError
        With the line and its number in the notebook cell.
    CellError
        No function, or several that it might be.
    """
    source = _FIRST_LINE + cell.rstrip() + "\n"
    module = parse(source, name)
    return environment.spec(source, None if script else _entry(module, name, entry))


def docstring(spec: BuildSpec) -> str:
    """The first line of the entry function's docstring, else of the module's."""
    module = ast.parse(spec.source)
    found = next((f for f in _functions(module) if f.name == spec.entry), None)
    text = ast.get_docstring(found if found is not None else module) or ""
    return text.partition("\n")[0].strip()


def parse(source: str, name: str) -> ast.Module:
    """The cell's syntax tree. Raises CellSyntaxError."""
    try:
        return ast.parse(source, filename=f"cell of {name}")
    except SyntaxError as error:
        where = "".join(traceback.format_exception_only(error)).rstrip()
        if (error.text or "").lstrip().startswith(("!", "%")):
            where += (
                "\nThe cell of an actor is plain Python, without ! and % lines. Packages are "
                "named in its first line: --pip numpy --apt curl."
            )
        raise CellSyntaxError(where.lstrip()) from None


def _entry(module: ast.Module, name: str, entry: str | None) -> str:
    names = [function.name for function in _functions(module)]
    if entry is not None:
        if entry not in names:
            raise CellError(
                f"The cell defines no function {entry!r} (--entry). Its functions: "
                f"{_listed(names)}."
            )
        return entry
    if name in names:
        return name
    public = list(dict.fromkeys(each for each in names if not each.startswith("_")))
    if len(public) == 1:
        return public[0]
    if public:
        raise CellError(
            f"The cell defines {len(public)} functions, {_listed(public)}, and none is called "
            f"{name!r}. Say which one answers messages, for example --entry {public[-1]}."
        )
    raise CellError(
        f"The cell defines no function that could answer messages; it has "
        f"{_listed(_found(module))}. Define `def {name}(message): ...`, or add --script to run "
        "the cell from top to bottom for each message."
    )


def _functions(module: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in module.body if isinstance(node, kinds)]


def _found(module: ast.Module) -> list[str]:
    """What a cell without a function has, in the words of a person."""
    found = []
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            found.append(f"the class {node.name}")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(f"the private function {node.name}")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += [f"the variable {each.id}" for each in targets if isinstance(each, ast.Name)]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.append("an import")
        else:
            found.append("a statement")
    return list(dict.fromkeys(found))


def _listed(names: Iterable[str]) -> str:
    items = list(names)
    if len(items) < 2:
        return items[0] if items else "nothing"
    return f"{', '.join(items[:-1])} and {items[-1]}"
