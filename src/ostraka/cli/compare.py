"""`ostraka models compare`: two trained classifiers on the same labelled rows."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ostraka.assess.classifier import Classifier
from ostraka.cli.console import answers
from ostraka.errors import DataError, MissingExtraError, UnknownModelError
from ostraka.settings import load_settings
from ostraka.storage.location import Location
from ostraka.train.examples import Example, RowProblem, discover_targets, read_examples

if TYPE_CHECKING:
    from ostraka.train.comparison import Difference, TargetComparison

Model = Annotated[str, typer.Argument(help="A fine-tuned model's name (`ft:…`), or its folder.")]


def compare(
    first: Model,
    second: Model,
    data: Annotated[
        Path,
        typer.Option(
            help="Labelled rows that neither was trained on (JSONL).", exists=True, dir_okay=False
        ),
    ],
    draws: Annotated[int, typer.Option(min=100, help="Bootstrap draws.")] = 1000,
    confidence: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="Probability of the intervals.")
    ] = 0.95,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    texts: Annotated[int, typer.Option(min=0, help="Texts to show on which they disagree.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Compare two trained classifiers on labelled rows: F1 by label, and whether it is chance.

    A difference counts as beyond chance where its interval, from a paired bootstrap over the rows,
    leaves out zero.

    For example:

      ostraka models compare ft:classifier:…:a1b2c3d4 ft:classifier:…:e5f6a7b8 --data test.jsonl
      ostraka models compare old-folder new-folder --data test_file.jsonl --json
    """
    try:
        from ostraka.train.comparison import compare_classifiers
        from ostraka.train.training_data import TrainingData
    except ImportError as error:
        raise MissingExtraError("train", "Comparing classifiers") from error
    examples = _examples(data)
    found = compare_classifiers(
        load_classifier(first),
        load_classifier(second),
        TrainingData.of(examples, discover_targets(examples)),
        seed=seed,
        draws=draws,
        confidence=confidence,
        most_texts=texts,
    )
    if as_json:
        shown = {each.target: each.to_json() for each in found}
        typer.echo(json.dumps({"first": first, "second": second, "targets": shown}))
        return
    console = answers()
    console.print(Text.assemble(("first:  ", "dim"), first, "\n", ("second: ", "dim"), second))
    for comparison in found:
        _print(console, comparison, confidence)


def load_classifier(name: str) -> Classifier:
    """The classifier of a fine-tuned model's name, or in a folder.

    Raises:
        UnknownModelError: neither.
        ArtefactError: its folder is incomplete or was changed.
    """
    settings = load_settings()
    if Path(name).is_dir():
        return Classifier.load(Path(name), threads=settings.encoder_threads)
    location = Location.parse(settings.resolved_database_url)
    if not location.exists():
        raise UnknownModelError(
            f"'{name}' is no folder, and no fine-tuned model was made yet.", field="model"
        )
    # SQLAlchemy takes half a second to import, which folders need not pay.
    from ostraka.factory.base import Factory
    from ostraka.factory.serving import Serving

    factory = Factory.open(settings)
    try:
        return Serving(factory).classifier(name)
    finally:
        factory.database.close()


def _examples(path: Path) -> list[Example]:
    examples: list[Example] = []
    with path.open("rb") as lines:
        for _, row in read_examples(lines, path.name):
            if isinstance(row, RowProblem):
                raise DataError(f"{row}. See all of them with: ostraka data check {path}")
            examples.append(row)
    if not examples:
        raise DataError(f"{path} has no rows")
    return examples


def _print(console: Console, comparison: "TargetComparison", confidence: float) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("F1", no_wrap=True)
    for heading in ("rows", "first", "second", "difference", f"{confidence:.0%} interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    _add(table, Text("macro", "bold"), comparison.rows, comparison.macro_f1)
    for label, difference in comparison.labels.items():
        _add(table, Text(label), comparison.support[label], difference)
    console.print(f"\n[bold]{comparison.target}[/], {comparison.rows:,} rows")
    console.print(table, soft_wrap=False)
    different = comparison.disagreeing_rows
    console.print(f"They say different things of {different:,} row{'s' if different != 1 else ''}.")
    for each in comparison.disagreements:
        words = " ".join(each.text.split())
        console.print(Text(f"\n  {words if len(words) < 160 else words[:159] + '…'}"))
        console.print(
            Text(
                f"  labelled {_labels(each.truth)}; first says {_labels(each.first)}, "
                f"second {_labels(each.second)}",
                "dim",
            )
        )


def _add(table: Table, name: Text, rows: int, figure: "Difference") -> None:
    sign: Any = Text("")
    if figure.is_beyond_chance:
        better = figure.difference > 0.0
        sign = Text(
            "second is better" if better else "first is better", "green" if better else "red"
        )
    table.add_row(
        name,
        f"{rows:,}",
        f"{figure.first:.3f}",
        f"{figure.second:.3f}",
        f"{figure.difference:+.3f}",
        f"{figure.low:+.3f} to {figure.high:+.3f}",
        sign,
    )


def _labels(labels: tuple[str, ...]) -> str:
    return ", ".join(labels) or "none"
