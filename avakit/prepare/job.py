"""What is to be made, and with what: settled once, then handed to every worker."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from avakit.layout import Layout
from avakit.model import Packing, Stage, Video
from avakit.recipes import COPY, AudioRecipe, ClipRecipe, FrameRecipe
from avakit.sources import Archive, Source
from avakit.tools.breaker import Breaker
from avakit.tools.soundness import DecodeCheck

#: So many refusals in a row and a source is not asked any more in this run.
STOP_AFTER_BLOCKS = 10


@dataclass(frozen=True)
class Job:
    """Everything a worker needs to know; can be pickled.

    Attributes
    ----------
    dataset
        The dataset's name.
    layout
        Where files live.
    stages
        What to make, in the order in which one follows from the other.
    sources
        Where videos come from, in the order to try.
    frames, clips, windows
        The recipes.
    packing
        How frames are to be kept: also those that are there are put so. None makes folders of new ones, and leaves
        what is there.
    audio
        The recipe of the sound beside windows and clips, where `stages` has it.
    span_only
        Whether of a video without clips its window alone is fetched, where a source can do that.
    decode_check
        How deep a delivery is checked.
    drop
        Stages whose files are removed once everything made from them is there.
    recheck_days
        An unavailable video is asked for again after this many days.
    channel
        The address to report progress to; empty for none.
    threads
        Threads a decoder or encoder may use.
    stop_after_blocks
        So many refusals in a row (bot check, 429, 403), and a source is not asked any more.
    breaker
        What counts them during a run.
    command
        The name of the command line that does it, under `.avakit/commands`.
    """

    dataset: str
    layout: Layout
    stages: tuple[Stage, ...]
    sources: tuple[Source, ...]
    frames: FrameRecipe
    clips: ClipRecipe
    packing: Packing | None = None
    windows: ClipRecipe = ClipRecipe(mode=COPY)  # noqa: RUF009 - frozen
    audio: AudioRecipe = AudioRecipe()  # noqa: RUF009 - frozen
    span_only: bool = False
    decode_check: DecodeCheck = DecodeCheck.DEMUX
    drop: frozenset[Stage] = frozenset()
    recheck_days: float = 30.0
    channel: str = ""
    threads: int = 1
    stop_after_blocks: int = STOP_AFTER_BLOCKS
    breaker: Breaker = Breaker()  # noqa: RUF009 - frozen
    command: str = ""

    @property
    def root(self) -> Path:
        """The data root."""
        return self.layout.root

    @property
    def facts(self) -> dict[str, str]:
        """What every journal line of the job says of it."""
        return {"command": self.command} if self.command else {}

    def of(self, video: Video) -> Self:
        """Return the job as it is for one video: its files may live elsewhere, and not all archives concern it."""
        layout = self.layout.of(video)
        sources = tuple(each for each in self.sources if not isinstance(each, Archive) or each.concerns(video))
        is_same = layout is self.layout and len(sources) == len(self.sources)
        return self if is_same else replace(self, layout=layout, sources=sources)
