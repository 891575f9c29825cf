"""Export a fine-tuned encoder as ONNX, and prove that what is served answers as what was trained.

Where the int8 form strays too far from the trained model, the float32 form is served instead.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ostraka.assess.graph import open_graph
from ostraka.assess.target_calibration import TargetCalibration
from ostraka.assess.targets import Target
from ostraka.errors import ArtefactError
from ostraka.train.batches import pad
from ostraka.train.encoder import EncoderClassifier
from ostraka.train.onnx_graph import export_float, export_int8

GRAPH: Final = "encoder.onnx"
TOKENIZER: Final = "tokenizer.json"
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Parity:
    """How far an exported graph is from the trained model, on rows that both answered."""

    rows: int
    cosine: float
    """Of all logits of the one with all logits of the other."""
    mean_difference: float
    """Of probabilities, over all rows and labels."""
    largest_difference: float

    def within(self, limits: "Limits") -> bool:
        """Whether the graph may be served; what is not a number is not within any limit."""
        return (
            self.cosine >= limits.cosine
            and self.mean_difference <= limits.mean_difference
            and self.largest_difference <= limits.largest_difference
        )

    def __str__(self) -> str:
        return (
            f"on {self.rows} rows, cosine {self.cosine:.4f}, probabilities differ by "
            f"{self.mean_difference:.4f} on average and {self.largest_difference:.4f} at most"
        )

    def to_json(self) -> dict[str, Any]:
        """For events and the manifest."""
        return {
            name: value if isinstance(value, int) else float(f"{value:.6g}")
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class Limits:
    """What is still the same model."""

    cosine: float
    mean_difference: float
    largest_difference: float


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: `parity` is that of the form that is served."""

    parity: Parity
    refused: Parity | None = None
    """The int8 form's, where it strayed too far and the float32 form stands in for it."""

    @property
    def form(self) -> str:
        """`int8` or `float32`."""
        return "float32" if self.refused else "int8"


INT8_LIMITS: Final = Limits(cosine=0.99, mean_difference=0.02, largest_difference=0.25)
FLOAT_LIMITS: Final = Limits(cosine=0.9999, mean_difference=0.0005, largest_difference=0.005)


def export_onnx(model: EncoderClassifier, tokenizer: Any, folder: Path) -> None:
    """Write `encoder.onnx` (int8) and `tokenizer.json` into `folder`, unchecked."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = folder / "encoder.fp32.onnx"
    export_float(model, plain)
    export_int8(plain, folder / GRAPH)
    plain.unlink()
    tokenizer.backend_tokenizer.save(str(folder / TOKENIZER))


def graph_logits(file: Path, rows: Sequence[NDArray[np.int32]], threads: int = 1) -> Floats:
    """What a graph answers, every row in a pass of its own, as it is served."""
    session = open_graph(file, threads)
    answers = []
    for row in rows:
        ids = np.asarray(row, np.int64)[None]
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        answers.append(session.run(["logits"], inputs)[0][0])
    return np.array(answers, np.float32)


@dataclass(frozen=True, slots=True)
class Trained:
    """What the trained model answered, to hold an export against."""

    rows: Sequence[NDArray[np.int32]]
    logits: Floats
    targets: Sequence[Target]

    def compare(self, graph: Path) -> Parity:
        """How the graph in a file answers the same rows."""
        answers = graph_logits(graph, self.rows)
        a, b = self.logits.ravel().astype(np.float64), answers.ravel().astype(np.float64)
        chances = TargetCalibration.identity(self.targets)
        difference = np.abs(chances(self.logits) - chances(answers))
        norms = float(np.linalg.norm(a) * np.linalg.norm(b))
        return Parity(
            rows=len(answers),
            cosine=float(a @ b) / norms if norms else float(np.array_equal(a, b)),
            mean_difference=float(difference.mean()),
            largest_difference=float(difference.max()),
        )


def export_checked(
    model: EncoderClassifier,
    tokenizer: Any,
    trained: Trained,
    folder: Path,
    *,
    int8_limits: Limits = INT8_LIMITS,
) -> Exported:
    """Write `encoder.onnx` and `tokenizer.json`, if they answer as the trained model did.

    The int8 form is taken if it is close enough, else the float32 form.

    Raises:
        ArtefactError: even that answers differently. No graph is left behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plain, small = folder / "partial.float32", folder / "partial.int8"
    try:
        export_float(model, plain)
        whole = trained.compare(plain)
        if not whole.within(FLOAT_LIMITS):
            raise ArtefactError(
                "the exported encoder answers differently from the trained one and is not served "
                f"({whole})"
            )
        export_int8(plain, small)
        quantised = trained.compare(small)
        is_small = quantised.within(int8_limits)
        tokenizer.backend_tokenizer.save(str(folder / TOKENIZER))
        (small if is_small else plain).replace(folder / GRAPH)
    finally:
        plain.unlink(missing_ok=True)
        small.unlink(missing_ok=True)
    return Exported(quantised) if is_small else Exported(whole, refused=quantised)


def model_logits(model: nn.Module, rows: Sequence[NDArray[np.int32]]) -> Floats:
    """What a model in memory answers, row by row, as it is served."""
    with torch.no_grad():
        answers = [model(*pad([row])).numpy()[0] for row in rows]
    return np.array(answers, np.float32)
