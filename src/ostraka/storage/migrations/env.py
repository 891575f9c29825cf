"""Alembic's way in: run the wanted revisions in the transaction that holds the lock."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
