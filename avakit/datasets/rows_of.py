"""The rows of a dataset's labels files, each read by the form that the manifest gives it."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from avakit.datasets import ava_kinetics, parsers
from avakit.datasets.catalogue import AnnotationFile, Dataset, Form, Role
from avakit.datasets.parts import CLIP_FORMS
from avakit.model import Split

if TYPE_CHECKING:
    import pandas as pd


def labels(
    dataset: Dataset, path: Path, file: AnnotationFile, actions: Collection[int], *, strict: bool = False
) -> "pd.DataFrame":
    """Read a labels file (or one of clips) by its form.

    Parameters
    ----------
    dataset
        The dataset: its span bounds the timestamps.
    path, file
        Where the file lies, and what the manifest says of it.
    actions
        The action ids that exist; empty if nobody knows.
    strict
        Refuse rows that repeat or contradict an earlier one, or are of a split that the file is not of, too.

    Raises
    ------
    DataInvalid
        As the readers do.
    """
    known = actions or None
    if file.form in CLIP_FORMS:
        read_clips = parsers.read_kinetics if file.form is Form.KINETICS else parsers.read_kinetics_json
        return read_clips(path, splits=file.splits if strict else (), strict=strict)
    if file.form in (Form.SPEECH, Form.ACTIVESPEAKER):
        read = parsers.read_speech if file.form is Form.SPEECH else parsers.read_activespeaker
        return read(path, span=dataset.span, strict=strict)
    if file.form is Form.AVA_KINETICS_CLIPS:
        return parsers.read_ava_kinetics(path, 7, actions=known, strict=strict)
    if file.form is Form.AVA_KINETICS:
        return parsers.read_ava_kinetics(path, span=dataset.span, actions=known, strict=strict)
    return parsers.read_ava(path, 7 if file.form is Form.AVA7 else 8, span=dataset.span, actions=known, strict=strict)


def joined(
    dataset: Dataset, folder: Path, file: AnnotationFile, split: Split, actions: Collection[int]
) -> tuple["pd.DataFrame", ava_kinetics.Joined]:
    """Return the rows of a file of key frames, and these joined with the clips of the same split."""
    import pandas as pd

    rows = labels(dataset, folder / file.name, file, actions)
    clips = [labels(dataset, folder / each.name, each, ()) for each in dataset.files_of(Role.CLIPS, (split,))]
    return rows, ava_kinetics.join(rows, pd.concat(clips, ignore_index=True))
