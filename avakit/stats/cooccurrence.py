"""Which actions one person does at once."""

from typing import TYPE_CHECKING, Any

from avakit.stats.annotations import Annotations

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Matrix = np.ndarray[Any, np.dtype[Any]]

#: Pairs rarer than this are not ranked: the measure is noise where it rests on a handful of persons.
MIN_PERSONS = 10
_CHUNK = 1 << 16


def matrix(annotations: Annotations) -> "tuple[Matrix, int]":
    """Count the persons that have both of two actions.

    Returns
    -------
    numpy.ndarray, int
        (actions, actions) int64, symmetric, in the order of `annotations.actions`; the diagonal holds the persons that
        have the one action. And the number of persons.
    """
    import numpy as np
    import pandas as pd

    said = annotations.rows[["person", "action_id"]].drop_duplicates().sort_values("person")
    persons, _ = pd.factorize(said["person"])
    position = {action.number: place for place, action in enumerate(annotations.actions)}
    places = said["action_id"].map(position).to_numpy()
    count, size = (int(persons[-1]) + 1 if len(persons) else 0), len(annotations.actions)
    total = np.zeros((size, size), np.int64)
    for first in range(0, count, _CHUNK):
        begin, end = np.searchsorted(persons, [first, first + _CHUNK])
        # Ones and zeros of 65 536 persons: sums stay below 2^24, up to where float32 counts exactly.
        part = np.zeros((min(_CHUNK, count - first), size), np.float32)
        part[persons[begin:end] - first, places[begin:end]] = 1
        total += (part.T @ part).astype(np.int64)
    return total, count


def npmi(counts: "Matrix", persons: int) -> "Matrix":
    """Return the normalised pointwise mutual information, ln(p(a, b) / p(a) p(b)) / -ln p(a, b).

    From -1 (never together) by way of 0 (as often as chance would have it) to 1 (never apart). NaN where one of the
    two actions does not occur (Bouma 2009).
    """
    import numpy as np

    single = np.diag(counts).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        together = np.log(counts / max(persons, 1))
        alone = np.log(single / max(persons, 1))
        value = (together - alone[:, None] - alone[None, :]) / -together
    value = np.where(counts == 0, -1.0, value)
    value = np.where(counts == persons, 1.0, value)
    occurs = single > 0
    return np.where(occurs[:, None] & occurs[None, :], np.clip(value, -1, 1), np.nan)


def pairs(annotations: Annotations) -> "pd.DataFrame":
    """List the pairs of different actions that some person has at once, by NPMI; those of few persons last.

    Returns
    -------
    pandas.DataFrame
        `class_a`, `class_b`, `id_a`, `id_b`; `persons` that have both; `persons_a`, `persons_b` that have each;
        `npmi`; `is_ranked`: at least `MIN_PERSONS` persons have both.
    """
    import numpy as np
    import pandas as pd

    counts, persons = matrix(annotations)
    values = npmi(counts, persons)
    left, right = np.nonzero(np.triu(counts, 1))
    names = np.array([action.name for action in annotations.actions], object)
    numbers = np.array([action.number for action in annotations.actions])
    single = np.diag(counts)
    table = pd.DataFrame(
        {
            "class_a": names[left],
            "class_b": names[right],
            "id_a": numbers[left],
            "id_b": numbers[right],
            "persons": counts[left, right],
            "persons_a": single[left],
            "persons_b": single[right],
            "npmi": values[left, right].round(6),
        }
    )
    table["is_ranked"] = table["persons"] >= MIN_PERSONS
    order = ["is_ranked", "npmi", "persons", "id_a", "id_b"]
    return table.sort_values(order, ascending=[False, False, False, True, True]).reset_index(drop=True)
