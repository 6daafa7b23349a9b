"""Build a project's own Dockerfile with the `docker` of this machine."""

import subprocess
import sys
import tempfile
from pathlib import Path

from abaco_jupyter.cli.project import template
from abaco_jupyter.cli.project.settings import Project
from abaco_jupyter.cli.values import Misuse
from abaco_jupyter.wire.errors import BuildFailed

REPOSITORY = "abaco-project"


def build(project: Project, options: list[str]) -> str:
    """Its image's id. The builder's words go to the standard error as they come."""
    if not (project.folder / template.DOCKERFILE).is_file():
        raise Misuse(f"There is no {template.DOCKERFILE} in {project.folder}.")
    with tempfile.TemporaryDirectory(prefix="abaco-") as place:
        told = Path(place) / "image"
        _docker("build", "--iidfile", str(told), *options, str(project.folder))
        return told.read_text().strip()


def tag(project: Project, image_id: str, image: str | None, *, push: bool) -> str:
    """The name to register. Without `image` one that is another whenever the image is."""
    name = image or f"{REPOSITORY}/{_slug(project.name)}:{image_id.partition(':')[2][:12]}"
    _docker("tag", image_id, name)
    if push:
        _docker("push", name)
    return name


def _docker(*arguments: str) -> None:
    try:
        ran = subprocess.run(["docker", *arguments], stdout=sys.stderr.fileno(), check=False)
    except FileNotFoundError:
        raise Misuse(
            "There is no `docker` on this machine; without --docker the server builds."
        ) from None
    if ran.returncode != 0:
        raise BuildFailed(f"`docker {arguments[0]}` failed (exit code {ran.returncode}).")


def _slug(name: str) -> str:
    """What a repository's name may hold."""
    kept = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in name)
    return "-".join(part for part in kept.lower().split("-") if part) or "actor"
