"""What a thing can be made from: files of the same video that are there, the best first."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from avakit.journal import Record
from avakit.model import Stage, Video
from avakit.prepare.footage import footage_of
from avakit.prepare.job import Job
from avakit.prepare.plan import Target
from avakit.recipes import COPY, Timing
from avakit.tools.footage import Footage


@dataclass(frozen=True)
class Input:
    """A file that a step reads: its record, and the footage in it."""

    record: Record
    footage: Footage

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.footage.path

    @property
    def origin(self) -> dict[str, str]:
        """What a record keeps of where its thing was made from."""
        return {"path": self.record.path, "sha256": self.record.sha256}


def inputs(target: Target, job: Job, present: Mapping[str, Record]) -> list[Input]:
    """Return what a target can be made from, the best first.

    Everything of a film comes from its copied window (smaller, and with the film's exact timestamps beside it), and
    of a clip from the video (nothing is encoded twice), else from the dataset's own clip, whose second 0 is the clip's
    start. What was cut by another recipe is never read.
    """
    found = []
    for key in _keys(target, job):
        record = present.get(key)
        if record is not None and job.layout.absolute(record.path).is_file() and _is_fit(record, target, job):
            found.append(Input(record, footage_of(record, job.root, target.item.span.start)))
    return found


def _keys(target: Target, job: Job) -> list[str]:
    layout, item = job.layout, target.item
    if isinstance(item, Video):
        keys = [f"{layout.windows}/{item.id}", f"{layout.videos}/{item.id}"]
        if target.stage is Stage.FRAMES and job.frames.timing is Timing.FAIR:
            keys.reverse()  # what SlowFast's commands show depends on the film's beginning, too
        return [key for key in keys if key != target.key]
    clip = layout.clip_key(item)
    return [f"{layout.videos}/{item.video_id}", *([clip] if clip != target.key else ())]


def _is_fit(record: Record, target: Target, job: Job) -> bool:
    """Whether a file may have what is wanted of it: its own packets where they are copied, and sound."""
    recipe = record.facts.get("recipe")
    if target.stage is Stage.AUDIO:
        return not (isinstance(recipe, Mapping) and recipe.get("sound") is False)
    if target.stage is Stage.CLIP and job.clips.mode == COPY:
        return record.stage is Stage.VIDEO or "origin" in record.facts
    return True
