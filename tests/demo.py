"""`make demo`: a real server, a real kernel, the quickstart notebook, and what it answered."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from live_server import REPOSITORY, LiveServer


def main() -> int:
    home = Path(tempfile.mkdtemp(prefix="abaco-demo."))
    server = LiveServer(home)
    shutil.copytree(REPOSITORY / "notebooks", server.root, dirs_exist_ok=True)
    print("starting a Jupyter server with the extension ...", flush=True)
    try:
        with server:
            print("running notebooks/01_quickstart.ipynb in a kernel of its own ...", flush=True)
            return _run(server)
    finally:
        shutil.rmtree(home, ignore_errors=True)


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
    print("\nThe quickstart ran to its end. `make lab` opens it in JupyterLab.")
    return 0


def _show(cell: nbformat.NotebookNode) -> None:
    first = cell.source.strip().splitlines()[0] if cell.source.strip() else ""
    print(f"\n>>> {first}")
    for output in cell.outputs:
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        print("\n".join(f"    {line}" for line in str(text).rstrip().splitlines()))


if __name__ == "__main__":
    raise SystemExit(main())
