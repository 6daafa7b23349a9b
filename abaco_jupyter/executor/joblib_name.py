"""Makes joblib know the name "abaco", without importing joblib: that takes longer than a notebook
server gives an extension, and most kernels never need it. joblib has no entry points."""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from typing import Any

_HOME = "joblib.parallel"
"""The module that has `register_parallel_backend`."""


def register() -> None:
    """Now, when joblib is here; else as soon as somebody imports it."""
    if _HOME in sys.modules:
        _tell(sys.modules[_HOME])
    else:
        sys.meta_path.insert(0, _WhenItComes())


def _tell(parallel: Any) -> None:
    parallel.register_parallel_backend("abaco", _backend)


def _backend(**options: Any) -> Any:
    from abaco_jupyter.executor.joblib import AbacoBackend

    return AbacoBackend(**options)


class _WhenItComes:
    """A finder that finds one module, once, as all others would, and hears when it is loaded."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != _HOME:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def load_and_tell(module: Any) -> None:
            load(module)
            _tell(module)

        spec.loader.exec_module = load_and_tell  # type: ignore[method-assign]
        return spec
