"""A counter of actors that survives them, and an index of executions that failed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "counters",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", Number, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    # Of the actors that are gone, those that have run something are still known.
    op.execute(
        "INSERT INTO counters (name, value) SELECT 'actors', COUNT(*) FROM"
        " (SELECT id FROM actors UNION SELECT actor_id FROM totals) AS known"
    )
    where = sa.text("status = 'ERROR'")
    op.create_index(
        "executions_failed",
        "executions",
        ["actor_id", "seq"],
        sqlite_where=where,
        postgresql_where=where,
    )


def downgrade() -> None:
    """The store only goes forward."""
    raise NotImplementedError
