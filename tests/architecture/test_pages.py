"""Pages for people say what the code says."""

import importlib
import re
import runpy
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_the_page_of_settings_names_every_trait_as_it_is() -> None:
    made = runpy.run_path(str(REPOSITORY / "docs/configuration.py"))
    assert made["PAGE"].read_text() == made["page"](), "run: python docs/configuration.py"


def test_the_page_of_the_command_line_names_every_command_as_it_is() -> None:
    made = runpy.run_path(str(REPOSITORY / "docs/cli.py"))
    assert made["PAGE"].read_text() == made["page"](), "run: python docs/cli.py"


def test_what_a_wheel_takes_along_is_there() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    for path in [*wheel["packages"], *wheel["shared-data"]]:
        assert (REPOSITORY / path).exists(), path


def test_every_program_of_the_distribution_is_there() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    for target in project["project"]["scripts"].values():
        module, _, function = target.partition(":")
        assert callable(getattr(importlib.import_module(module), function)), target


def test_the_readme_links_to_what_is_there() -> None:
    text = (REPOSITORY / "README.md").read_text()
    links = [part.partition(")")[0] for part in text.split("](")[1:]]
    for link in links:
        assert link.startswith("https://") or (REPOSITORY / link).exists(), link


def test_the_page_on_compatibility_names_tests_that_are_there() -> None:
    text = (REPOSITORY / "docs/compatibility.md").read_text()
    named = set(re.findall(r"`(?:\w+/)?(test_s?\w+)`", text))
    there = {path.stem for path in (REPOSITORY / "tests").rglob("test_*.py")}
    assert named <= there
    assert {path.stem for path in (REPOSITORY / "tests/reference").glob("test_*.py")} <= named
