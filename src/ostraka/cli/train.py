"""`ostraka train …`: make classifiers."""

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ostraka.errors import MissingExtraError

app = typer.Typer(help="Train classifiers.", no_args_is_help=True)


_ONLY: Final[dict[str | None, tuple[str, ...]]] = {
    None: ("lexical", "encoder"),
    "lexical": ("lexical",),
    "encoder": ("encoder",),
    "none": (),
}


@app.callback()
def _group() -> None:
    """Train classifiers."""


@app.command()
def bundled(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of SOURCE/train.jsonl[.zst], or public names: civil_comments."
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder to write the classifier into.")],
    recipe: Annotated[
        Path | None, typer.Option(help="Another recipe than the one shipped.")
    ] = None,
    base: Annotated[str, typer.Option(help="Encoder to start from: a folder or name.")] = "minilm",
    threads: Annotated[int, typer.Option(help="Threads; 1 gives the same bytes each time.")] = 1,
    only: Annotated[
        str | None,
        typer.Option(help="`lexical`, `encoder` or `none`: train only that; the rest stays."),
    ] = None,
) -> None:
    """Train the classifier that ships with the package."""
    try:
        import torch

        from ostraka.train.bundled import train_bundled
        from ostraka.train.recipe import load_recipe
    except ImportError as error:
        raise MissingExtraError("train", "Training") from error
    if only not in _ONLY:
        raise typer.BadParameter(f"one of {', '.join(filter(None, _ONLY))}", param_hint="--only")
    stages = _ONLY[only]
    torch.set_num_threads(threads)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("loss {task.fields[loss]:.4f}"),
        console=Console(stderr=True),
    )
    with progress:
        tasks = {
            name: progress.add_task(name, total=None, loss=float("nan"), start=False)
            for name in stages
        }
        smooth: dict[str, float] = {}

        def report(stage: str, step: int, steps: int, loss: float) -> None:
            if stage not in smooth:
                progress.start_task(tasks[stage])
            smooth[stage] = 0.99 * smooth.get(stage, loss) + 0.01 * loss
            progress.update(tasks[stage], completed=step, total=steps, loss=smooth[stage])

        train_bundled(
            folders,
            output,
            load_recipe(recipe),
            base=base,
            stages=stages,
            report=report,
        )
    typer.echo(f"Wrote {output}. Look at it: ostraka evaluate FOLDER --model-folder {output}")
