"""What was published beside what was counted, and what is odd about a file as a whole but no problem."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from avakit.datasets import pins
from avakit.datasets.catalogue import Dataset, Form, Role
from avakit.datasets.parts import LABEL_COUNTS
from avakit.model import Split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from avakit.check import Checked


@dataclass(frozen=True)
class Compared:
    """A published count beside the counted one; the reason where it is known why they differ like this."""

    name: str
    splits: tuple[Split, ...]
    published: int
    counted: int
    reason: str = ""


def compare(dataset: Dataset, checked: "Sequence[Checked]") -> list[Compared]:
    """Put what the manifest says was published beside what the rows hold, where all files of a count could be read."""
    found = []
    explained = {(figure.name, figure.splits) for figure in dataset.figures}
    for split, facts in dataset.splits.items():
        for name, published in (("videos", facts.videos), ("clips", facts.clips)):
            counted = _counted(dataset, checked, name, (split,))
            if published is not None and counted is not None and (name, (split,)) not in explained:
                found.append(Compared(name, (split,), published, counted))
    for figure in dataset.figures:
        counted = _counted(dataset, checked, figure.name, figure.splits)
        if counted is not None:
            found.append(Compared(figure.name, figure.splits, figure.published, counted, figure.why(counted)))
    return found


def _counted(dataset: Dataset, checked: "Sequence[Checked]", name: str, splits: tuple[Split, ...]) -> int | None:
    total = 0
    is_labelled = False
    for split in splits:
        labels = dataset.files_of(Role.LABELS, (split,))
        if not labels and name in LABEL_COUNTS:
            continue  # nobody has labels of this split
        is_labelled = True
        files = labels or dataset.files_of(Role.ID_LIST, (split,))
        counts = [each.counts.get(name) for each in checked if each.file in files and not each.problems]
        if name == "clips" and any(file.form is Form.AVA_KINETICS_CLIPS for file in files):
            counts = [
                each.counts["key_frames"] if each.file.form is Form.AVA_KINETICS_CLIPS else 0
                for each in checked
                if each.file in files and not each.problems
            ]
        if len(counts) != len(files) or any(number is None for number in counts):
            return None
        total += sum(number or 0 for number in counts)
    return total if is_labelled else None


def notes(dataset: Dataset, checked: "Sequence[Checked]") -> list[str]:
    """Return what lets one doubt that a file is the dataset's: more classes than it has, or digests nobody knows."""
    found = []
    for each in checked:
        name, classes = each.path.name, each.counts.get("classes", 0)
        if dataset.classes and classes > dataset.classes:
            found.append(
                f"{name}: names {classes} classes, and {dataset.name} has {dataset.classes}; "
                "is it a file of another dataset?"
            )
        if each.file.known.is_given and each.path.is_file() and not pins.is_known(each.path, each.file.known):
            found.append(f"{name}: matches no copy that is known; official files are refreshed, and copies drift")
    return found
