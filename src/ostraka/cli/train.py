"""`ostraka train …`: make classifiers."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ostraka.errors import MissingExtraError

app = typer.Typer(help="Train classifiers.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Train classifiers."""


@app.command()
def bundled(
    folders: Annotated[list[Path], typer.Argument(help="Folders of SOURCE/train.jsonl[.zst].")],
    output: Annotated[Path, typer.Option(help="Folder to write the classifier into.")],
    recipe: Annotated[
        Path | None, typer.Option(help="Another recipe than the one shipped.")
    ] = None,
    base: Annotated[str, typer.Option(help="Encoder to start from: a folder or name.")] = "minilm",
    threads: Annotated[int, typer.Option(help="Threads; 1 gives the same bytes each time.")] = 1,
    with_encoder: Annotated[bool, typer.Option(help="Train the encoder stage too.")] = True,
) -> None:
    """Train the classifier that ships with the package."""
    try:
        import torch

        from ostraka.train.bundled import train_bundled
        from ostraka.train.recipe import load_recipe
    except ImportError as error:
        raise MissingExtraError("train", "Training") from error
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
            for name in (("lexical", "encoder") if with_encoder else ("lexical",))
        }
        smooth: dict[str, float] = {}

        def report(stage: str, step: int, steps: int, loss: float) -> None:
            if step == 1:
                progress.start_task(tasks[stage])
            smooth[stage] = 0.99 * smooth.get(stage, loss) + 0.01 * loss
            progress.update(tasks[stage], completed=step, total=steps, loss=smooth[stage])

        train_bundled(
            folders,
            output,
            load_recipe(recipe),
            base=base,
            with_encoder=with_encoder,
            report=report,
        )
    typer.echo(f"Wrote {output}. Look at it: ostraka evaluate FOLDER --model-folder {output}")
