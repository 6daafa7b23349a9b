"""Sphinx's settings: `make docs`. What is generated from the sources is written by `pages.py`."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import pages  # noqa: E402  beside this file

project = "abaco-jupyter"
author = "the abaco-jupyter authors"
release = version = version_of("abaco-jupyter")
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "benchmarks.md"]
html_theme = "furo"
html_title = "abaco-jupyter"
html_static_path: list[str] = []
templates_path: list[str] = []
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
add_module_names = False
python_use_unqualified_type_names = True
napoleon_google_docstring = False
napoleon_use_rtype = False
suppress_warnings = ["myst.xref_missing"]


def setup(app: object) -> None:
    pages.write(HERE)
