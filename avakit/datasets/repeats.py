"""Which rows of a large table stand there twice."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np


def repeats(keys: "Sequence[np.ndarray[Any, Any]]") -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Return which rows have the same keys (numbers) as an earlier row."""
    import numpy as np
    import pandas as pd

    # One hash for all keys finds the candidates; only those are compared in earnest.
    mixed = np.zeros(len(keys[0]), dtype=np.uint64)
    for key in keys:
        bits = key if key.dtype == np.uint64 else np.ascontiguousarray(key, dtype=np.float64).view(np.uint64)
        mixed = (mixed ^ (bits >> np.uint64(29)) ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(32)
    candidates = np.flatnonzero(pd.Series(mixed).duplicated(keep=False).to_numpy())
    mask = np.zeros(len(mixed), dtype=bool)
    if candidates.size:
        mask[candidates] = pd.DataFrame({n: key[candidates] for n, key in enumerate(keys)}).duplicated().to_numpy()
    return mask
