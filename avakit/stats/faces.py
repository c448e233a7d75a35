"""Counts of faces that speak or not (AVA ActiveSpeaker)."""

from typing import TYPE_CHECKING, Any

from avakit.stats.annotations import Annotations
from avakit.stats.counts import ALL

if TYPE_CHECKING:
    import pandas as pd

_TRACK = ["video_id", "entity_id"]


def splits(annotations: Annotations) -> "pd.DataFrame":
    """Count what each split holds, and all of them together.

    Returns
    -------
    pandas.DataFrame
        `split`; `videos`: distinct ids; `frames`: distinct (video, instant); `tracks`: distinct (video, entity);
        `faces`: rows; `classes` that occur; `faces_per_frame`.
    """
    import pandas as pd

    rows = annotations.rows
    found = [_split(str(split), rows[rows["split"] == split]) for split in annotations.splits]
    if len(annotations.splits) > 1:
        found.append(_split(ALL, rows))
    return pd.DataFrame(found)


def _split(name: str, rows: "pd.DataFrame") -> dict[str, Any]:
    frames = len(rows[["video_id", "timestamp"]].drop_duplicates())
    return {
        "split": name,
        "videos": rows["video_id"].nunique(),
        "frames": frames,
        "tracks": len(rows[_TRACK].drop_duplicates()),
        "faces": len(rows),
        "classes": rows["label"].nunique(),
        "faces_per_frame": round(len(rows) / frames, 4) if frames else None,
    }


def classes(annotations: Annotations) -> "pd.DataFrame":
    """Count per split and class: `split`, `class`, `group` (empty), `labels`, `tracks`, `videos`, `share`."""
    import pandas as pd

    rows, key = annotations.rows, ["split", "label"]
    by_class = rows.groupby(key)
    tracks = rows[[*key, *_TRACK]].drop_duplicates().groupby(key).size()
    counted = pd.DataFrame({"labels": by_class.size(), "tracks": tracks, "videos": by_class["video_id"].nunique()})
    names = [[str(split) for split in annotations.labelled], [action.name for action in annotations.actions]]
    wanted = pd.MultiIndex.from_product(names, names=key)
    table = counted.reindex(wanted, fill_value=0).astype("int64").reset_index().rename(columns={"label": "class"})
    table.insert(2, "group", "")
    total = table.groupby("split")["labels"].transform("sum")
    return table.assign(share=(table["labels"] / total.where(total > 0, 1)).round(6))
