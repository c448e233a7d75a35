"""What was published beside what the files hold."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from avakit.datasets import derived
from avakit.datasets.parts import SEGMENT_SECONDS
from avakit.model import Split
from avakit.stats.annotations import Annotations
from avakit.stats.counts import ALL

if TYPE_CHECKING:
    import pandas as pd

#: Why the counted figure is smaller (False) or greater (True) than the nominal one.
_WHY = {
    ("key_frames", False): "a key second at which nobody acts has no row",
    ("key_frames", True): "rows stand at excluded timestamps",
    ("segments", False): "a segment in which nobody acts at a key second has no row",
    (ALL, False): "what is in two splits is counted once",
    ("", False): "the file names fewer: it is a part, or was refreshed to leave out what is gone",
    ("", True): "the file names more than were published",
}


def compare(annotations: Annotations, counted: "pd.DataFrame") -> "pd.DataFrame":
    """Set the nominal figures beside the counted ones.

    Nominal are the counts of the manifest, its published figures before those of its splits, and for AVA what
    follows from them: the key frames of the grid without the excluded ones, and the segments of three seconds of
    each film.

    Parameters
    ----------
    annotations
        What was counted.
    counted
        The table `splits` of it.

    Returns
    -------
    pandas.DataFrame
        `split`, `what`, `nominal`, `counted`, `difference`, `why` they differ.
    """
    import pandas as pd

    records = {str(record["split"]): record for record in counted.to_dict("records")}
    found: list[dict[str, Any]] = []
    sums: dict[str, int] = {}
    for split in annotations.splits:
        for what, nominal in _nominal(annotations, split).items():
            value = records[str(split)].get(what)
            if value is not None and not pd.isna(value):
                why = _reason(annotations, what, (split,), int(value))
                found.append(_row(str(split), what, nominal, int(value), why=why))
                sums[what] = sums.get(what, 0) + nominal
    if ALL in records:
        found += _all(annotations, found, sums, records[ALL])
    columns = ["split", "what", "nominal", "counted", "difference", "why"]
    return pd.DataFrame(found, columns=columns)


def _all(
    annotations: Annotations, found: list[dict[str, Any]], sums: dict[str, int], record: Mapping[Hashable, Any]
) -> list[dict[str, Any]]:
    """Return the rows of all splits together; a published total comes before the sum of its parts."""
    import pandas as pd

    totals = {f.name: f.published for f in annotations.dataset.figures if set(f.splits) == set(annotations.splits)}
    rows = []
    for what, nominal in (sums | totals).items():
        value = record.get(what)
        if value is None or pd.isna(value):
            continue
        parts = [row for row in found if row["what"] == what]
        alone = sum(row["counted"] for row in parts)
        why = _reason(annotations, what, annotations.splits, int(value))
        if what not in totals:  # the difference is that of the parts, and what they share
            reasons = [row["why"] for row in parts if row["why"]] + [_WHY[ALL, False]] * (alone > value)
            why = "; ".join(dict.fromkeys(reasons))
        rows.append(_row(ALL, what, nominal, int(value), why=why))
    return rows


def _reason(annotations: Annotations, what: str, splits: tuple[Split, ...], counted: int) -> str:
    """Return the manifest's reason for this very count of these splits."""
    figures = (f for f in annotations.dataset.figures if f.name == what and set(f.splits) == set(splits))
    return next((figure.why(counted) for figure in figures), "")


def _row(split: str, what: str, nominal: int, counted: int, *, why: str = "") -> dict[str, Any]:
    difference = counted - nominal
    if difference and not why:
        why = _WHY.get((what, difference > 0), _WHY["", difference > 0])
    return {
        "split": split, "what": what, "nominal": nominal, "counted": counted, "difference": difference, "why": why
    }  # fmt: skip


def _nominal(annotations: Annotations, split: Split) -> dict[str, int]:
    dataset = annotations.dataset
    facts = {what: int(n) for what, n in dataset.splits[split].model_dump().items() if isinstance(n, int)}
    videos = facts.get("videos")
    facts |= {figure.name: figure.published for figure in dataset.figures if figure.splits == (split,)}
    is_whole_grid = annotations.has_persons and not annotations.clip_ids and not derived.is_derived(dataset)
    if videos is None or dataset.span is None or not is_whole_grid:
        return facts
    if dataset.key_seconds is not None:
        facts["key_frames"] = videos * len(dataset.key_seconds.seconds) - annotations.excluded.get(split, 0)
    return facts | {"segments": videos * int(dataset.span.duration // SEGMENT_SECONDS)}
