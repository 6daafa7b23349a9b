"""`abaco init` and `abaco deploy`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from abaco_jupyter.cli.command import command
from abaco_jupyter.cli.nouns.arguments import PROJECTS
from abaco_jupyter.cli.project import docker, template
from abaco_jupyter.cli.project import settings as projects
from abaco_jupyter.cli.project.settings import Project
from abaco_jupyter.cli.project.template import Template
from abaco_jupyter.cli.session import Session
from abaco_jupyter.cli.values import Misuse

if TYPE_CHECKING:
    from abaco_jupyter.client.actor import Actor
    from abaco_jupyter.wire.spec import BuildSpec


def add(app: typer.Typer) -> None:
    command(app, "init", panel=PROJECTS)(init)
    command(app, "deploy", panel=PROJECTS)(deploy)
    command(app, "build", panel=PROJECTS)(build)


def init(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    description: Annotated[str, typer.Option("-d", "--description", help="What it is for.")] = "",
    kind: Annotated[
        Template, typer.Option("-l", "--template", help="What reactor.py is.")
    ] = Template.FUNCTION,
    place: Annotated[
        Path, typer.Option("-B", "--directory", help="Where to make the directory NAME.")
    ] = Path(),
) -> None:
    """Make a project: a directory with an actor's code, its settings and a Dockerfile."""
    folder = place / name
    if Path(name).name != name:
        raise Misuse(f"{name!r} cannot be the name of a directory; -B says where to make it.")
    if folder.exists():
        raise Misuse(f"{folder} exists already.")
    written = template.files(name, description.replace("\n", " "), kind)
    for path, text in written.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    session.answer(
        {"directory": str(folder), "files": sorted(written)},
        f"{folder} is made. Next: abaco deploy {folder}",
    )


def deploy(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="[DIRECTORY]")] = Path(),
    with_docker: Annotated[
        bool | None,
        typer.Option("--docker/--server", help="Build the Dockerfile here, or on the server."),
    ] = None,
    image: Annotated[
        str | None, typer.Option("--image", "-t", help="With --docker: the image's name and tag.")
    ] = None,
    push: Annotated[
        bool, typer.Option("--push", help="With --docker: push it to its registry.")
    ] = False,
    build_arg: Annotated[
        list[str] | None,
        typer.Option("--build-arg", metavar="NAME=VALUE", help="With --docker: as docker has it."),
    ] = None,
    network: Annotated[
        str | None, typer.Option("--network", help="With --docker: as docker has it.")
    ] = None,
    force: Annotated[
        bool, typer.Option("-f", "--force", help="A new revision although nothing changed.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("-R", "--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not show the build.")] = False,
) -> None:
    """Build a project and register it, or update the actor of its name.

    The server builds: from reactor.py, requirements.txt, abaco.toml and the files beside them
    that .dockerignore does not name. It needs no Docker here, and it does not read the
    Dockerfile: when that is not as `abaco init` wrote it, say which way is meant.

    With --docker the Dockerfile is built here. The server must run on the same Docker engine,
    or find the image in a registry: --image and --push.

    What abaco.toml does not name stays as it is on the server. The build's log goes to the
    standard error; the answer is the actor's id.
    """
    project = projects.read(folder)
    wants_docker = _way(project, with_docker)
    if not wants_docker and (image or push or build_arg or network):
        raise Misuse("--image, --push, --build-arg and --network go with --docker.")
    if dry_run:
        session.answer(*_plan(project, wants_docker, image))
        return
    if wants_docker:
        options = [part for each in build_arg or () for part in ("--build-arg", each)]
        options += ["--network", network] if network else []
        session.abaco.named(project.name)  # before a build of minutes: is the server there?
        tagged = docker.tag(project, docker.build(project, options), image, push=push)
        # A tag of the user's own may be the old one, with another image behind it.
        force = force or image is not None
    else:
        tagged = _build_there(session, project, quiet)
    _register(session, project, tagged, force)


def build(
    session: Session,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE.py", exists=True, dir_okay=False, help="A Python module."),
    ],
    entry: Annotated[
        str | None,
        typer.Option("--entry", help="Its function that answers messages; else it is a script."),
    ] = None,
    base: Annotated[str | None, typer.Option("--base", help="Image to build on.")] = None,
    python: Annotated[str | None, typer.Option("--python", help="A version such as 3.11.")] = None,
    pip: Annotated[
        list[str] | None, typer.Option("--pip", help="A package; again for more.")
    ] = None,
    apt: Annotated[list[str] | None, typer.Option("--apt", help="A Debian package.")] = None,
    dry_run: Annotated[
        bool, typer.Option("-R", "--dry-run", help="Write its Dockerfile, and build nothing.")
    ] = False,
) -> None:
    """Build an image of a file on the server; answers its name, for `abaco create`.

    The build's log goes to the standard error. The same file is never built twice.
    """
    from abaco_jupyter.build.environment import Environment

    around = Environment(base=base, python=python, pip=tuple(pip or ()), apt=tuple(apt or ()))
    spec = around.spec(file.read_text(), entry)
    if dry_run:
        plan = session.abaco.plan(spec)
        session.answer(
            {"image": plan.image, "cached": plan.cached, "dockerfile": plan.dockerfile},
            plan.dockerfile,
        )
        return
    printer = session.viewer(f"building {file.name}", sys.stderr)
    try:
        made = session.abaco.build(spec, listener=printer)
    finally:
        printer.end_line()
    session.answer({"image": made.image, "cached": made.cached}, made.image)


def _way(project: Project, with_docker: bool | None) -> bool:
    file = project.folder / template.DOCKERFILE
    if with_docker is not None:
        return with_docker
    if file.is_file() and not template.is_own(file.read_text()):
        raise Misuse(
            f"{file} is not as `abaco init` wrote it, and the server would not read it. Say "
            "--docker to build it here, or --server to let the server build reactor.py."
        )
    return False


def _plan(project: Project, with_docker: bool, image: str | None) -> tuple[dict[str, Any], str]:
    """What would be done, as JSON and as sentences. Values of variables may be secret."""
    fields = dict(project.fields)
    variables = sorted(fields.pop("defaultEnvironment", {}))
    plan: dict[str, Any] = {"actor": project.name, "settings": fields, "variables": variables}
    if with_docker:
        plan["docker"] = {"directory": str(project.folder), "image": image}
        how = f"docker build {project.folder}"
    else:
        spec = projects.spec(project)
        plan["build"] = {
            "base": spec.base,
            "python": spec.python,
            "apt": list(spec.apt),
            "pip": list(spec.pip),
            "entry": spec.entry,
            "files": {name: len(body) for name, body in spec.files.items()},
        }
        how = _on_server(spec)
    named = "".join(f"  {name} = {value!r}\n" for name, value in fields.items())
    return plan, f"{how}\nregister or update {project.name}:\n{named}variables: {variables}\n"


def _on_server(spec: "BuildSpec") -> str:
    base = spec.base or f"Python {spec.python}"
    parts = [f"build on the server, on {base}"]
    parts += [f"  {kind}: {', '.join(its)}" for kind, its in (("apt", spec.apt), ("pip", spec.pip))]
    parts += [f"  file: {name} ({len(body)} bytes)" for name, body in spec.files.items()]
    return "\n".join(part for part in parts if not part.endswith(": "))


def _build_there(session: Session, project: Project, quiet: bool) -> str:
    from abaco_jupyter.cli.following import Printer

    session.abaco.named(project.name)  # before a build of minutes: two of one name are an error
    printer = Printer(None if quiet else sys.stderr)
    try:
        return session.abaco.build(projects.spec(project), listener=printer).image
    finally:
        printer.end_line()


def _register(session: Session, project: Project, image: str, force: bool) -> None:
    from abaco_jupyter.client.registration import settle

    actor, change = settle(session.abaco, project.name, image, project.fields, force=force)
    if project.alias:
        _name(session, actor, project.alias)
    session.note(f"{project.name} is {change} (revision {actor.revision}).")
    session.answer(actor.known, actor.id)


def _name(session: Session, actor: "Actor", alias: str) -> None:
    from abaco_jupyter.wire.errors import AliasNotFound

    aliases = session.abaco.aliases
    try:
        if aliases.get(alias)["actorId"] != actor.id:
            aliases.point(alias, actor.id)
    except AliasNotFound:
        aliases.create(alias, actor.id)
