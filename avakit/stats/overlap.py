"""What two splits have in common, of one dataset or of two."""

from collections.abc import Iterable
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

from avakit.model import Split
from avakit.stats.annotations import Annotations

if TYPE_CHECKING:
    import pandas as pd


_TEXTS = frozenset({"video_id", "entity_id"})


def between(own: Annotations, others: Iterable[Annotations] = ()) -> "pd.DataFrame":
    """Count what the splits of a dataset share with each other, and with those of other datasets.

    Returns
    -------
    pandas.DataFrame
        `dataset`, `split`, `other_dataset`, `other_split`; `what`: videos (by id), and where both have labels of one
        kind key_frames (id and second), clips or segments (id, start and end), or faces (id, instant and track);
        `count`, `other_count`; `shared`; `share` and `other_share`: of the one, of the other.
    """
    import pandas as pd

    found = [row for a, b in combinations(own.splits, 2) for row in _rows(own, a, own, b)]
    for other in others:
        found += [row for a, b in product(own.splits, other.splits) for row in _rows(own, a, other, b)]
    return pd.DataFrame(found)


def _rows(own: Annotations, a: Split, other: Annotations, b: Split) -> list[dict[str, Any]]:
    names = {"dataset": own.dataset.name, "split": str(a), "other_dataset": other.dataset.name, "other_split": str(b)}
    left, right = set(own.ids[a]), set(other.ids[b])
    rows = [names | {"what": "videos"} | _counts(len(left), len(right), len(left & right))]
    is_alike = own.columns == other.columns and own.sample_name == other.sample_name
    if is_alike and a in own.labelled and b in other.labelled:
        ours, theirs = _moments(own, a), _moments(other, b)
        what = "key_frames" if own.has_persons else own.sample_name
        rows.append(names | {"what": what} | _counts(len(ours), len(theirs), len(ours.merge(theirs))))
    return rows


def _moments(annotations: Annotations, split: Split) -> "pd.DataFrame":
    rows = annotations.moments if annotations.has_persons else annotations.rows
    columns = ["video_id", "timestamp"] if annotations.has_persons else list(annotations.columns.sample)
    found = rows.loc[rows["split"] == split, columns].drop_duplicates()
    # A second is an integer in one dataset and a fraction in the other.
    return found.astype({name: "str" if name in _TEXTS else "float64" for name in columns})


def _counts(count: int, other_count: int, shared: int) -> dict[str, Any]:
    return {
        "count": count,
        "other_count": other_count,
        "shared": shared,
        "share": round(shared / count, 6) if count else 0.0,
        "other_share": round(shared / other_count, 6) if other_count else 0.0,
    }
