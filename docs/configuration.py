"""Writes docs/configuration.md: every trait of AbacoApp, with its default and its help.

python docs/configuration.py; a test compares the page with the code.
"""

from pathlib import Path

from jupyter_server.extension.application import ExtensionApp

from abaco_server.app import AbacoApp

PAGE = Path(__file__).with_name("configuration.md")
HEAD = """\
# Configuration

Made by `python docs/configuration.py` from the traits of `AbacoApp`. Set them on the command line
(`jupyter lab --AbacoApp.runner=process`) or in `jupyter_server_config.py`:

```python
c.AbacoApp.runner = "process"
```

| `c.AbacoApp.` | default | |
|---|---|---|
"""
COMPUTED = {
    "data_dir": "`abaco` in Jupyter's data directory",
    "store_url": "`sqlite:///<data_dir>/abaco.db`",
    "capacity": "8 per CPU, at least 16",
}
"""Defaults that depend on the machine."""


def page() -> str:
    jupyters = ExtensionApp.class_traits(config=True)
    all_of_them = AbacoApp.class_traits(config=True)
    traits = {name: trait for name, trait in all_of_them.items() if name not in jupyters}
    return HEAD + "".join(_row(name, traits[name]) for name in traits)


def _row(name: str, trait: object) -> str:
    default = COMPUTED.get(name) or f"`{trait.default()!r}`".replace("'", '"')
    text = " ".join(trait.help.split()).replace("|", r"\|")
    return f"| `{name}` | {default} | {text} |\n"


if __name__ == "__main__":
    PAGE.write_text(page())
