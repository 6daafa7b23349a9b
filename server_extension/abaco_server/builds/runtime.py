"""What each image and environment gets of ours: `abaco_runtime`, and the cloudpickle that the
server itself has. Both are found and copied, never imported."""

import functools
import hashlib
import importlib.util
import sys
from pathlib import Path

PACKAGES = ("abaco_runtime", "cloudpickle")
STARTUP = "abaco_runtime/startup"
"""Holds the `sitecustomize` that Python runs first, which then runs the user's own."""


def own_python() -> str:
    """The minor version of the server's own Python, such as `3.11`."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


@functools.cache
def files() -> dict[str, bytes]:
    """Relative paths and contents, in the order of their names."""
    return {
        f"{package}/{path.relative_to(home).as_posix()}": path.read_bytes()
        for package in PACKAGES
        for home in [_home(package)]
        for path in sorted(home.rglob("*.py"))
    }


@functools.cache
def revision(*facts: str) -> str:
    """Changes whenever what is built in changes, or one of the builder's own `facts`."""
    digest = hashlib.sha256(repr(facts).encode())
    for name, body in files().items():
        digest.update(f"{name} {len(body)}\n".encode() + body)
    return digest.hexdigest()[:12]


def _home(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is not installed beside the server")
    return Path(found.submodule_search_locations[0])
