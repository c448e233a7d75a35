"""What the videos that can't be had cost: labels lost, per split and per class."""

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from avakit.errors import Status
from avakit.journal import State
from avakit.layout import Layout, class_folder
from avakit.model import Span, Video, VideoId
from avakit.stats.annotations import Annotations

if TYPE_CHECKING:
    import pandas as pd

#: What may have become of a video or clip. `unavailable` and `failed` are lost; of what is `short`, all or a part.
_ID_LENGTH = 11
FATES = ("there", "short", "unavailable", "failed", "todo")


def fates(annotations: Annotations, layout: Layout, state: State) -> "pd.DataFrame":
    """Return what became of every video (AVA) or clip (Kinetics): `split`, `video_id`, (`start`, `end`), `fate`."""
    import pandas as pd

    if annotations.dataset.span is None:
        rows = annotations.rows[["split", "label", "video_id", "start", "end"]]
        columns = (rows[name].tolist() for name in rows.columns)
        return rows.assign(fate=[_fate(_clip_keys(layout, *cells), state) for cells in zip(*columns, strict=True)])
    found = [(str(split), text) for split in annotations.splits for text in annotations.ids[split]]
    clips = _clips_of(annotations, layout, state)
    known = {
        text: _fate([*clips.get(text, ()), *_film_keys(annotations, layout, text)], state)
        for text in dict.fromkeys(text for _, text in found)
    }
    return pd.DataFrame([(*each, known[each[1]]) for each in found], columns=["split", "video_id", "fate"])


def _clips_of(annotations: Annotations, layout: Layout, state: State) -> dict[str, list[str]]:
    """Return the journal keys of the clips of those videos of AVA-Kinetics that are no films."""
    found: dict[str, list[str]] = {}
    place = layout.for_clips or layout
    for key in (*state.present, *state.gaps, *state.dropped) if annotations.clip_ids else ():
        video_id = key.rpartition("/")[2][:_ID_LENGTH]
        if key.startswith(f"{place.clips}/") and video_id in annotations.clip_ids:
            found.setdefault(video_id, []).append(key)
    return {video_id: [*found.get(video_id, ()), f"{place.videos}/{video_id}"] for video_id in annotations.clip_ids}


def _film_keys(annotations: Annotations, layout: Layout, text: str) -> list[str]:
    film = Video(VideoId(text), (), Span(Fraction(0), Fraction(0)))  # its folder depends on its id alone
    recipe = annotations.dataset.frame_recipe
    return [layout.frame_folder(film, recipe), f"{layout.windows}/{text}", f"{layout.videos}/{text}"]


def _clip_keys(layout: Layout, split: str, label: str, text: str, start: float, end: float) -> list[str]:
    folder = f"{layout.clips}/{split}" + (f"/{class_folder(label)}" if label else "")
    return [f"{folder}/{text}_{int(start):06d}_{int(end):06d}", f"{layout.videos}/{text}"]


def _fate(keys: Sequence[str], state: State) -> str:
    """Return what the thing made last says, or where it was never tried the one before it."""
    for key in keys:
        if key in state.present:
            return "short" if state.present[key].status == Status.SHORT else "there"
        if key in state.gaps:
            status = state.gaps[key].status
            return str(status) if status in (Status.UNAVAILABLE, Status.SHORT) else "failed"
        if key in state.dropped:  # it was had, and taken away because someone asked for it
            return "there"
    return "todo"


def splits(annotations: Annotations, found: "pd.DataFrame") -> "pd.DataFrame":
    """Count what became of each split: `split`, `what` (videos or clips, labels), `total`, each fate, `lost_share`."""
    import pandas as pd

    unit = "clips" if annotations.dataset.span is None else "videos"
    parts = {unit: found, "labels": _labels(annotations, found)}
    tables = []
    for what, rows in parts.items():
        counted = _spread(rows, ["split"])
        tables.append(counted.reset_index().assign(what=what))
    table = pd.concat(tables, ignore_index=True)
    order = {str(split): place for place, split in enumerate(annotations.splits)}
    table = table.sort_values("split", key=lambda names: names.map(order), kind="stable")
    return table[["split", "what", "total", *FATES, "lost_share"]].reset_index(drop=True)


def classes(annotations: Annotations, found: "pd.DataFrame") -> "pd.DataFrame":
    """Count what became of each class's labels, the greatest loss first.

    Returns
    -------
    pandas.DataFrame
        `split`, `class_id` (AVA), `class`, `group`, `total` labels, each fate, `lost_share`.
    """
    rows = _labels(annotations, found)
    table = _spread(rows, ["split", "action"]).reset_index()
    if annotations.has_persons:
        table.insert(1, "class_id", table["action"])
    by_key = {a.number if annotations.has_persons else a.name: a for a in annotations.actions}
    table.insert(len(table.columns) - 1, "class", table["action"].map({k: a.name for k, a in by_key.items()}))
    table.insert(len(table.columns) - 1, "group", table["action"].map({k: a.group for k, a in by_key.items()}))
    head = [name for name in ("split", "class_id", "class", "group") if name in table]
    table = table.sort_values(["lost_share", "total"], ascending=[False, False], kind="stable")
    return table[[*head, "total", *FATES, "lost_share"]].reset_index(drop=True)


def _labels(annotations: Annotations, found: "pd.DataFrame") -> "pd.DataFrame":
    """Return one row per label with `split`, `action` and `fate`."""
    if annotations.dataset.span is None:
        return found.loc[found["label"] != "", ["split", "label", "fate"]].rename(columns={"label": "action"})
    known = dict(zip(found["video_id"], found["fate"], strict=True))
    rows = annotations.rows
    return rows[["split"]].assign(action=rows[annotations.columns.label], fate=rows["video_id"].astype(str).map(known))


def _spread(rows: "pd.DataFrame", key: list[str]) -> "pd.DataFrame":
    counted = rows.pivot_table(index=key, columns="fate", aggfunc="size", fill_value=0, observed=True)
    table = counted.reindex(columns=list(FATES), fill_value=0).astype("int64")
    total = table.sum(axis=1)
    lost = table["unavailable"] + table["failed"]
    return table.assign(total=total, lost_share=(lost / total).round(6))
