"""Counts of persons with boxes and actions (AVA). Every table is tidy: one fact a row, a column for its split."""

from typing import TYPE_CHECKING, Any

from avakit.datasets.parts import SEGMENT_SECONDS
from avakit.stats.annotations import BOX, Annotations

if TYPE_CHECKING:
    import pandas as pd

QUANTILES = {"p01": 0.01, "p05": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}
ALL = "all"
_FACTS = (
    "split", "videos", "key_frames", "segments", "persons", "tracks", "labels", "repeated", "classes",
    "labels_per_person", "persons_per_key_frame",
)  # fmt: skip


def splits(annotations: Annotations) -> "pd.DataFrame":
    """Count what each split holds, and all of them together.

    Returns
    -------
    pandas.DataFrame
        `split`; `videos` named; `key_frames`: distinct (video, second) that have a row; `segments`: the pieces of
        three seconds of films that those lie in; `persons`: distinct boxes; `tracks`: distinct (video, person id);
        `labels`: rows; `repeated`: rows that say the same twice (counted in `labels`); `classes` that occur;
        `labels_per_person`; `persons_per_key_frame`. Missing where a split has no labels.
    """
    import pandas as pd

    rows, moments = annotations.rows, annotations.moments
    found = [
        _split(annotations, str(split), rows[rows["split"] == split], moments[moments["split"] == split])
        | {"videos": len(annotations.ids[split])}
        for split in annotations.splits
    ]
    if len(annotations.splits) > 1:
        named = set().union(*annotations.ids.values())
        found.append(_split(annotations, ALL, rows, moments) | {"videos": len(named)})
    return pd.DataFrame(found).astype(dict.fromkeys(_FACTS[1:-2], "Int64"))


def _split(annotations: Annotations, name: str, rows: "pd.DataFrame", moments: "pd.DataFrame") -> dict[str, Any]:
    facts: dict[str, Any] = dict.fromkeys(_FACTS)
    facts["split"] = name
    span = annotations.dataset.span
    if len(moments):
        moments = moments[["video_id", "timestamp"]].drop_duplicates()
        facts["key_frames"] = len(moments)
        films = moments[~moments["video_id"].isin(list(annotations.clip_ids))]
        start = float(span.start) if span else 0.0
        pieces = films.assign(timestamp=(films["timestamp"] - start) // SEGMENT_SECONDS).drop_duplicates()
        facts["segments"] = len(pieces)
    if rows.empty:
        return facts
    tracks = rows.loc[rows["person_id"].notna(), ["video_id", "person_id"]].drop_duplicates()
    persons = rows["person"].nunique()
    return facts | {
        "persons": persons,
        "tracks": len(tracks) or None,
        "labels": len(rows),
        "repeated": int(rows.duplicated(["person", "action_id", "person_id"]).sum()),
        "classes": rows["action_id"].nunique(),
        "labels_per_person": round(len(rows) / persons, 4),
        "persons_per_key_frame": round(persons / len(moments), 4),
    }


def classes(annotations: Annotations) -> "pd.DataFrame":
    """Count per split and class, those that never occur included.

    Returns
    -------
    pandas.DataFrame
        `split`, `class_id`, `class`, `group`; `labels`: rows; `persons`, `key_frames`, `videos`: distinct ones that
        have the class; `share` of the split's labels.
    """
    import pandas as pd

    rows, key = annotations.rows, ["split", "action_id"]
    by_class = rows.groupby(key, observed=True)
    moments = rows[[*key, "video_id", "timestamp"]].drop_duplicates()
    counted = pd.DataFrame(
        {
            "labels": by_class.size(),
            "persons": by_class["person"].nunique(),
            "key_frames": moments.groupby(key, observed=True).size(),
            "videos": moments[[*key, "video_id"]].drop_duplicates().groupby(key, observed=True).size(),
        }
    )
    wanted = pd.MultiIndex.from_product(
        [[str(split) for split in annotations.labelled], [action.number for action in annotations.actions]], names=key
    )
    table = counted.reindex(wanted, fill_value=0).astype("int64").reset_index()
    table = table.rename(columns={"action_id": "class_id"})
    table.insert(2, "class", table["class_id"].map({a.number: a.name for a in annotations.actions}))
    table.insert(3, "group", table["class_id"].map({a.number: a.group for a in annotations.actions}))
    total = table.groupby("split")["labels"].transform("sum")
    return table.assign(share=(table["labels"] / total.where(total > 0, 1)).round(6))


def groups(annotations: Annotations) -> "pd.DataFrame":
    """Sum the classes of each group: `split`, `group`, `classes` that occur, `labels`, `share`."""
    table = classes(annotations)
    table = table[table["group"] != ""].assign(occurs=lambda rows: (rows["labels"] > 0).astype("int64"))
    found = table.groupby(["split", "group"], sort=False).agg(classes=("occurs", "sum"), labels=("labels", "sum"))
    found = found.reset_index()
    total = found.groupby("split")["labels"].transform("sum")
    return found.assign(share=(found["labels"] / total.where(total > 0, 1)).round(6))


def labels_per_person(annotations: Annotations) -> "pd.DataFrame":
    """Count the persons that have 1, 2, … different labels: `split`, `labels`, `persons`, `share` of the persons."""
    said = annotations.rows[["split", "person", "action_id"]].drop_duplicates()
    sizes = said.groupby(["split", "person"], sort=False, observed=True).size().rename("labels").reset_index()
    found = sizes.groupby(["split", "labels"], observed=True).size().rename("persons").reset_index()
    total = found.groupby("split")["persons"].transform("sum")
    return _in_order(found.assign(share=(found["persons"] / total).round(6)), annotations)


def boxes(annotations: Annotations) -> "pd.DataFrame":
    """Return how large the boxes of persons (or faces) are, as shares of the picture.

    Returns
    -------
    pandas.DataFrame
        `split`; `measure`: area, width or height; `persons` or `faces`; `mean`, `min`, `p01` to `p99`, `max`.
    """
    import pandas as pd

    found = []
    for split in annotations.labelled:
        sizes = box_sizes(annotations.rows[annotations.rows["split"] == split])
        for measure in ("area", "width", "height"):
            values = sizes[measure]
            quantiles = {name: values.quantile(share) for name, share in QUANTILES.items()}
            facts = {"mean": values.mean(), "min": values.min(), **quantiles, "max": values.max()}
            rounded = {name: round(float(value), 6) for name, value in facts.items()}
            found.append({"split": str(split), "measure": measure, annotations.sample_name: len(values), **rounded})
    return pd.DataFrame(found)


def box_sizes(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return `area`, `width` and `height` of each person's (or face's) box, as shares of the picture."""
    persons = (rows.drop_duplicates("person") if "person" in rows else rows)[BOX]
    width, height = persons["x2"] - persons["x1"], persons["y2"] - persons["y1"]
    return persons.assign(area=width * height, width=width, height=height)[["area", "width", "height"]]


def _in_order(table: "pd.DataFrame", annotations: Annotations) -> "pd.DataFrame":
    order = {str(split): position for position, split in enumerate(annotations.splits)}
    return table.sort_values("split", key=lambda names: names.map(order), kind="stable").reset_index(drop=True)
