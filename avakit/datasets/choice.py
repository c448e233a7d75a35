"""What a selection leaves of a dataset's rows: the one answer that every verb and every subset goes by.

The filters apply in this order: splits, classes (`--classes`, then `--min-samples`, which counts in all chosen
splits), ids, the share of videos (`--sample`), `--balanced` in each split by itself, `--limit`, shard.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from avakit.datasets import samples
from avakit.datasets.splits import Columns, Part
from avakit.errors import ConfigInvalid, nearest
from avakit.model import Split, VideoId
from avakit.shards import Shard

if TYPE_CHECKING:
    import pandas as pd

_NAMED = 10
#: A class: AVA's action id, or Kinetics' label.
Class = int | str


@dataclass(frozen=True)
class Selection:
    """What narrows a run.

    Attributes
    ----------
    splits
        The splits wanted, in the order train, val, test.
    ids
        The video ids wanted; None for all.
    classes
        Class names (any case, `_` for blanks) or AVA's action ids; empty for all.
    min_samples
        Only classes that have so many samples in the chosen splits together.
    balanced
        At most so many samples of a class in each split; None for all.
    sample
        The share of the videos that is taken, above 0 to 1; None for all.
    seed
        Which videos and samples those are.
    limit
        At most so many videos, after the filters above; None for all.
    shard
        The part of what is left that this run takes; None for all.
    keep_excluded
        Whether excluded timestamps count among the annotated ones.
    """

    splits: tuple[Split, ...]
    ids: frozenset[VideoId] | None = None
    classes: tuple[str, ...] = ()
    limit: int | None = None
    shard: Shard | None = None
    min_samples: int = 0
    balanced: int | None = None
    sample: float | None = None
    seed: int = 0
    keep_excluded: bool = False

    @property
    def is_by_class(self) -> bool:
        """Whether labels decide: then what has no label is left out."""
        return bool(self.classes or self.min_samples or self.balanced is not None)


@dataclass(frozen=True)
class Choice:
    """What is left.

    Attributes
    ----------
    columns
        What the rows' columns mean.
    ids
        The video ids, in the order in which the files first name them, split by split.
    classes
        The classes; None for all.
    samples
        Keys (`sample_key`) of the balanced samples of each split; None where all are taken.
    is_by_class
        Whether labels decided.
    named
        The wanted classes as the dataset calls them (ids as text), sorted; empty where none were named.
    """

    columns: Columns
    ids: tuple[VideoId, ...]
    classes: frozenset[Class] | None
    samples: Mapping[Split, frozenset[str]] | None
    is_by_class: bool
    named: tuple[str, ...]

    def rows(self, part: Part) -> "pd.DataFrame":
        """Return the rows of a split that are left."""
        if part.rows is None:
            raise ValueError(f"split {part.split} has no rows")
        rows = _of_classes(part.rows, self.columns, self.classes, is_by_class=self.is_by_class)
        rows = rows[rows["video_id"].isin(self.ids)]
        if self.samples is None:
            return rows
        return _of_keys(rows, _keys(rows, self.columns), self.samples[part.split])


def sample_key(video_id: str, *cells: float | str) -> str:
    """Return the name of a sample: its video, and its numbers however the file writes them, and its texts."""
    return ",".join([video_id, *(cell if isinstance(cell, str) else repr(float(cell)) for cell in cells)])


def choose(name: str, parts: Sequence[Part], columns: Columns, selection: Selection, names: dict[int, str]) -> Choice:
    """Apply a selection to the splits of a dataset.

    Parameters
    ----------
    name
        The dataset's, for messages.
    parts
        Its chosen splits.
    columns
        What the columns of their rows mean.
    selection
        What narrows them.
    names
        The label map of AVA's form; empty for Kinetics.

    Raises
    ------
    ConfigInvalid
        If an id or a class is wanted that does not exist.
    """
    labelled = [part.rows for part in parts if part.rows is not None]
    named = _named(labelled, columns, selection.classes, names) if selection.classes else None
    classes = _large_enough(labelled, columns, selection.min_samples, named) if selection.min_samples else named
    _refuse_unknown_ids(name, parts, selection)
    matching: list[str] = []
    balanced: dict[Split, frozenset[str]] = {}
    for part in parts:
        if part.rows is None:
            matching += [] if selection.is_by_class else [video for video in part.ids if _takes(selection, video)]
            balanced[part.split] = frozenset()
            continue
        rows = _of_classes(part.rows, columns, classes, is_by_class=selection.is_by_class)
        if selection.ids is not None or selection.sample is not None:
            rows = rows[rows["video_id"].isin([v for v in part.ids if _takes(selection, v)])]
        if selection.balanced is not None:
            keys = _keys(rows, columns)
            balanced[part.split] = _balance(keys, rows[columns.label], selection.balanced, selection.seed)
            rows = _of_keys(rows, keys, balanced[part.split])
        matching += rows["video_id"].unique().tolist()
    ids = [VideoId(text) for text in dict.fromkeys(matching)][: selection.limit]
    shard = selection.shard
    ids = [video_id for video_id in ids if shard is None or shard.takes(video_id)]
    taken = None if selection.balanced is None else balanced
    return Choice(columns, tuple(ids), classes, taken, selection.is_by_class, in_order(named or ()))


def _takes(selection: Selection, video_id: str) -> bool:
    if selection.ids is not None and video_id not in selection.ids:
        return False
    return selection.sample is None or samples.takes(video_id, selection.sample, selection.seed)


def _of_classes(
    rows: "pd.DataFrame", columns: Columns, classes: frozenset[Class] | None, *, is_by_class: bool
) -> "pd.DataFrame":
    if classes is not None:
        return rows[rows[columns.label].isin(classes)]
    if not is_by_class:
        return rows
    label = rows[columns.label]
    return rows[label.notna() if columns.is_numbered else label != ""]


def _keys(rows: "pd.DataFrame", columns: Columns) -> list[str]:
    values = (rows[name].tolist() for name in columns.sample)
    return [sample_key(*row) for row in zip(*values, strict=True)]


def _of_keys(rows: "pd.DataFrame", keys: list[str], chosen: frozenset[str]) -> "pd.DataFrame":
    import numpy as np

    return rows.loc[np.array([key in chosen for key in keys], dtype=bool)]


def _balance(keys: list[str], classes: Iterable[Class], limit: int, seed: int) -> frozenset[str]:
    found: dict[str, list[Class]] = {}
    for key, name in zip(keys, classes, strict=True):
        found.setdefault(key, []).append(name)
    return samples.balanced(found, limit, seed)


def _refuse_unknown_ids(name: str, parts: Sequence[Part], selection: Selection) -> None:
    if selection.ids is None:
        return
    unknown = selection.ids.difference(*(part.ids for part in parts))
    without_clip = {video_id for video_id in unknown if any(video_id in part.without_clip for part in parts)}
    of = f"in {name} ({', '.join(selection.splits)})"
    facts = {f"not {of}": unknown - without_clip, f"{of}, but with no key frame that lies in a clip": without_clip}
    if unknown:
        raise ConfigInvalid(*(f"{fact}: {_list(ids)}" for fact, ids in facts.items() if ids))


def _list(ids: Iterable[str]) -> str:
    named = sorted(ids)
    return ", ".join(named[:_NAMED]) + (f" and {len(named) - _NAMED} more" if named[_NAMED:] else "")


# --- classes ---


def count_samples(rows: Iterable["pd.DataFrame"], columns: Columns) -> Counter[Class]:
    """Count the samples of each class; a box that repeats a label counts once."""
    counts: Counter[Class] = Counter()
    for each in rows:
        distinct = each.dropna(subset=columns.label).drop_duplicates([*columns.sample, columns.label])
        counts.update(name for name in distinct[columns.label].tolist() if name != "")
    return counts


def in_order(classes: Iterable[Class]) -> tuple[str, ...]:
    """Return classes as text: ids by their number, labels by the alphabet."""
    return tuple(str(name) for name in sorted(classes, key=lambda name: (isinstance(name, str), name)))


def _large_enough(
    rows: "Sequence[pd.DataFrame]", columns: Columns, least: int, named: frozenset[Class] | None
) -> frozenset[Class]:
    counts = count_samples(rows, columns)
    return frozenset(name for name, n in counts.items() if n >= least and (named is None or name in named))


def _named(
    rows: "Sequence[pd.DataFrame]", columns: Columns, classes: tuple[str, ...], names: dict[int, str]
) -> frozenset[Class]:
    known: dict[str, set[Class]] = {}
    if not columns.is_numbered:
        # Two spellings of a class (American, american) may stand in two files: both are meant.
        for label in {str(label) for each in rows for label in each[columns.label].unique()} - {""}:
            known.setdefault(_folded(label), set()).add(label)
    else:
        for number, name in names.items():
            known.setdefault(_folded(name), set()).add(number)
        known |= {str(number): {number} for number in names}
    unknown = [name for name in classes if _folded(name) not in known]
    if unknown:
        texts = list(names.values()) or sorted(str(label) for labels in known.values() for label in labels)
        raise ConfigInvalid(*(f"unknown class {name!r}{_class_like(name, texts)}" for name in unknown))
    return frozenset(label for name in classes for label in known[_folded(name)])


def _folded(name: str) -> str:
    return name.replace("_", " ").strip().casefold()


def _class_like(name: str, names: list[str]) -> str:
    """Return a hint for an unknown class; `bend/bow` should find `bend/bow (at the waist)`."""
    containing = [known for known in names if _folded(name) in _folded(known)]
    return f": did you mean {containing[0]!r}?" if containing else nearest(name, names)
