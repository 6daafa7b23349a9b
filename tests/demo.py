"""`make demo`: a real server, a real kernel, the quickstart notebook, and what it answered."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from live_server import REPOSITORY, LiveServer


def main() -> int:
    home = Path(tempfile.mkdtemp(prefix="abaco-demo."))
    server = LiveServer(home, f"--AbacoApp.runner={_runner()}")
    shutil.copytree(REPOSITORY / "notebooks", server.root, dirs_exist_ok=True)
    _say("starting a Jupyter server with the extension ...")
    try:
        with server:
            _say("running notebooks/01_quickstart.ipynb in a kernel of its own ...")
            return _run(server)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _runner() -> str:
    """Docker where an engine answers and the base image is there or can be made."""
    if shutil.which("docker") is None or _fails("docker", "version"):
        _say("no Docker engine answers: messages will run in subprocesses")
        return "process"
    _say("a Docker engine answers; looking for the base image of actors ...")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    if _fails(str(REPOSITORY / "images/build.sh"), "--python", python, stderr=None):
        _say("the base image cannot be made: messages will run in subprocesses")
        return "process"
    return "docker"


def _fails(*command: str, stderr: int | None = subprocess.DEVNULL) -> bool:
    ran = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=stderr, check=False)
    return ran.returncode != 0


def _say(text: str) -> None:
    print(text, flush=True)


def _run(server: LiveServer) -> int:
    notebook = nbformat.read(server.root / "01_quickstart.ipynb", as_version=4)
    os.environ |= {"ABACO_URL": server.url, "ABACO_TOKEN": server.token, "ABACO_PLAIN": "1"}
    client = NotebookClient(
        notebook,
        extra_arguments=["--IPKernelApp.log_level=40"],
        timeout=600,
        resources={"metadata": {"path": str(server.root)}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        print(error, file=sys.stderr)
        print(server.log[-3000:], file=sys.stderr)
        return 1
    for cell in notebook.cells:
        if cell.cell_type == "code":
            _show(cell)
    print("\nThe quickstart ran to its end. `make lab` opens JupyterLab on it.")
    return 0


def _show(cell: nbformat.NotebookNode) -> None:
    print()
    for number, line in enumerate(cell.source.strip().splitlines()):
        print(f"{'...' if number else '>>>'} {line}".rstrip())
    text = "".join(
        output.get("text") or output.get("data", {}).get("text/plain", "") + "\n"
        for output in cell.outputs
    )
    for line in text.splitlines():
        print(f"    {line}")


if __name__ == "__main__":
    raise SystemExit(main())
