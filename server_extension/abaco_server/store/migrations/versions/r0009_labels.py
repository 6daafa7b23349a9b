"""What executions are found again by, and which are tried once more."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("executions", sa.Column("label", sa.Text()))
    op.add_column("executions", sa.Column("retry_of", sa.Text()))
    where = sa.text("label IS NOT NULL")
    op.create_index(
        "executions_labelled",
        "executions",
        ["actor_id", "label", "seq"],
        sqlite_where=where,
        postgresql_where=where,
    )


def downgrade() -> None:
    """The store only goes forward."""
    raise NotImplementedError
