"""What `abaco init` writes."""

import importlib.util
import json
import sys
from enum import StrEnum
from pathlib import Path

DOCKERFILE = "Dockerfile"
SOURCE = "reactor.py"
SETTINGS = "abaco.toml"
IGNORE = ".dockerignore"
REQUIREMENTS = "requirements.txt"
SECRETS = "secrets.json"
RUNTIME = "runtime"
"""The directory with what `reactor.py` imports, for builds away from a server of ours."""

ENTRY = "reactor"
_BASE = "ARG base="


class Template(StrEnum):
    FUNCTION = "function"
    SCRIPT = "script"


def files(name: str, description: str, template: Template) -> dict[str, str]:
    """Relative paths and texts."""
    found = {
        SOURCE: _SOURCES[template].format(description=description or f"The actor {name}."),
        SETTINGS: _settings(name, description, template),
        DOCKERFILE: dockerfile(template is Template.FUNCTION),
        REQUIREMENTS: "# Python packages, one on each line.\n",
        IGNORE: _IGNORED,
        "README.md": _README.format(name=name, description=description),
    }
    return found | {f"{RUNTIME}/{path}": text for path, text in _runtime().items()}


def dockerfile(has_entry: bool) -> str:
    entry = f" \\\n    _abaco_entry={ENTRY}" if has_entry else ""
    return _DOCKERFILE.format(base=f"{_BASE}python:{_python()}-slim", entry=entry)


def is_own(dockerfile_text: str) -> bool:
    """Whether `abaco init` wrote it: but for the version of Python, nothing is changed."""
    written = _without_base(dockerfile_text)
    return any(written == _without_base(dockerfile(has_entry)) for has_entry in (True, False))


def _without_base(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith(_BASE)]


def _settings(name: str, description: str, template: Template) -> str:
    entry = f'entry = "{ENTRY}"' if template is Template.FUNCTION else f'# entry = "{ENTRY}"'
    return _SETTINGS.format(
        name=json.dumps(name),
        description=json.dumps(description, ensure_ascii=False),
        python=_python(),
        entry=entry,
    )


def _python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _runtime() -> dict[str, str]:
    """The container side's own package: found and copied, never imported."""
    found = importlib.util.find_spec("abaco_runtime")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("abaco_runtime is not installed beside abaco_jupyter")
    home = Path(found.submodule_search_locations[0])
    return {
        f"abaco_runtime/{path.relative_to(home).as_posix()}": path.read_text()
        for path in sorted(home.rglob("*.py"))
    }


_FUNCTION = '''\
"""{description}"""

from abaco_runtime import get_context


def reactor(message):
    """Is called for each message; what it returns is the execution's result.

    A text comes as text, JSON as its value, a file as bytes. Name more parameters, and the fields
    of a JSON object come as those.
    """
    context = get_context()
    print(f"execution {{context.execution_id}} of actor {{context.actor_id}}")
    return {{"message": message if isinstance(message, (str, dict, list)) else repr(message)}}
'''

_SCRIPT = '''\
"""{description}"""

from abaco_runtime import get_context, send_result

context = get_context()
print(f"execution {{context.execution_id}} of actor {{context.actor_id}}")

message = context.message_dict or context.raw_message
send_result({{"message": message}})
'''

_SOURCES = {Template.FUNCTION: _FUNCTION, Template.SCRIPT: _SCRIPT}

_SETTINGS = """\
# Read by `abaco deploy`. Any setting that `abaco update --help` names may stand here, such as
# webhook, link, mem_limit or max_workers; what does not stand here stays as it is on the server.
name = {name}
description = {description}
stateless = true
hints = []
# alias = "a-name-that-is-unique"

[build]
python = "{python}"
apt = []
# The function of reactor.py that answers messages; without it the file is run as a script.
{entry}

# Variables of every execution. What must stay secret goes into secrets.json, which is no part
# of the image.
[env]
"""

_DOCKERFILE = """\
# Made by `abaco init`. `abaco deploy` lets the server build the same without this file;
# `abaco deploy --docker` and `docker build .` use it, for an image that runs on any Abaco.
{base}
FROM ${{base}}
COPY requirements.txt /tmp/requirements.txt
RUN python -m pip install --no-cache-dir -r /tmp/requirements.txt
COPY runtime /opt/abaco
COPY . /app
WORKDIR /app
ENV PYTHONPATH=/opt/abaco \\
    _abaco_source=/app/reactor.py{entry}
CMD ["python", "-m", "abaco_runtime"]
"""

_IGNORED = """\
# No part of the image, whichever way it is built.
.git
.gitignore
.dockerignore
.venv
**/__pycache__
Dockerfile
README.md
abaco.toml
secrets.json
"""

_README = """\
# {name}

{description}

    abaco deploy                        # build it and register it; again after each change
    abaco submit {name} "a message" --wait

`reactor.py` is the code, `abaco.toml` its settings, `requirements.txt` its Python packages; every
other file here that `.dockerignore` does not name lies beside the code. `runtime/` holds what
`reactor.py` imports, for images that are built elsewhere.
"""
