"""Events on their way to webhooks, schedules, and the actors that have a clock."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _deliveries()
    _schedules()
    _partial("actors_with_clock", "actors", ["seq"], "cron_next_ex IS NOT NULL")


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("seq", Number, sa.Identity(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_time", sa.BigInteger()),
        sa.Column("last_time", sa.BigInteger()),
        sa.Column("answer", sa.Integer()),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deliveries_create_time", "deliveries", ["create_time"])
    op.create_index("deliveries_of_actor", "deliveries", ["actor_id", "seq"])
    _partial("deliveries_waiting", "deliveries", ["actor_id", "seq"], "status = 'WAITING'")


def _schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("seq", Number, sa.Identity(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("api_server", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("coalesce", sa.Boolean(), nullable=False),
        sa.Column("misfire_grace", Number),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("next_time", sa.BigInteger()),
        sa.Column("last_time", sa.BigInteger()),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_schedules_actor_id", "schedules", ["actor_id"])
    op.create_index("ix_schedules_next_time", "schedules", ["next_time"])


def downgrade() -> None:
    """The store only goes forward."""
    raise NotImplementedError


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(
        name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )
