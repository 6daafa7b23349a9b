"""When a message was taken, and the memory that its execution used at most."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("executions", sa.Column("taken_time", sa.BigInteger()))
    op.add_column(
        "executions", sa.Column("peak_memory", Number, nullable=False, server_default="0")
    )


def downgrade() -> None:
    """The store only goes forward."""
    raise NotImplementedError
