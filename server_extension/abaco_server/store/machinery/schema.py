"""The schema's revision: checked with one SELECT, changed by Alembic."""


class DatabaseIsNewer(RuntimeError):
    """The database was written by a later release, whose schema this one does not know."""
