"""Pickles that a container can read, and the modules that it must have to read them.

What notebook cells and local modules define travels by value, with what it uses; what packages
define travels by name. Local are modules whose file no image has: those beside a notebook, of
editable installs, and of pure Python packages that were installed from a folder.
"""

import dis
import io
import sys
import sysconfig
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache, lru_cache
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, TypeVar

from abaco_jupyter.wire.errors import InvalidRequest
from abaco_jupyter.wire.limits import MAX_PAYLOAD

_NAMED = (type, FunctionType, BuiltinFunctionType, TypeVar)
_pickling = threading.RLock()
"""cloudpickle's register of modules is one for all threads."""


class _Body(io.BytesIO):
    """A pickle, as far as it can be sent."""

    def write(self, part: Any) -> int:
        if self.tell() + memoryview(part).nbytes > MAX_PAYLOAD:
            raise InvalidRequest(
                f"pickled, it has more than {MAX_PAYLOAD:,} bytes, which is the limit: let the "
                "call read such data from a place that containers reach, such as a mount"
            )
        return super().write(part)


class Home(Enum):
    """Where a module comes from."""

    PYTHON = auto()
    """Python itself, or what every image of ours has."""
    PACKAGE = auto()
    """A package, installed from where images can install it too."""
    HERE = auto()
    """A file of this machine."""
    NOWHERE = auto()
    """The notebook, or no file at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pickled:
    body: bytes
    needs: frozenset[str] = frozenset()
    """Names of modules of packages that it refers to, or that its functions import."""


def pickle_by_value(value: object) -> bytes:
    return pickled(value).body


def pickled(value: object, from_here: Callable[[str], bool] = lambda _: False) -> Pickled:
    """Raises what the value's own classes raise.

    Parameters
    ----------
    from_here : callable
        Whether a package, by its module's name, was installed from a folder of this machine and
        can travel by value.
    """
    import cloudpickle

    with _pickling:
        file = _Body()
        pickler = _pickler_class()(file, from_here)
        try:
            pickler.dump(value)
        finally:
            for module in pickler.registered:
                cloudpickle.unregister_pickle_by_value(module)
    return Pickled(body=file.getvalue(), needs=frozenset(pickler.needs))


def pickled_or_why_not(
    value: object, from_here: Callable[[str], bool], what: str
) -> Pickled | Exception:
    """`what` it is of the call, for the error."""
    try:
        return pickled(value, from_here)
    except InvalidRequest as error:
        return InvalidRequest(f"{what}: {error}")
    except Exception as error:  # noqa: BLE001  pickling runs code of the user's own classes
        return error


@cache
def _pickler_class() -> Any:
    """cloudpickle is imported when something is pickled, not before."""
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        """Hears of everything that is pickled and is no plain value."""

        def __init__(self, file: io.BytesIO, from_here: Callable[[str], bool]) -> None:
            super().__init__(file)
            self.needs: set[str] = set()
            self.registered: list[ModuleType] = []
            self._from_here = from_here
            self._met: set[str] = {"builtins", "__main__"}

        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, CodeType):
                for name in _imported(obj):
                    self._import(name)
            elif isinstance(obj, ModuleType):
                self._meet(obj.__name__)
            else:
                self._meet((obj if isinstance(obj, _NAMED) else type(obj)).__module__)
            return super().reducer_override(obj)

        def _meet(self, name: Any) -> None:
            if name in self._met or not isinstance(name, str):
                return
            self._met.add(name)
            home = home_of(name)
            if home is Home.PACKAGE:
                if not self._from_here(name):
                    self.needs.add(name)
                    return
                home = Home.HERE
            if home is Home.HERE:
                self._by_value(sys.modules[name])

        def _import(self, name: str) -> None:
            """A statement in a function: what is not here may be there, or never reached."""
            if name not in self._met and home_of(name) is Home.PACKAGE:
                self._met.add(name)
                self.needs.add(name)

        def _by_value(self, module: ModuleType) -> None:
            if module.__name__ not in cloudpickle.list_registry_pickle_by_value():
                cloudpickle.register_pickle_by_value(module)
                self.registered.append(module)

    return Pickler


@lru_cache(maxsize=1000)
def _imported(code: CodeType) -> frozenset[str]:
    return frozenset(
        instruction.argval
        for instruction in dis.get_instructions(code)
        if instruction.opname == "IMPORT_NAME" and instruction.argval
    )


_homes: dict[str, Home] = {}


def home_of(name: str) -> Home:
    """Of a module by its name; it is not imported for that."""
    found = _homes.get(name)
    if found is None:
        found = _home_of(name)
        if found is not Home.NOWHERE:
            _homes[name] = found
    return found


def _home_of(name: str) -> Home:
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top in _EVERYWHERE:
        return Home.PYTHON
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None) if module is not None else _file_of(top)
    if not isinstance(file, str):
        return Home.PACKAGE if top != name and home_of(top) is Home.PACKAGE else Home.NOWHERE
    path = Path(file).resolve()
    if not set(path.parts) & {"site-packages", "dist-packages"} and path.suffix == ".py":
        return Home.PYTHON if any(map(path.is_relative_to, _python())) else Home.HERE
    return Home.PACKAGE


_EVERYWHERE = {__name__.partition(".")[0], "abaco_runtime", "cloudpickle", "__mp_main__"}
"""Images of ours have a runtime and cloudpickle; what refers to this package runs here only."""


def _file_of(top: str) -> str | None:
    """Of a module that was not imported: `import numpy` may stand in a function alone."""
    from importlib.util import find_spec

    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    return None if spec is None else spec.origin


@cache
def _python() -> tuple[Path, ...]:
    homes = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
    return tuple(Path(home).resolve() for home in homes if home)
