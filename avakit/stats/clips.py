"""Counts of labelled stretches of time: clips (Kinetics), segments of sound (AVA Speech)."""

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
        `split`; `videos`: distinct ids; `clips` (or `segments`): distinct (id, start, end); `labels`: rows that have
        one; `classes` that occur; `hours` of them.
    """
    import pandas as pd

    rows = annotations.rows
    what = annotations.sample_name
    found = [_split(str(split), what, rows[rows["split"] == split]) for split in annotations.splits]
    if len(annotations.splits) > 1:
        found.append(_split(ALL, what, rows))
    return pd.DataFrame(found)


def _split(name: str, what: str, rows: "pd.DataFrame") -> dict[str, Any]:
    labels = rows.loc[rows["label"] != "", "label"]
    clips = rows[["video_id", "start", "end"]].drop_duplicates()
    return {
        "split": name,
        "videos": rows["video_id"].nunique(),
        what: len(clips),
        "labels": len(labels),
        "classes": labels.nunique(),
        "hours": round(float((clips["end"] - clips["start"]).sum()) / 3600, 2),
    }


def classes(annotations: Annotations) -> "pd.DataFrame":
    """Count per split and class: `split`, `class`, `group` (empty), `labels`, `videos`, `hours`, `share`."""
    import pandas as pd

    rows = annotations.rows[annotations.rows["label"] != ""]
    key = ["split", "label"]
    by_class = rows.assign(hours=(rows["end"] - rows["start"]) / 3600).groupby(key)
    columns = {"labels": by_class.size(), "videos": by_class["video_id"].nunique(), "hours": by_class["hours"].sum()}
    counted = pd.DataFrame(columns)
    labelled = [str(split) for split in annotations.labelled]
    wanted = pd.MultiIndex.from_product([labelled, [action.name for action in annotations.actions]], names=key)
    table = counted.reindex(wanted, fill_value=0).reset_index().rename(columns={"label": "class"})
    table = table.astype({"labels": "int64", "videos": "int64"}).round({"hours": 3})
    table.insert(2, "group", "")
    total = table.groupby("split")["labels"].transform("sum")
    return table.assign(share=(table["labels"] / total.where(total > 0, 1)).round(6))


def durations(annotations: Annotations) -> "pd.DataFrame":
    """Count them by their length to a tenth of a second: `split`, `seconds`, `clips` or `segments`, `share`."""
    what = annotations.sample_name
    rows = annotations.rows.drop_duplicates(["split", "video_id", "start", "end"])
    rows = rows.assign(seconds=(rows["end"] - rows["start"]).astype("float64").round(1))
    found = rows.groupby(["split", "seconds"]).size().rename(what).reset_index()
    total = found.groupby("split")[what].transform("sum")
    order = {str(split): position for position, split in enumerate(annotations.splits)}
    found = found.sort_values("split", key=lambda names: names.map(order), kind="stable").reset_index(drop=True)
    return found.assign(share=(found[what] / total).round(6))
