"""Builds: attempts to make an image."""

from typing import Any

from sqlalchemy import Connection

from abaco_jupyter.wire.codes import BuildStatus
from abaco_server.model.build import Build


def insert(conn: Connection, build: Build) -> None:
    raise NotImplementedError


def get(conn: Connection, build_id: str) -> Build | None:
    raise NotImplementedError


def by_digest(conn: Connection, image: str) -> Build | None:
    """The newest READY build of this image."""
    raise NotImplementedError


def unfinished(conn: Connection) -> list[Build]:
    """Oldest first."""
    raise NotImplementedError


def set_status(conn: Connection, build_id: str, status: BuildStatus, **fields: Any) -> bool:
    """Set the status and `fields` of Build; False when the table has no way there.

    The same status again is True and changes the fields alone, unless the build has ended.
    """
    raise NotImplementedError


def delete_old(conn: Connection, keep: int) -> int:
    """Delete all ended builds but the newest `keep`."""
    raise NotImplementedError
