"""An image with packages of this Python's own: copied, as installing them anew takes a minute."""

import io
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

TAG = f"abaco-jupyter/test-science:{sys.version_info.major}.{sys.version_info.minor}"
_BASE = f"abaco-jupyter/python:{sys.version_info.major}.{sys.version_info.minor}"
_DOCKERFILE = f"""\
FROM {_BASE}
COPY packages /opt/packages
ENV PYTHONPATH=/opt/packages
"""


def make_image(names: Iterable[str]) -> str:
    """The tag of an image with the base image's Python and these distributions, with all that
    they need."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(_DOCKERFILE)
        tar.addfile(entry, io.BytesIO(_DOCKERFILE.encode()))
        for one in _with_requirements(names):
            _add(tar, one)
    command = ["docker", "build", "-q", "-t", TAG, "-"]
    subprocess.run(command, input=context.getvalue(), check=True, capture_output=True)
    return TAG


def remove_image() -> None:
    subprocess.run(["docker", "rmi", "-f", TAG], check=True, capture_output=True)


def _with_requirements(names: Iterable[str]) -> Iterator[Distribution]:
    seen: set[str] = set()
    left = list(names)
    while left:
        name = re.match(r"[\w.-]+", left.pop()).group().lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            one = distribution(name)
        except PackageNotFoundError:
            continue  # needed on another platform only
        left += [need for need in one.requires or () if "extra ==" not in need]
        yield one


def _add(tar: tarfile.TarFile, one: Distribution) -> None:
    for file in one.files or ():
        parts = file.parts
        if parts[0] == ".." or "tests" in parts:
            continue
        # What is compiled already goes along: each container would compile it again.
        tar.add(one.locate_file(file), arcname=f"packages/{file}", recursive=False)
