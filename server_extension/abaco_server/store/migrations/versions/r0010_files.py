"""Digests, with spaces between them, of the payload files that stand beside a message."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_THERE = sa.text("files IS NOT NULL")


def upgrade() -> None:
    op.add_column("messages", sa.Column("files", sa.Text()))
    # Holds their rows alone: a list of many files is too long for an index of PostgreSQL.
    op.create_index(
        "messages_files", "messages", ["seq"], sqlite_where=_THERE, postgresql_where=_THERE
    )


def downgrade() -> None:
    """The store only goes forward."""
    raise NotImplementedError
