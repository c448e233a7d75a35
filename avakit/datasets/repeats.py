"""Which rows of a large table stand there twice: one hash per row finds the candidates, only those are compared."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    Array = np.ndarray[Any, Any]
    Hashes = np.ndarray[Any, np.dtype[np.uint64]]

#: So many rows are hashed at a time, that what comes between stays in the processor's cache.
_CHUNK = 1 << 14


def hashes(keys: "Sequence[Array]", after: "Hashes | None" = None) -> "Hashes":
    """Return 64 bits for each row, made of its keys (numbers), and of those that `after` was made of."""
    import numpy as np

    mixed = np.zeros(len(keys[0]), dtype=np.uint64) if after is None else after.copy()
    for begin in range(0, len(mixed), _CHUNK):
        part = mixed[begin : begin + _CHUNK]
        for key in keys:
            bits = key[begin : begin + _CHUNK]
            if bits.dtype != np.uint64:
                # Plus 0, because -0.0 equals 0.0 and has other bits.
                bits = np.add(bits, 0.0, dtype=np.float64).view(np.uint64)
            part ^= bits
            part ^= bits >> np.uint64(29)
            part *= np.uint64(0x9E3779B97F4A7C15)
            part ^= part >> np.uint64(32)
    return mixed


def shared(mixed: "Hashes") -> "Array":
    """Return the places of the rows whose hash another row has, too."""
    import numpy as np

    ordered = np.sort(mixed)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    return np.flatnonzero(np.isin(mixed, twice)) if twice.size else np.empty(0, dtype=np.intp)


def repeats(keys: "Sequence[Array]", mixed: "Hashes | None" = None) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Return which rows have the same keys (numbers) as an earlier row; `mixed` are their hashes, if there are any."""
    import numpy as np
    import pandas as pd

    mixed = hashes(keys) if mixed is None else mixed
    candidates = shared(mixed)
    mask = np.zeros(len(mixed), dtype=bool)
    if candidates.size:
        mask[candidates] = pd.DataFrame({n: key[candidates] for n, key in enumerate(keys)}).duplicated().to_numpy()
    return mask


def first_rows(keys: "Sequence[Array]") -> "Array":
    """Return for each row the place of the first one with the same keys."""
    import numpy as np
    import pandas as pd

    first = np.arange(len(keys[0]))
    candidates = shared(hashes(keys))
    if candidates.size:
        frame = pd.DataFrame({n: key[candidates] for n, key in enumerate(keys)})
        groups = frame.groupby(list(frame.columns), sort=False, dropna=False).ngroup().to_numpy()
        _, begins = np.unique(groups, return_index=True)
        first[candidates] = candidates[begins[groups]]
    return first
