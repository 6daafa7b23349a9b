"""A project's directory as what there is to build, and what to register."""

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abaco_jupyter.cli.project import template
from abaco_jupyter.cli.project.ignore import Ignored
from abaco_jupyter.cli.values import Misuse

if TYPE_CHECKING:
    from abaco_jupyter.wire.spec import BuildSpec

_BUILD = ("python", "base", "apt", "entry", "source")
_OWN = ("name", "alias", "env", "build")


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """`fields` are the API's; `build` is the table of that name."""

    folder: Path
    name: str
    fields: dict[str, Any]
    alias: str | None = None
    build: dict[str, Any] = field(default_factory=dict)


def read(folder: Path) -> Project:
    """Raises Misuse for what is no project, or not written as one."""
    file = folder / template.SETTINGS
    try:
        said = tomllib.loads(file.read_text())
    except FileNotFoundError:
        raise Misuse(
            f"There is no {template.SETTINGS} in {folder}: `abaco init NAME` makes a project."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misuse(f"{file}: {error}.") from None
    name = said.get("name")
    if not isinstance(name, str) or not name:
        raise Misuse(f"{file} names no actor: name = '...' is missing.")
    build = said.get("build", {})
    unknown = [key for key in build if key not in _BUILD]
    if unknown:
        raise Misuse(f"{file}: [build] has {', '.join(_BUILD)}, but no {unknown[0]!r}.")
    return Project(
        folder=folder,
        name=name,
        fields=_fields(said, file),
        alias=said.get("alias"),
        build=build,
    )


def spec(project: Project) -> "BuildSpec":
    """What the server builds: reactor.py, requirements.txt and the files beside them."""
    from abaco_jupyter.build.environment import Environment

    folder, build = project.folder, project.build
    source = folder / str(build.get("source", template.SOURCE))
    if not source.is_file():
        raise Misuse(f"There is no {source.name} in {folder}: it is the actor's code.")
    environment = Environment(
        base=build.get("base"),
        python=build.get("python"),
        apt=tuple(build.get("apt", ())),
        pip=_requirements(folder / template.REQUIREMENTS),
        files=_files(folder, source),
    )
    return environment.spec(source.read_text(), build.get("entry"))


def _fields(said: dict[str, Any], file: Path) -> dict[str, Any]:
    from abaco_jupyter.client.settings import DEFAULTS
    from abaco_jupyter.wire.envelope import camel

    fields = {camel(key): value for key, value in said.items() if key not in _OWN}
    unknown = [key for key in fields if key not in DEFAULTS]
    if unknown:
        known = ", ".join(sorted([*_OWN, *DEFAULTS]))
        raise Misuse(f"{file}: there is no setting {unknown[0]!r}. There are {known}.")
    environment = {**said.get("env", {}), **_secrets(file.parent)}
    if "env" in said or environment:
        fields["defaultEnvironment"] = environment
    return fields


def _secrets(folder: Path) -> dict[str, Any]:
    """Variables that are in no image and no repository, as abaco-cli has them."""
    file = folder / template.SECRETS
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text())
    except ValueError as error:
        raise Misuse(f"{file} is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise Misuse(f"{file} does not hold a JSON object.")
    return found


def _requirements(file: Path) -> tuple[str, ...]:
    if not file.is_file():
        return ()
    found = []
    for line in file.read_text().splitlines():
        wanted = line.partition(" #")[0].strip()
        if wanted.startswith("-"):
            raise Misuse(
                f"{file.name} has {wanted!r}: a build on the server takes no options of pip. Leave "
                "it out, or build here with --docker."
            )
        if wanted and not wanted.startswith("#"):
            found.append(wanted)
    return tuple(found)


def _files(folder: Path, source: Path) -> dict[str, bytes]:
    """What a Dockerfile's `COPY .` would bring, less what the server brings itself."""
    from abaco_jupyter.wire.limits import MAX_BUILD_FILES, MIB

    ignored = Ignored.of(folder)
    theirs = {source.name, template.REQUIREMENTS}
    found: dict[str, bytes] = {}
    size = 0
    for path in ignored.left(folder):
        name = path.relative_to(folder).as_posix()
        if name in theirs or name.startswith(f"{template.RUNTIME}/abaco_runtime/"):
            continue
        size += path.stat().st_size
        if size > MAX_BUILD_FILES:
            raise Misuse(
                f"The files of {folder} have more than the {MAX_BUILD_FILES / MIB:.0f} MiB that "
                f"travel with a build ({name} is beyond it). Name what is not needed in "
                f"{template.IGNORE}, or build here with --docker."
            )
        found[name] = path.read_bytes()
    return found
