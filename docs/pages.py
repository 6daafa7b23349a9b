"""Pages of the site that are made of other files: tutorials of the notebooks, the HTTP API of its
description, the explanation of the server of its own docstring."""

import ast
import json
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
METHODS = ("get", "post", "put", "delete")
OPENAPI = ROOT / "server_extension/abaco_server/web/openapi.yaml"
SERVER = ROOT / "server_extension/abaco_server/__init__.py"


def write(docs: Path) -> None:
    """Into `tutorial/` and `generated/`; what has not changed is left alone."""
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        _put(docs / "tutorial" / f"{notebook.stem}.md", tutorial(notebook))
    _put(docs / "generated/http.md", http_api())
    _put(docs / "generated/way.md", server_side())
    _put(docs / "generated/changelog.md", (ROOT / "CHANGELOG.md").read_text())
    _put(docs / "generated/contributing.md", (ROOT / "CONTRIBUTING.md").read_text())
    _put(docs / "generated/images.md", (ROOT / "images/README.md").read_text())
    _put(docs / "generated/benchmarks.md", benchmarks(docs / "benchmarks.md"))


def tutorial(path: Path) -> str:
    """A notebook as a page: its text, its code, and the outputs that its tests compare."""
    notebook = json.loads(path.read_text())
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
        elif source.strip():
            parts.append(_fence("ipython", source))
            parts += [_fence("text", text) for text in map(_text, cell["outputs"]) if text]
    note = f"```{{tip}}\nThis page is the notebook `notebooks/{path.name}`: run it there.\n```"
    title, _, rest = "\n\n".join(parts).partition("\n")
    return f"{title}\n\n{note}\n{rest}\n"


def benchmarks(found: Path) -> str:
    """What the last committed `make bench` found, if there was one."""
    if not found.exists():
        return "# Benchmarks\n\n`make bench` writes this page.\n"
    return found.read_text().replace("](benchmarks.svg)", "](../benchmarks.svg)")


def openapi() -> dict[str, Any]:
    """The description, read by the fast parser where there is one."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    read: dict[str, Any] = yaml.load(OPENAPI.read_text(), Loader=loader)
    return read


def http_api() -> str:
    """Every operation, by its tag, in the words of `openapi.yaml`."""
    described = openapi()
    lines = [
        "# HTTP API",
        "",
        "Made from `openapi.yaml`, which a running server shows at `/actors/v2/openapi.yaml` with "
        "all fields and answers. Paths stand below the server's base URL.",
    ]
    for tag in described["tags"]:
        found = [
            (path, method, operation)
            for path, item in described["paths"].items()
            for method, operation in item.items()
            if method in METHODS and tag["name"] in operation.get("tags", [])
        ]
        if found:
            lines += ["", f"## {tag['name'].capitalize()}", ""]
            lines += ["| | |", "|---|---|"]
            lines += [_operation(*one) for one in found]
    return "\n".join(lines) + "\n"


def server_side() -> str:
    """The server's own explanation, which stands where its code begins."""
    text = ast.get_docstring(ast.parse(SERVER.read_text())) or ""
    first, _, rest = text.partition("\n")
    return f"# The way of a message\n\n{first}\n\n{_blocks(rest)}\n"


def _blocks(text: str) -> str:
    """Indented lines as literal text."""
    parts = text.strip("\n").split("\n\n")
    shown = [
        _fence("text", "\n".join(line[4:] for line in part.split("\n")))
        if part.startswith("    ")
        else part
        for part in parts
    ]
    return "\n\n".join(shown)


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    summary = " ".join(operation["summary"].split()).replace("|", "\\|")
    return f"| `{method.upper()} {path}` | {summary} |"


def _text(output: dict[str, Any]) -> str:
    said = output.get("text") or output.get("data", {}).get("text/plain", "")
    return "".join(said).rstrip()


def _fence(language: str, text: str) -> str:
    ticks = "````" if "```" in text else "```"
    return f"{ticks}{language}\n{text}\n{ticks}"


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
