"""Aliases and nonces."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _aliases()
    _nonces()


def downgrade() -> None:
    """A database is only ever brought up to date."""
    raise NotImplementedError


def _seq() -> sa.Column[int]:
    return sa.Column("seq", Number, sa.Identity(), nullable=False)


def _aliases() -> None:
    op.create_table(
        "aliases",
        _seq(),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("tenant", "alias", name="aliases_one_per_tenant"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_aliases_actor_id", "aliases", ["actor_id"])


def _nonces() -> None:
    op.create_table(
        "nonces",
        _seq(),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text()),
        sa.Column("alias", sa.Text()),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("max_uses", Number, nullable=False),
        sa.Column("remaining_uses", Number, nullable=False),
        sa.Column("current_uses", Number, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("last_use_time", sa.BigInteger()),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("digest"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_nonces_actor_id", "nonces", ["actor_id"])
    op.create_index("nonces_of_alias", "nonces", ["tenant", "alias"])
