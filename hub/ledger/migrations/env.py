"""Alembic environment: runs on the connection it is handed, in that connection's transaction."""

from alembic import context

from hub.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
