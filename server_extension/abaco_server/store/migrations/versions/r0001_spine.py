"""The tables of the spine."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _actors()
    _builds()
    _executions()
    _logs()
    _messages()
    _outbox()
    _permissions()
    _results()
    _totals()
    _workers()


def downgrade() -> None:
    """There is nothing older."""
    raise NotImplementedError


def _seq() -> sa.Column[int]:
    return sa.Column("seq", Number, sa.Identity(), nullable=False)


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(
        name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )


def _actors() -> None:
    op.create_table(
        "actors",
        _seq(),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("api_server", sa.Text(), nullable=False),
        sa.Column("image", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_message", sa.Text()),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("last_update_time", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("stateless", sa.Boolean(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("webhook", sa.Text(), nullable=False),
        sa.Column("token", sa.Boolean()),
        sa.Column("hints", sa.Text(), nullable=False),
        sa.Column("privileged", sa.Boolean(), nullable=False),
        sa.Column("use_container_uid", sa.Boolean(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("max_workers", Number),
        sa.Column("max_cpus", Number),
        sa.Column("mem_limit", sa.Text()),
        sa.Column("default_environment", sa.Text(), nullable=False),
        sa.Column("log_ex", Number),
        sa.Column("cron_on", sa.Boolean(), nullable=False),
        sa.Column("cron_schedule", sa.Text()),
        sa.Column("cron_next_ex", sa.Text()),
        sa.Column("state", sa.Text()),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("mounts", sa.Text(), nullable=False),
        sa.Column("tasdir", sa.Text()),
        sa.Column("uid", Number),
        sa.Column("gid", Number),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_actors_tenant", "actors", ["tenant"])


def _builds() -> None:
    op.create_table(
        "builds",
        _seq(),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("image", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("finish_time", sa.BigInteger()),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("cached", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_builds_image", "builds", ["image"])


def _executions() -> None:
    op.create_table(
        "executions",
        _seq(),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("api_server", sa.Text(), nullable=False),
        sa.Column("executor", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("message_received_time", sa.BigInteger(), nullable=False),
        sa.Column("worker_id", sa.Text()),
        sa.Column("start_time", sa.BigInteger()),
        sa.Column("finish_time", sa.BigInteger()),
        sa.Column("runtime", Number, nullable=False),
        sa.Column("cpu", Number, nullable=False),
        sa.Column("io", Number, nullable=False),
        sa.Column("exit_code", sa.Text()),
        sa.Column("final_state", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("exception", sa.Text()),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("executions_of_actor", "executions", ["actor_id", "seq"])
    _partial("executions_running", "executions", ["actor_id"], "status = 'RUNNING'")


def _logs() -> None:
    op.create_table(
        "logs",
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("execution_id"),
    )
    op.create_index("ix_logs_actor_id", "logs", ["actor_id"])
    op.create_index("ix_logs_expires", "logs", ["expires"])


def _messages() -> None:
    op.create_table(
        "messages",
        _seq(),
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("digest", sa.Text()),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("executor", sa.Text(), nullable=False),
        sa.Column("put_time", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger()),
        sa.Column("worker_id", sa.Text()),
        sa.Column("until", sa.BigInteger()),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("execution_id"),
        sqlite_autoincrement=True,
    )
    _partial("messages_digest", "messages", ["digest"], "digest IS NOT NULL")
    _partial("messages_on_loan", "messages", ["actor_id", "until"], "worker_id IS NOT NULL")
    _partial("messages_waiting", "messages", ["actor_id", "seq"], "worker_id IS NULL")


def _outbox() -> None:
    op.create_table(
        "outbox",
        _seq(),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )


def _permissions() -> None:
    op.create_table(
        "permissions",
        _seq(),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("actor_id", "username", name="permissions_one_per_user"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_permissions_username", "permissions", ["username"])


def _results() -> None:
    op.create_table(
        "results",
        _seq(),
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("digest", sa.Text()),
        sa.Column("popped", sa.Boolean(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("execution_id", "key", name="results_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_results_expires", "results", ["expires"])
    _partial("results_digest", "results", ["digest"], "digest IS NOT NULL")


def _totals() -> None:
    op.create_table(
        "totals",
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("executions", Number, nullable=False),
        sa.Column("cpu", Number, nullable=False),
        sa.Column("io", Number, nullable=False),
        sa.Column("runtime", Number, nullable=False),
        sa.PrimaryKeyConstraint("actor_id"),
    )


def _workers() -> None:
    op.create_table(
        "workers",
        _seq(),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("image", sa.Text()),
        sa.Column("location", sa.Text()),
        sa.Column("cid", sa.Text()),
        sa.Column("host_id", sa.Text()),
        sa.Column("host_ip", sa.Text()),
        sa.Column("last_execution_time", sa.BigInteger()),
        sa.Column("last_health_check_time", sa.BigInteger()),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_workers_actor_id", "workers", ["actor_id"])
