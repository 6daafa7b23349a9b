"""The documentation site builds, and a warning is an error."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"),
        *("-d", str(tmp_path / "trees"), "docs", str(tmp_path / "site")),
    ]
    built = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-3000:]
    for page in ("index", "tutorial/01_quickstart", "reference/python", "generated/http"):
        assert (tmp_path / f"site/{page}.html").is_file(), page


def test_the_page_of_the_http_api_names_every_operation() -> None:
    sys.path.insert(0, str(REPOSITORY / "docs"))
    try:
        import pages
    finally:
        sys.path.pop(0)
    shown = pages.http_api()
    for operation in ("`POST /actors/v2/{actor_id}/messages`", "`GET /abaco/v1/events`"):
        assert operation in shown
    described = pages.openapi()["paths"]
    number = sum(method in pages.METHODS for item in described.values() for method in item)
    assert shown.count("\n| `") == number
