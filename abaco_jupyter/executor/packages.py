"""Which packages an image needs, so that what this kernel imports can be imported there."""

import json
import re
import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata

from abaco_jupyter.wire.errors import InvalidSpec

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_COMPILED = (".so", ".pyd", ".dylib")


def requirements(modules: Iterable[str]) -> dict[str, str]:
    """What pip installs for these modules: `{"numpy": "numpy==2.1.0"}`, by canonical names.

    Modules of no package are left out.

    Raises
    ------
    InvalidSpec
        A package was installed from a folder or a version control system, where no image can
        install it from, and is compiled, so that it cannot travel by value either.
    """
    found = {}
    for module in sorted(modules):
        for name in distributions_of(module):
            if is_from_here(name):
                raise InvalidSpec(
                    f"{module} belongs to {name}, which was installed from {_origin(name)} and is "
                    "compiled: it can neither be installed in an image nor travel by value. Say "
                    f'where pip finds it, pip=["{name} @ https://..."], or give image= that has '
                    "it and pip=()."
                )
            version = metadata.version(name).partition("+")[0]
            found[canonical(name)] = f"{name}=={version}"
    return found


def travels(module: str) -> bool:
    """Whether a package's module was installed from this machine, and is pure Python."""
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    names = distributions_of(module) if file.endswith(".py") else ()
    return bool(names) and all(is_from_here(name) and not _is_compiled(name) for name in names)


def given(pip: Iterable[str]) -> dict[str, str]:
    """Requirements as somebody wrote them, by canonical names."""
    found = {}
    for text in pip:
        name = _NAME.match(text)
        found[canonical(name[0]) if name else text] = text
    return found


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@lru_cache(maxsize=10_000)
def distributions_of(module: str) -> tuple[str, ...]:
    """The packages that have this module; several may share its first name."""
    top = module.partition(".")[0]
    if _is_of_its_name(top):
        return (top,)
    names = _by_top().get(top)
    if names is None:
        # It may have been installed since.
        _by_top.cache_clear()
        names = _by_top().get(top, ())
    if len(names) < 2:
        return tuple(names)
    path = module.replace(".", "/")
    return tuple(name for name in names if _has(name, path)) or tuple(names)


def _is_of_its_name(top: str) -> bool:
    """Whether a package is called as its module is, which is found a hundred times faster."""
    try:
        return _has(top, top)
    except metadata.PackageNotFoundError:
        return False


@lru_cache(maxsize=1)
def _by_top() -> dict[str, tuple[str, ...]]:
    """All of the kernel's packages; reading them takes up to a second."""
    found = metadata.packages_distributions()
    return {top: tuple(dict.fromkeys(names)) for top, names in found.items()}


@lru_cache(maxsize=1000)
def is_from_here(name: str) -> bool:
    """Whether it was installed from where no image can: a folder, a wheel, a repository."""
    return _origin(name) is not None


def _origin(name: str) -> str | None:
    """The URL that it came from; None: an index of packages, or an archive on the web."""
    text = metadata.distribution(name).read_text("direct_url.json")
    if not text:
        return None
    facts = json.loads(text)
    url = str(facts.get("url", ""))
    on_the_web = url.startswith(("http://", "https://")) and "vcs_info" not in facts
    return None if on_the_web else url


@lru_cache(maxsize=1000)
def _is_compiled(name: str) -> bool:
    files = metadata.files(name) or ()
    return any(file.name.endswith(_COMPILED) for file in files)


def _has(name: str, path: str) -> bool:
    prefixes = (f"{path}/", f"{path}.")
    return any(str(file).startswith(prefixes) for file in metadata.files(name) or ())
