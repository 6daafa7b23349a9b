"""Run by Alembic: the caller's connection, in the caller's transaction."""

from alembic import context

from abaco_server.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
