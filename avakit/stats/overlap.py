"""What two splits have in common, of one dataset or of two."""

from collections.abc import Iterable
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

from avakit.model import Split
from avakit.stats.annotations import Annotations

if TYPE_CHECKING:
    import pandas as pd

_MOMENT = {True: ["video_id", "timestamp"], False: ["video_id", "start", "end"]}


def between(own: Annotations, others: Iterable[Annotations] = ()) -> "pd.DataFrame":
    """Count what the splits of a dataset share with each other, and with those of other datasets.

    Returns
    -------
    pandas.DataFrame
        `dataset`, `split`, `other_dataset`, `other_split`; `what`: videos (by id), key_frames (id and second, where
        both have labels) or clips (id, start and end); `count`, `other_count`; `shared`; `share` and `other_share`:
        of the one, of the other.
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
    if own.has_boxes == other.has_boxes and a in own.labelled and b in other.labelled:
        ours, theirs = _moments(own, a), _moments(other, b)
        what = "key_frames" if own.has_boxes else "clips"
        rows.append(names | {"what": what} | _counts(len(ours), len(theirs), len(ours.merge(theirs))))
    return rows


def _moments(annotations: Annotations, split: Split) -> "pd.DataFrame":
    columns = _MOMENT[annotations.has_boxes]
    found = annotations.rows.loc[annotations.rows["split"] == split, columns].drop_duplicates()
    return found.astype({"video_id": "str"} | dict.fromkeys(columns[1:], "float64"))


def _counts(count: int, other_count: int, shared: int) -> dict[str, Any]:
    return {
        "count": count,
        "other_count": other_count,
        "shared": shared,
        "share": round(shared / count, 6) if count else 0.0,
        "other_share": round(shared / other_count, 6) if other_count else 0.0,
    }
