"""An actor's settings: what a PUT would put back to its default unless it is sent again."""

from typing import Any

DEFAULTS: dict[str, Any] = {
    "description": "",
    "stateless": True,
    "type": "none",
    "link": "",
    "token": "false",
    "webhook": "",
    "hints": [],
    "privileged": False,
    "maxWorkers": None,
    "memLimit": None,
    "maxCpus": None,
    "useContainerUid": False,
    "defaultEnvironment": {},
    "queue": "default",
    "logEx": None,
    "cronSchedule": None,
    "cronOn": False,
}
"""Every field that an update may set, but the image."""


def kept(record: dict[str, Any]) -> dict[str, Any]:
    """What to send again so that an update leaves it as it is.

    Defaults are left out: to name some fields takes a role, whatever their value.
    """
    return {
        name: record[name]
        for name, default in DEFAULTS.items()
        if record.get(name, default) not in (default, None, "")
    }


def agrees(record: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether the record has these settings already."""
    return all(record.get(name, DEFAULTS.get(name)) == value for name, value in wanted.items())
