"""What all tests share: which services are here, and what must not be skipped.

`ABACO_TEST_REQUIRE=docker,browser,postgresql` (set by `.ci/run`) turns a test that would be
skipped for want of one of these into a failure.
"""

import functools
import os
import shutil
import subprocess

import pytest

pytest_plugins = ["pytest_jupyter.jupyter_server"]


@functools.cache
def _missing(service: str) -> str | None:
    """Why `service` cannot be used, or None."""
    match service:
        case "docker":
            if shutil.which("docker") is None:
                return "there is no docker client"
            answer = subprocess.run(
                ["docker", "image", "inspect", "abaco-jupyter/python:3.11"],
                capture_output=True,
                text=True,
                check=False,
            )
            return answer.stderr.strip() or None
        case "browser":
            return None if _chromium() else "there is no chromium"
        case _:
            return None if os.environ.get("ABACO_TEST_POSTGRESQL") else "no database was started"


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


def pytest_runtest_setup(item: pytest.Item) -> None:
    required = os.environ.get("ABACO_TEST_REQUIRE", "").split(",")
    for service in ("docker", "browser", "postgresql"):
        if item.get_closest_marker(service) is None:
            continue
        reason = _missing(service)
        if reason is None:
            continue
        if service in required:
            pytest.fail(f"{service} is required here, but {reason}", pytrace=False)
        pytest.skip(f"needs {service}: {reason}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Why those failed that passed when they were run once more."""
    for report in terminalreporter.stats.get("rerun", ()):
        terminalreporter.section(f"failed at first: {report.nodeid}", sep="_")
        terminalreporter.line(report.longreprtext)


@pytest.fixture(scope="session")
def chromium() -> str:
    path = _chromium()
    assert path is not None
    return path
