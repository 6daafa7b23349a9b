"""What an heir of this service must know of the group that a resident interpreter runs.

A file of lines, the last whole one counts: written with one call before the group is sent.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

FILE = "groups"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    number: int
    container_id: str
    actor_id: str
    worker_id: str
    image: str
    magic: str
    members: Sequence[str]
    """Execution ids."""
    journal: int
    """Where its part of the journal begins; records of other groups are told by their number."""


def write(file: int, paper: Paper) -> None:
    os.write(file, msgspec.json.encode(paper) + b"\n")


def read(path: Path) -> Paper | None:
    """None: it never was given a group."""
    try:
        lines = (path / FILE).read_bytes().split(b"\n")[:-1]
    except (FileNotFoundError, NotADirectoryError):
        return None
    for line in reversed(lines):
        try:
            return Paper(**json.loads(line))
        except (ValueError, TypeError):
            continue
    return None
