"""The values of an adoption: what is to be done, what was found, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from avakit.adopt.names import Named
from avakit.journal import Record
from avakit.layout import Layout
from avakit.model import Video
from avakit.outcome import Outcome
from avakit.recipes import FrameRecipe
from avakit.tools.soundness import DecodeCheck

#: The recipe of what somebody else made: nobody says how.
AS_FOUND = "as found"


@dataclass(frozen=True)
class Job:
    """What every worker needs to know; can be pickled.

    Attributes
    ----------
    dataset
        The dataset's name.
    layout
        Where files live.
    frames
        The dataset's own frame recipe: how many frames an item has.
    depth
        How deep files are checked.
    may_copy
        Whether files that can't be hard-linked are copied.
    channel
        The address to report progress to; empty for none.
    command
        The name of the command line that does it, under `.avakit/commands`.
    """

    dataset: str
    layout: Layout
    frames: FrameRecipe
    depth: DecodeCheck = DecodeCheck.DEMUX
    may_copy: bool = False
    channel: str = ""
    command: str = ""


@dataclass(frozen=True)
class Candidate:
    """A file, or a folder of frames, that by its name shows an item of the dataset.

    Attributes
    ----------
    path
        Absolute, as the system gave it: it may hold anything.
    named
        What its name says.
    is_folder
        Whether it is a folder of frames.
    """

    path: str
    named: Named
    is_folder: bool = False


@dataclass(frozen=True)
class Left:
    """Something of the tree that is left where it is, without harm to any item: where, and why.

    `reason` is one of those of items, or `not_in_dataset`, `duplicate`, `not_needed` or `other`.
    """

    path: str
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Work:
    """What one worker is given: a video, what was found of it, and the records of what is there of it already."""

    video: Video
    candidates: tuple[Candidate, ...]
    known: Mapping[str, Record] = field(default_factory=dict)


@dataclass
class Result:
    """What became of the candidates of one video: an outcome for each thing they show, and what is left of them."""

    outcomes: list[Outcome] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
