"""Count hashed features of texts, and weight them by how rare they are.

The features are those of `ostraka.assess.lexical`, so what is trained is what is served.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ostraka.assess.features import extract

_CHUNK: Final = 4000


def count_features(texts: Sequence[str], buckets: int) -> tuple[sparse.csr_matrix, ...]:
    """Occurrences per bucket of texts in lexical form, one matrix per kind of feature."""
    parts: tuple[list[sparse.csr_matrix], ...] = ([], [])
    for start in range(0, len(texts), _CHUNK):
        chunk = texts[start : start + _CHUNK]
        for kind, found in zip(parts, extract(chunk), strict=True):
            columns = (found.hashes & np.uint32(buckets - 1)).astype(np.int32)
            ends = np.concatenate([[0], np.cumsum(found.counts)])
            ones = np.ones(len(columns), np.float32)
            matrix = sparse.csr_matrix((ones, columns, ends), shape=(len(chunk), buckets))
            matrix.sum_duplicates()
            kind.append(matrix)
    return tuple(sparse.vstack(kind, format="csr") for kind in parts)


def inverse_document_frequency(
    counts: Sequence[sparse.csr_matrix], minimum_texts: int
) -> NDArray[np.float32]:
    """Per bucket, log((1 + texts) / (1 + texts that have it)) + 1; 0 for those in too few."""
    texts = counts[0].shape[0]
    frequency = sum(np.bincount(kind.indices, minlength=kind.shape[1]) for kind in counts)
    idf = np.log((1 + texts) / (1 + np.asarray(frequency))) + 1
    return np.where(np.asarray(frequency) >= minimum_texts, idf, 0.0).astype(np.float32)


def scale(counts: Sequence[sparse.csr_matrix], idf: NDArray[np.float32]) -> sparse.csr_matrix:
    """Both kinds side by side in the same buckets, each divided by its length as served."""
    total = sparse.csr_matrix(counts[0].shape, dtype=np.float32)
    for kind in counts:
        squared = kind @ (idf * idf)
        inverse = 1.0 / np.sqrt(np.maximum(squared, 1e-6))
        scaled = kind.copy()
        scaled.data *= idf[scaled.indices] * np.repeat(inverse, np.diff(scaled.indptr))
        total = total + scaled
    total.eliminate_zeros()
    return total
