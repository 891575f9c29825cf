"""The one history of the schema: what `ostraka.storage.schema` runs through Alembic."""
