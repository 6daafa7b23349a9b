"""The schema's revision: checked with one SELECT, changed by Alembic."""

from pathlib import Path

from sqlalchemy import Connection, Engine, text

HEAD = "0010"
"""The newest revision in `store/migrations/versions`."""

MIGRATIONS = Path(__file__).parent.parent / "migrations"

_LOCK = 0x6162_6163_6F00
"""PostgreSQL's advisory lock while a schema changes: "abaco"."""


class DatabaseIsNewer(RuntimeError):
    """The database was written by a later release, whose schema this one does not know."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"the database has schema revision {revision}, but this abaco-jupyter knows"
            f" revisions up to {HEAD}: update abaco-jupyter, or name another database"
        )


def bring_up_to_date(engine: Engine) -> None:
    """Create or migrate the schema in one transaction. Raises DatabaseIsNewer."""
    with engine.begin() as conn:
        if revision(conn) == HEAD:
            return
        if conn.dialect.name == "postgresql":
            conn.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        _upgrade(conn)


def revision(conn: Connection) -> str | None:
    """None for an empty database."""
    if not conn.dialect.has_table(conn, "alembic_version"):
        return None
    found: str | None = conn.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _upgrade(conn: Connection) -> None:
    # Imported late: Alembic takes longer to import than the rest of the store to open.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    current = revision(conn)
    if current is not None and current not in known:
        raise DatabaseIsNewer(current)
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
