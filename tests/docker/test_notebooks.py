"""Every notebook runs from top to bottom, and its checked cells answer what they answered."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from live_server import REPOSITORY, LiveServer

NOTEBOOKS = sorted(path.name for path in (REPOSITORY / "notebooks").glob("*.ipynb"))
OPTIONS = {
    # Its web server, to which an actor's events are posted, is on this machine.
    "03_events_and_cron.ipynb": ["--AbacoApp.allow_private_webhooks=True"],
}
ON_ONE_RUNNER = {"05_dask.ipynb", "07_dashboard.ipynb", "08_share_and_schedule.ipynb"}
"""What they show is the same on both, and the first installs packages."""

RUNS = [
    pytest.param(name, runner, marks=[pytest.mark.docker] if runner == "docker" else [])
    for name in NOTEBOOKS
    for runner in ("process", "docker")
    if runner == "process" or name not in ON_ONE_RUNNER
]


@pytest.mark.parametrize(("name", "runner"), RUNS)
def test_notebook(name: str, runner: str, tmp_path: Path) -> None:
    server = LiveServer(tmp_path / "server", f"--AbacoApp.runner={runner}", *OPTIONS.get(name, ()))
    shutil.copytree(REPOSITORY / "notebooks", server.root, dirs_exist_ok=True)
    with server:
        command = [
            *(sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q"),
            *("--nbval-cell-timeout=300", "-p", "no:cacheprovider", "-W", "default"),
            *(f"--rootdir={server.root}", str(server.root / name)),
        ]
        environment = os.environ | {
            "ABACO_URL": server.url,
            "ABACO_TOKEN": server.token,
            "ABACO_PLAIN": "1",
        }
        ran = subprocess.run(
            command, cwd=server.root, env=environment, capture_output=True, text=True, check=False
        )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert " passed" in ran.stdout
