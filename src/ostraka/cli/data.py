"""`ostraka data …`: prepare, check and look at files of labelled rows."""

import typer

from ostraka.cli.data_check import check
from ostraka.cli.data_convert import convert
from ostraka.cli.data_from_decisions import from_decisions
from ostraka.cli.data_plot import plot
from ostraka.cli.data_prepare import prepare
from ostraka.cli.data_split import split

app = typer.Typer(help="Prepare, check and look at training data.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Prepare, check and look at files of labelled rows."""


for _command in (prepare, check, split, convert, plot, from_decisions):
    app.command()(_command)
