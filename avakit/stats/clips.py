"""Counts of labelled clips (Kinetics)."""

from typing import TYPE_CHECKING, Any

from avakit.stats.annotations import Annotations

if TYPE_CHECKING:
    import pandas as pd

ALL = "all"


def splits(annotations: Annotations) -> "pd.DataFrame":
    """Count what each split holds, and all of them together.

    Returns
    -------
    pandas.DataFrame
        `split`; `videos`: distinct ids; `clips`: distinct (id, start, end); `labels`: rows that have one;
        `classes` that occur; `hours` of clips.
    """
    import pandas as pd

    rows = annotations.rows
    found = [_split(str(split), rows[rows["split"] == split]) for split in annotations.splits]
    if len(annotations.splits) > 1:
        found.append(_split(ALL, rows))
    return pd.DataFrame(found)


def _split(name: str, rows: "pd.DataFrame") -> dict[str, Any]:
    labels = rows.loc[rows["label"] != "", "label"]
    clips = rows[["video_id", "start", "end"]].drop_duplicates()
    return {
        "split": name,
        "videos": rows["video_id"].nunique(),
        "clips": len(clips),
        "labels": len(labels),
        "classes": labels.nunique(),
        "hours": round(float((clips["end"] - clips["start"]).sum()) / 3600, 2),
    }


def classes(annotations: Annotations) -> "pd.DataFrame":
    """Count per split and class: `split`, `class`, `group` (empty), `labels`, `videos`, `share`."""
    import pandas as pd

    rows = annotations.rows[annotations.rows["label"] != ""]
    key = ["split", "label"]
    by_class = rows.groupby(key)
    counted = pd.DataFrame({"labels": by_class.size(), "videos": by_class["video_id"].nunique()})
    labelled = [str(split) for split in annotations.labelled]
    wanted = pd.MultiIndex.from_product([labelled, [action.name for action in annotations.actions]], names=key)
    table = counted.reindex(wanted, fill_value=0).astype("int64").reset_index().rename(columns={"label": "class"})
    table.insert(2, "group", "")
    total = table.groupby("split")["labels"].transform("sum")
    return table.assign(share=(table["labels"] / total.where(total > 0, 1)).round(6))


def durations(annotations: Annotations) -> "pd.DataFrame":
    """Count the clips by their length, rounded to a tenth of a second: `split`, `seconds`, `clips`, `share`."""
    rows = annotations.rows.drop_duplicates(["split", "video_id", "start", "end"])
    rows = rows.assign(seconds=(rows["end"] - rows["start"]).astype("float64").round(1))
    found = rows.groupby(["split", "seconds"]).size().rename("clips").reset_index()
    total = found.groupby("split")["clips"].transform("sum")
    order = {str(split): position for position, split in enumerate(annotations.splits)}
    found = found.sort_values("split", key=lambda names: names.map(order), kind="stable").reset_index(drop=True)
    return found.assign(share=(found["clips"] / total).round(6))
