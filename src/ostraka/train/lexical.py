"""Train the lexical stage: masked logistic regression over hashed features.

The features and their scaling are those of `ostraka.assess.lexical`, so what is trained is what
is served. Adagrad touches only the rows of the table that a batch names.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ostraka.assess.features import Features, extract
from ostraka.assess.normalize import normalize
from ostraka.train.augment import augment
from ostraka.train.data import Table
from ostraka.train.encoder import masked_loss


def fit_lexical(
    table: Table,
    options: dict[str, Any],
    *,
    seed: int,
    report: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (buckets, categories) and bias (categories,).

    `options` are the `[lexical]` keys of the recipe. Deterministic for the same rows and seed
    with one thread.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    buckets, width = int(options["buckets"]), len(table.categories)
    bags = torch.nn.EmbeddingBag(buckets, width, mode="sum", sparse=True)
    torch.nn.init.zeros_(bags.weight)
    bias = torch.nn.Parameter(_prior(table))
    rate = float(options["learning_rate"])
    sparse = torch.optim.Adagrad(bags.parameters(), lr=rate)
    dense = torch.optim.Adagrad([bias], lr=rate)
    texts = [
        normalize(augment(text, random) if random.random() < options["augmented"] else text)
        for text in table.texts
    ]
    labels, weights = torch.from_numpy(table.labels), torch.from_numpy(table.weights)
    size, epochs = int(options["batch"]), int(options["epochs"])
    steps, step = epochs * -(-len(texts) // size), 0
    for _ in range(epochs):
        order = random.permutation(len(texts))
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            words, grams = extract([texts[i] for i in batch])
            logits = bias + _bag(bags, words, buckets) + _bag(bags, grams, buckets)
            loss = masked_loss(logits, labels[batch], weights[batch])
            sparse.zero_grad()
            dense.zero_grad()
            loss.backward()
            for optimizer in (sparse, dense):
                for group in optimizer.param_groups:
                    group["lr"] = rate * (1.0 - 0.9 * step / steps)
                optimizer.step()
            step += 1
            report(step, steps, float(loss.detach()))
    return bags.weight.detach().numpy(), bias.detach().numpy()


def _prior(table: Table) -> torch.Tensor:
    """The logit of each category's share of positives among the rows that know it."""
    share = np.nanmean(table.labels, axis=0).clip(1e-3, 1 - 1e-3)
    return torch.from_numpy(np.log(share / (1 - share)).astype(np.float32))


def _bag(bags: torch.nn.EmbeddingBag, features: Features, buckets: int) -> torch.Tensor:
    hashes = torch.from_numpy((features.hashes & np.uint32(buckets - 1)).astype(np.int64))
    offsets = torch.from_numpy(np.cumsum(features.counts) - features.counts)
    scale = torch.from_numpy(1.0 / np.sqrt(np.maximum(features.counts, 1)).astype(np.float32))
    total: torch.Tensor = bags(hashes, offsets) * scale[:, None]
    return total
