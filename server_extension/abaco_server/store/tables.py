"""Every table and index. A change here needs a migration beside it; a test compares the two.

`seq` gives order and is never shown. Ids are text and unique. There are no foreign keys:
executions outlive their actors, and totals outlive both.
"""

from sqlalchemy import (
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from abaco_jupyter.wire.codes import (
    ActorStatus,
    BuildStatus,
    ContentType,
    DeliveryStatus,
    EventType,
    ExecutionStatus,
    Level,
    WorkerStatus,
)
from abaco_server.store.machinery.columns import Choice, Json, Number, Prose, Time

metadata = MetaData()


def _seq() -> Column[int]:
    return Column("seq", Number, Identity(), primary_key=True)


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


actors = Table(
    "actors",
    metadata,
    _seq(),
    Column("id", Text, nullable=False, unique=True),
    Column("tenant", Text, nullable=False, index=True),
    Column("owner", Text, nullable=False),
    Column("api_server", Text, nullable=False),
    Column("image", Prose, nullable=False),
    Column("status", Choice(ActorStatus), nullable=False),
    Column("status_message", Prose),
    Column("create_time", Time, nullable=False),
    Column("last_update_time", Time, nullable=False),
    Column("name", Prose),
    Column("description", Prose, nullable=False),
    Column("stateless", Boolean, nullable=False),
    Column("type", Prose, nullable=False),
    Column("link", Prose, nullable=False),
    Column("webhook", Prose, nullable=False),
    Column("token", Boolean),
    Column("hints", Json, nullable=False),
    Column("privileged", Boolean, nullable=False),
    Column("use_container_uid", Boolean, nullable=False),
    Column("queue", Text, nullable=False),
    Column("max_workers", Number),
    Column("max_cpus", Number),
    Column("mem_limit", Prose),
    Column("default_environment", Json, nullable=False),
    Column("log_ex", Number),
    Column("cron_on", Boolean, nullable=False),
    Column("cron_schedule", Prose),
    Column("cron_next_ex", Prose),
    Column("state", Json),
    Column("revision", Integer, nullable=False),
    Column("mounts", Json, nullable=False),
    Column("tasdir", Prose),
    Column("uid", Number),
    Column("gid", Number),
    _partial("actors_with_clock", "seq", where="cron_next_ex IS NOT NULL"),
    sqlite_autoincrement=True,
)

permissions = Table(
    "permissions",
    metadata,
    _seq(),
    Column("actor_id", Text, nullable=False),
    Column("username", Text, nullable=False, index=True),
    Column("level", Choice(Level), nullable=False),
    UniqueConstraint("actor_id", "username", name="permissions_one_per_user"),
    sqlite_autoincrement=True,
)

totals = Table(
    "totals",
    metadata,
    Column("actor_id", Text, primary_key=True),
    Column("executions", Number, nullable=False),
    Column("cpu", Number, nullable=False),
    Column("io", Number, nullable=False),
    Column("runtime", Number, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Number, nullable=False),
)

executions = Table(
    "executions",
    metadata,
    _seq(),
    Column("id", Text, nullable=False, unique=True),
    Column("actor_id", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("api_server", Text, nullable=False),
    Column("executor", Prose, nullable=False),
    Column("status", Choice(ExecutionStatus), nullable=False),
    Column("message_received_time", Time, nullable=False),
    Column("worker_id", Text),
    Column("start_time", Time),
    Column("finish_time", Time),
    Column("runtime", Number, nullable=False),
    Column("cpu", Number, nullable=False),
    Column("io", Number, nullable=False),
    Column("exit_code", Json),
    Column("final_state", Json),
    Column("reason", Prose),
    Column("exception", Json),
    Column("taken_time", Time),
    Column("peak_memory", Number, nullable=False, server_default="0"),
    Column("label", Text),
    Column("retry_of", Text),
    Index("executions_of_actor", "actor_id", "seq"),
    _partial("executions_running", "actor_id", where="status = 'RUNNING'"),
    _partial("executions_failed", "actor_id", "seq", where="status = 'ERROR'"),
    _partial("executions_labelled", "actor_id", "label", "seq", where="label IS NOT NULL"),
    sqlite_autoincrement=True,
)

messages = Table(
    "messages",
    metadata,
    _seq(),
    Column("execution_id", Text, nullable=False, unique=True),
    Column("actor_id", Text, nullable=False),
    Column("content_type", Choice(ContentType), nullable=False),
    Column("body", LargeBinary),
    Column("digest", Text),
    Column("environment", Json, nullable=False),
    Column("executor", Prose, nullable=False),
    Column("put_time", Time, nullable=False),
    Column("not_before", Time),
    Column("worker_id", Text),
    Column("until", Time),
    Column("attempt", Integer, nullable=False),
    Column("files", Text),
    _partial("messages_waiting", "actor_id", "seq", where="worker_id IS NULL"),
    _partial("messages_on_loan", "actor_id", "until", where="worker_id IS NOT NULL"),
    _partial("messages_digest", "digest", where="digest IS NOT NULL"),
    _partial("messages_files", "seq", where="files IS NOT NULL"),
    sqlite_autoincrement=True,
)

logs = Table(
    "logs",
    metadata,
    Column("execution_id", Text, primary_key=True),
    Column("actor_id", Text, nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
    Column("expires", Time, nullable=False, index=True),
)

results = Table(
    "results",
    metadata,
    _seq(),
    Column("execution_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("body", LargeBinary),
    Column("digest", Text),
    Column("popped", Boolean, nullable=False),
    Column("expires", Time, nullable=False, index=True),
    UniqueConstraint("execution_id", "key", name="results_once"),
    _partial("results_digest", "digest", where="digest IS NOT NULL"),
    sqlite_autoincrement=True,
)

workers = Table(
    "workers",
    metadata,
    _seq(),
    Column("id", Text, nullable=False, unique=True),
    Column("actor_id", Text, nullable=False, index=True),
    Column("tenant", Text, nullable=False),
    Column("status", Choice(WorkerStatus), nullable=False),
    Column("create_time", Time, nullable=False),
    Column("image", Prose),
    Column("location", Text),
    Column("cid", Text),
    Column("host_id", Text),
    Column("host_ip", Text),
    Column("last_execution_time", Time),
    Column("last_health_check_time", Time),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    _seq(),
    Column("type", Choice(EventType), nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("time", Time, nullable=False),
    Column("facts", Json, nullable=False),
    sqlite_autoincrement=True,
)

builds = Table(
    "builds",
    metadata,
    _seq(),
    Column("id", Text, nullable=False, unique=True),
    Column("digest", Text, nullable=False),
    Column("image", Text, nullable=False, index=True),
    Column("owner", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("status", Choice(BuildStatus), nullable=False),
    Column("create_time", Time, nullable=False),
    Column("finish_time", Time),
    Column("log", Prose, nullable=False),
    Column("error", Prose),
    Column("cached", Boolean, nullable=False),
    sqlite_autoincrement=True,
)

aliases = Table(
    "aliases",
    metadata,
    _seq(),
    Column("tenant", Text, nullable=False),
    Column("alias", Text, nullable=False),
    Column("actor_id", Text, nullable=False, index=True),
    Column("owner", Text, nullable=False),
    UniqueConstraint("tenant", "alias", name="aliases_one_per_tenant"),
    sqlite_autoincrement=True,
)

nonces = Table(
    "nonces",
    metadata,
    _seq(),
    Column("digest", Text, nullable=False, unique=True),
    Column("sealed", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("actor_id", Text, index=True),
    Column("alias", Text),
    Column("owner", Text, nullable=False),
    Column("roles", Json, nullable=False),
    Column("level", Choice(Level), nullable=False),
    Column("max_uses", Number, nullable=False),
    Column("remaining_uses", Number, nullable=False),
    Column("current_uses", Number, nullable=False),
    Column("description", Prose, nullable=False),
    Column("create_time", Time, nullable=False),
    Column("last_use_time", Time),
    Index("nonces_of_alias", "tenant", "alias"),
    sqlite_autoincrement=True,
)

# ---- who may ask: credentials of ours ----------------------------------------------------------

tokens = Table(
    "tokens",
    metadata,
    _seq(),
    Column("id", Text, nullable=False, unique=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("tenant", Text, nullable=False, index=True),
    Column("username", Text, nullable=False),
    Column("roles", Json, nullable=False),
    Column("label", Prose, nullable=False),
    Column("create_time", Time, nullable=False),
    Column("expires", Time, index=True),
    Column("last_use_time", Time),
    sqlite_autoincrement=True,
)

configs = Table(
    "configs",
    metadata,
    _seq(),
    Column("tenant", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Prose, nullable=False),
    Column("is_secret", Boolean, nullable=False),
    Column("actors", Prose, nullable=False),
    Column("owner", Text, nullable=False),
    Column("roles", Json, nullable=False),
    UniqueConstraint("tenant", "name", name="configs_one_per_tenant"),
    sqlite_autoincrement=True,
)

config_actors = Table(
    "config_actors",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("identifier", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Index("config_actors_of_config", "tenant", "name"),
)

oauth_clients = Table(
    "oauth_clients",
    metadata,
    _seq(),
    Column("key", Text, nullable=False, unique=True),
    Column("secret", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Prose, nullable=False),
    Column("callback_url", Prose, nullable=False),
    Column("tier", Prose, nullable=False),
    Column("create_time", Time, nullable=False),
    UniqueConstraint("tenant", "owner", "name", name="oauth_clients_one_per_owner"),
    sqlite_autoincrement=True,
)

oauth_grants = Table(
    "oauth_grants",
    metadata,
    _seq(),
    Column("access", Text, nullable=False, unique=True),
    Column("refresh", Text, nullable=False, unique=True),
    Column("client_key", Text, nullable=False, index=True),
    Column("origin", Text, index=True),
    Column("tenant", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("roles", Json, nullable=False),
    Column("create_time", Time, nullable=False),
    Column("expires", Time, nullable=False),
    Column("refresh_expires", Time, nullable=False, index=True),
    sqlite_autoincrement=True,
)

# ---- schedules of ours, beside the actors' own clocks -----------------------------------------

schedules = Table(
    "schedules",
    metadata,
    _seq(),
    Column("id", Text, nullable=False, unique=True),
    Column("actor_id", Text, nullable=False, index=True),
    Column("tenant", Text, nullable=False),
    Column("api_server", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("cron", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("content_type", Choice(ContentType), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("coalesce", Boolean, nullable=False),
    Column("misfire_grace", Number),
    Column("create_time", Time, nullable=False),
    Column("next_time", Time, index=True),
    Column("last_time", Time),
    sqlite_autoincrement=True,
)

# ---- events on their way to webhooks ---------------------------------------------------------

deliveries = Table(
    "deliveries",
    metadata,
    _seq(),
    Column("id", Text, nullable=False, unique=True),
    Column("actor_id", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("event_type", Choice(EventType), nullable=False),
    Column("url", Prose, nullable=False),
    Column("payload", Json, nullable=False),
    Column("create_time", Time, nullable=False, index=True),
    Column("status", Choice(DeliveryStatus), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_time", Time),
    Column("last_time", Time),
    Column("answer", Integer),
    Column("error", Prose),
    Index("deliveries_of_actor", "actor_id", "seq"),
    _partial("deliveries_waiting", "actor_id", "seq", where="status = 'WAITING'"),
    sqlite_autoincrement=True,
)
