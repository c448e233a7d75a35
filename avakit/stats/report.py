"""All tables of one dataset, in the order in which a person reads them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from avakit.journal import State
from avakit.layout import Layout
from avakit.stats import clips, cooccurrence, counts, coverage, faces, nominal, overlap
from avakit.stats.annotations import Annotations

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Table:
    """One table: its name (of files and JSON objects), its heading, and its rows."""

    name: str
    title: str
    rows: "pd.DataFrame"


def gather(annotations: Annotations, layout: Layout, state: State, others: Iterable[Annotations] = ()) -> list[Table]:
    """Count everything.

    Parameters
    ----------
    annotations
        What to count.
    layout, state
        Where the dataset's media would lie, and what the journal says of them.
    others
        Datasets to compare the video ids with.

    Returns
    -------
    list of Table
        Without those that would be empty.
    """
    makers = {"persons": (counts.splits, _of_persons), "faces": (faces.splits, _of_faces)}
    count, tell = makers.get(annotations.sample_name, (clips.splits, _of_clips))
    own = count(annotations)
    tables = [Table("splits", "What each split holds", own)]
    if annotations.is_whole:
        tables.append(Table("nominal", "Published and counted", nominal.compare(annotations, own)))
    tables += tell(annotations)
    tables += _of_coverage(annotations, layout, state)
    tables.append(Table("overlap", "In two splits at once", overlap.between(annotations, others)))
    return [table for table in tables if len(table.rows)]


def _of_persons(annotations: Annotations) -> list[Table]:
    if not annotations.labelled:
        return []
    return [
        Table("groups", "Labels per group of actions", counts.groups(annotations)),
        Table("classes", "Labels per class", counts.classes(annotations)),
        Table("labels_per_person", "Different labels on one person", counts.labels_per_person(annotations)),
        Table("boxes", "Sizes of boxes, as shares of the picture", counts.boxes(annotations)),
        Table("pairs", "Actions that one person does at once, by NPMI", cooccurrence.pairs(annotations)),
    ]


def _of_clips(annotations: Annotations) -> list[Table]:
    return [
        Table("classes", "Labels per class", clips.classes(annotations)),
        Table("durations", f"Length of the {annotations.sample_name}", clips.durations(annotations)),
    ]


def _of_faces(annotations: Annotations) -> list[Table]:
    return [
        Table("classes", "Labels per class", faces.classes(annotations)),
        Table("boxes", "Sizes of boxes, as shares of the picture", counts.boxes(annotations)),
    ]


def _of_coverage(annotations: Annotations, layout: Layout, state: State) -> list[Table]:
    if not state.present and not state.gaps:
        return []
    found = coverage.fates(annotations, layout, state)
    if (found["fate"] == "todo").all():
        return []
    tables = [Table("coverage", "What is there, and what is lost", coverage.splits(annotations, found))]
    if annotations.actions and annotations.labelled:
        per_class = coverage.classes(annotations, found)
        tables.append(Table("coverage_classes", "Labels lost per class", per_class))
    return tables
