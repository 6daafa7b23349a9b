"""A list of many files is too long for an index of PostgreSQL: it holds their rows alone."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_THERE = sa.text("files IS NOT NULL")


def upgrade() -> None:
    op.drop_index("messages_files", "messages")
    op.create_index(
        "messages_files", "messages", ["seq"], sqlite_where=_THERE, postgresql_where=_THERE
    )


def downgrade() -> None:
    """The store only goes forward."""
    raise NotImplementedError
