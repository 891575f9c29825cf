"""`ostraka database …`: look at the schema, bring it forward, take it back.

Servers and commands bring it forward by themselves; taking it back is for running an older
version again. SQLAlchemy is imported where it is used: it takes half a second.
"""

import json
from typing import Annotated

import typer

from ostraka.errors import InvalidInputError
from ostraka.settings import load_settings

app = typer.Typer(help="Look at the database's schema and change it.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Look at the database's schema and change it."""


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show the schema's revision and the newest that this version knows."""
    from ostraka.storage import schema
    from ostraka.storage.database import Database

    database = Database.at(load_settings().resolved_database_url)
    revision = database.revision() if database.location.exists() else None
    database.close()
    if as_json:
        typer.echo(json.dumps({"revision": revision, "newest": schema.HEAD}))
        return
    typer.echo(f"schema: {revision or 'nothing yet'}, newest: {schema.HEAD}")


@app.command()
def upgrade() -> None:
    """Bring the schema forward to the newest revision."""
    from ostraka.storage.database import Database

    database = Database.at(load_settings().resolved_database_url)
    database.prepare()
    typer.echo(f"schema: {database.revision()}")
    database.close()


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="Revision to go back to; `base` for nothing.")],
    yes: Annotated[bool, typer.Option("--yes", help="Yes, lose what has no place there.")] = False,
) -> None:
    """Take the schema back, for running an older version. Stop all servers first."""
    from ostraka.storage.database import Database

    if not yes:
        raise InvalidInputError(
            f"what has no place in revision '{revision}' would be lost; make a copy of the "
            "database, then add --yes"
        )
    database = Database.at(load_settings().resolved_database_url)
    database.downgrade(revision)
    typer.echo(f"schema: {database.revision() or 'nothing'}")
    database.close()
