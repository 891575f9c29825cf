"""`ostraka data prepare civil-comments`."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.markdown import Markdown

from ostraka.bulk.formats import Format
from ostraka.cli import data_prepare_options as options
from ostraka.cli.console import answers
from ostraka.cli.data_files import Told, batches, files_of_parts, open_source, progress
from ostraka.errors import DataError, InvalidInputError
from ostraka.taxonomy import CIVIL_COMMENTS
from ostraka.train.preparation.balanced import Balance
from ostraka.train.preparation.files import PARTS, refuse_taken
from ostraka.train.preparation.order import shard_order
from ostraka.train.preparation.outcome import OUTPUTS, readable, write
from ostraka.train.preparation.pool import Batch, Pool, in_batches
from ostraka.train.preparation.recipe import WHOLE, Options, Recipe, select
from ostraka.train.public import PUBLIC_SETS, public_columns

_SET = "civil_comments"


def prepare(
    name: options.Name,
    path: options.Source = None,
    output: options.Output = Path("."),
    recipe: options.Recipe = Recipe.BALANCED,
    threshold: options.Threshold = 0.5,
    train_rows: options.TrainRows = None,
    validation_rows: options.ValidationRows = None,
    test_rows: options.TestRows = None,
    seed: options.Seed = 42,
    clean_share: options.CleanShare = 0.5,
    frequent_share: options.FrequentShare = 0.5,
    frequent_from: options.FrequentFrom = 0.2,
    soft_labels: options.SoftLabels = True,
    target: options.Target = "moderation",
    text_column: options.TextColumn = "text",
    input_format: options.InputFormat = None,
    repository: options.Repository = None,
    skip_bad_rows: options.SkipBadRows = False,
    replace: options.Replace = False,
    as_json: options.AsJson = False,
) -> None:
    """Make the files of a training job from a public data set.

    Writes training_file.jsonl, validation_file.jsonl, test_file.jsonl, and a report as
    preparation.json and preparation.md.

    For example:

      ostraka data prepare civil-comments --output civil
      ostraka data prepare civil-comments comments.csv.gz -o civil --clean-share 0.6
      ostraka data prepare civil-comments --recipe notebook -o cookbook
    """
    if path is not None and repository is not None:
        raise InvalidInputError("a path and --repository do not go together", field="--repository")
    plan = Options(
        recipe=recipe,
        threshold=threshold,
        sizes=(train_rows, validation_rows, test_rows),
        seed=seed,
        target=target,
        balance=Balance(clean_share, frequent_share, frequent_from),
        soft_labels=soft_labels,
    )
    refuse_taken(output, OUTPUTS, replace=replace)
    output.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack, progress("Reading") as step:
        if path is None:
            order = partial(shard_order, seed=seed) if recipe is Recipe.NOTEBOOK else range
            parts = {part: _hub(part, repository, order, step(part)) for part in PARTS}
        else:
            parts = _files(path, input_format, (text_column, *CIVIL_COMMENTS.names), step)
        pools = {part: stack.enter_context(Pool(CIVIL_COMMENTS.names, output)) for part in parts}
        for part, pool in pools.items():
            for each, found in parts[part]:
                pool.read(found, each, text_column=text_column, skip_bad_rows=skip_bad_rows)
        source = {"name": path.name if path else repository or PUBLIC_SETS[_SET].repository}
        outcome = write(output, select(pools, plan), pools, plan, source, replace=replace)
    if as_json:
        typer.echo(json.dumps(outcome))
    else:
        report, console = readable(outcome), answers()
        # Rendered, lines are cut to a width, which files and pipes do not have.
        console.print(Markdown(report) if console.is_terminal else report, markup=False)


_Readings = Iterator[tuple[str, Iterator[Batch]]]


def _hub(part: str, repository: str | None, order: Any, report: Told) -> _Readings:
    own = next(name for name, theirs in PUBLIC_SETS[_SET].parts.items() if theirs == part)
    columns = ("text", *CIVIL_COMMENTS.names)
    chunks = public_columns(_SET, own, columns, repository=repository, shards=order)

    def counted() -> Iterator[Batch]:
        for batch in in_batches(chunks):
            yield batch
            report(batch.first + len(batch) - 1, None)

    yield part, counted()


def _files(
    path: Path, told: Format | None, columns: tuple[str, ...], step: Any
) -> dict[str, _Readings]:
    files = files_of_parts(path) if path.is_dir() else {WHOLE: [path]}
    for each in (file for group in files.values() for file in group):
        _check_columns(each, told, columns)
    return {
        part: iter([(str(file), batches(file, step(file.name), told)) for file in group])
        for part, group in files.items()
    }


def _check_columns(path: Path, told: Format | None, columns: tuple[str, ...]) -> None:
    source = open_source(path, told)
    missing = [column for column in columns if column not in source.columns]
    source.close()
    if missing:
        found = ", ".join(source.columns) or "none"
        raise DataError(f"{path} has no column '{missing[0]}'; its columns: {found}")
