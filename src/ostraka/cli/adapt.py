"""`ostraka adapt`: fit the classifier to an operator's own labels."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ostraka.assess.artefact import bundled_artefact_folder
from ostraka.errors import DataError, MissingExtraError
from ostraka.settings import load_settings


def adapt(
    labelled: Annotated[
        Path,
        typer.Argument(help='JSONL rows {"text": …, "labels": {"hate": 1, "insult": 0}}.'),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the new classifier.")],
    held_out: Annotated[
        Path | None, typer.Option(help="Rows to measure on, instead of a share of LABELLED.")
    ] = None,
    held_out_share: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Share of LABELLED kept to measure on.")
    ] = 0.25,
    precision: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="Precision that thresholds are chosen for.")
    ] = 0.9,
    model_folder: Annotated[
        Path | None, typer.Option(help="Classifier to start from; the bundled one by default.")
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed of the split and of cross-validation.")
    ] = 20261121,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Fit the classifier to your own labels: a few hundred rows do, in seconds.

    A label that a row leaves out is unknown, not 0. Serve the outcome with
    `OSTRAKA_MODEL_FOLDER=FOLDER ostraka serve`.
    """
    try:
        from ostraka.train import adapt as adaptation
        from ostraka.train.data import digest_files, read_rows
    except ImportError as error:
        raise MissingExtraError("train", "Adaptation") from error
    if not labelled.is_file():
        raise DataError(f"{labelled} is no file")
    rows = list(read_rows(labelled))
    if held_out is None:
        rows, kept = adaptation.split(rows, held_out_share, seed)
    else:
        kept = list(read_rows(held_out))
    base = model_folder or load_settings().model_folder or bundled_artefact_folder()
    done = adaptation.adapt(
        base,
        rows,
        output,
        held_out=kept,
        precision=precision,
        seed=seed,
        digests=digest_files([labelled]),
    )
    if as_json:
        typer.echo(json.dumps(asdict(done)))
        return
    _print(asdict(done), output, Console())


def _print(done: dict[str, Any], output: Path, console: Console) -> None:
    table = Table(
        title=f"On {done['held_out_rows']} held-out rows, before → after", title_justify="left"
    )
    for heading in (
        "category",
        "positives",
        "average precision",
        "ROC-AUC",
        "F1",
        "calibration error",
    ):
        table.add_column(heading, justify="left" if heading == "category" else "right")
    for name, after in done["after"].items():
        before = done["before"][name]
        table.add_row(
            name if name in (*done["adapted"], "any") else f"{name} (kept)",
            str(after["positives"]),
            *(
                f"{_figure(before[key])} → {_figure(after[key])}"
                for key in ("average_precision", "roc_auc", "f1", "calibration_error")
            ),
        )
    console.print(table)
    if done["kept"]:
        console.print(f"Too few rows to adapt, kept as they were: {', '.join(done['kept'])}.")
    console.print(
        f"Wrote {output}, fitted on {done['fitted_rows']} rows. "
        f"Serve it: OSTRAKA_MODEL_FOLDER={output} ostraka serve",
        soft_wrap=True,
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
