"""Which versions of packages this kernel has: pickles of their objects are read by the same."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version


def installed(names: Iterable[str]) -> tuple[str, ...]:
    """`name==version` of the distributions that are here."""
    found = []
    for name in names:
        try:
            found.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return tuple(found)
