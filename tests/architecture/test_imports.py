"""The arrows of DESIGN.md, section 4: who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "server_extension" / "abaco_server"
NOTEBOOK = ROOT / "abaco_jupyter"
CONTAINER = ROOT / "images" / "runtime" / "abaco_runtime"

SERVER_ARROWS = {
    "model": {"wire"},
    "store": {"model", "wire"},
    "queue": {"store", "model", "wire"},
    "runners": {"model", "wire"},
    "outcomes": {"store", "queue", "model", "wire"},
    "workers": {"queue", "runners", "outcomes", "model", "wire"},
    "service": {"queue", "builds", "store", "model", "wire"},
    "events": {"store", "model", "wire"},
    "cron": {"store", "model", "wire"},
    "builds": {"store", "model", "wire"},
    "metrics": {"model", "wire"},
    "web": {"service", "events.stream", "events.news", "model", "wire"},
}
LIBRARY_HOMES = {
    "tornado": {"web", "app"},
    "jupyter_server": {"web", "app"},
    "traitlets": {"app", "run_traits", "service_traits", "token_command"},
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "prometheus_client": {"metrics"},
    "docker": {"runners", "builds"},
    "cryptography": {"service"},
    "httpx": {"events/webhooks.py"},
    "croniter": {"cron/five_fields.py"},
}
NOTEBOOK_HOMES = {
    "httpx": {"client/transport.py"},
    "websocket": {"client/channel.py"},
    "IPython": {"magics", "show", "__init__.py"},
    "cloudpickle": {"wire/call.py", "executor/pickling.py"},
    "dask": {"executor/dask.py"},
    "joblib": {"executor/joblib.py"},
    "typer": {"cli"},
    "rich": {"cli"},
    "ipywidgets": {"show"},
    "anywidget": {"show"},
}


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            found.add(module)
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


def _package(path: Path) -> str:
    """`store/tables.py` -> store; `app.py` -> app."""
    return path.relative_to(SERVER).parts[0].removesuffix(".py")


def _server_files() -> list[Path]:
    return sorted(SERVER.rglob("*.py"))


def _ours(imported: set[str]) -> set[str]:
    """`abaco_server.store.tables` -> store.tables; `abaco_jupyter.wire.ids` -> wire."""
    names = {name.removeprefix("abaco_server.") for name in imported if "abaco_server." in name}
    return names | {"wire" for name in imported if name.startswith("abaco_jupyter.wire")}


@pytest.mark.parametrize("package", SERVER_ARROWS)
def test_server_packages_import_only_along_their_arrows(package: str) -> None:
    allowed = SERVER_ARROWS[package] | {package}
    for path in sorted((SERVER / package).rglob("*.py")):
        for name in _ours(_imports(path)):
            ok = any(name == room or name.startswith(room + ".") for room in allowed)
            assert ok, f"{path.relative_to(ROOT)} imports {name}; allowed: {sorted(allowed)}"


def test_every_server_package_has_its_arrows_drawn() -> None:
    rooms = {path.name for path in SERVER.iterdir() if (path / "__init__.py").is_file()}
    assert rooms == set(SERVER_ARROWS)


@pytest.mark.parametrize("library", LIBRARY_HOMES)
def test_each_library_lives_in_its_rooms_on_the_server(library: str) -> None:
    for path in _server_files():
        if any(name.split(".")[0] == library for name in _imports(path)):
            homes = {_package(path), path.relative_to(SERVER).as_posix()}
            assert homes & LIBRARY_HOMES[library], path.relative_to(ROOT)


@pytest.mark.parametrize("library", NOTEBOOK_HOMES)
def test_each_library_lives_in_its_rooms_in_the_notebook(library: str) -> None:
    for path in sorted(NOTEBOOK.rglob("*.py")):
        if any(name.split(".")[0] == library for name in _imports(path)):
            where = path.relative_to(NOTEBOOK).as_posix()
            homes = NOTEBOOK_HOMES[library]
            assert where in homes or where.split("/")[0] in homes, where


def test_the_server_takes_only_the_contract_from_the_notebook_side() -> None:
    for path in _server_files():
        for name in _imports(path):
            assert not name.startswith("abaco_jupyter") or name.startswith("abaco_jupyter.wire"), (
                f"{path.relative_to(ROOT)} imports {name}"
            )
            assert not name.startswith("abaco_runtime"), path.relative_to(ROOT)


def test_the_notebook_side_takes_nothing_from_the_server_but_the_hook() -> None:
    for path in sorted(NOTEBOOK.rglob("*.py")):
        if path == NOTEBOOK / "__init__.py":
            continue  # _jupyter_server_extension_points names AbacoApp
        for name in _imports(path):
            assert not name.startswith(("abaco_server", "abaco_runtime")), path.relative_to(ROOT)


def test_the_command_line_stands_on_the_client_as_notebooks_do() -> None:
    rooms = ("cli", "client", "wire", "build", "show", "functions.checks")
    allowed = tuple(f"abaco_jupyter.{room}" for room in rooms)
    for path in sorted((NOTEBOOK / "cli").rglob("*.py")):
        for name in _imports(path):
            assert not name.startswith("abaco_jupyter") or name.startswith(allowed), (path, name)


def test_the_contract_needs_only_msgspec() -> None:
    allowed = sys.stdlib_module_names | {"msgspec", "abaco_jupyter", "cloudpickle"}
    for path in sorted((NOTEBOOK / "wire").rglob("*.py")):
        for name in _imports(path):
            assert name.split(".")[0] in allowed, f"{path.relative_to(ROOT)} imports {name}"
            assert not name.startswith("abaco_jupyter") or name.startswith("abaco_jupyter.wire")


def test_the_runtime_needs_the_standard_library_and_cloudpickle() -> None:
    allowed = sys.stdlib_module_names | {"abaco_runtime", "cloudpickle"}
    for path in sorted(CONTAINER.rglob("*.py")):
        for name in _imports(path):
            assert name.split(".")[0] in allowed, f"{path.relative_to(ROOT)} imports {name}"


def test_jupyters_start_waits_for_neither_store_nor_engine() -> None:
    asked = "import sys, abaco_server.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert not {"sqlalchemy", "docker", "abaco_server.service"} & set(done.stdout.split())


def test_the_server_never_unpickles() -> None:
    for path in _server_files():
        assert not _imports(path) & {"pickle", "cloudpickle", "dill", "marshal"}, path


def test_no_module_is_a_drawer_for_everything() -> None:
    for side in (SERVER, NOTEBOOK, CONTAINER):
        for path in side.rglob("*.py"):
            assert path.stem not in {"utils", "helpers", "common", "misc"}, path
            assert "manager" not in path.stem, path
            assert len(path.read_text().splitlines()) <= 400, f"{path} is too long"
