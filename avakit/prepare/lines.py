"""The lines of an estimate, and those of them that need no guess: frames that are there and change their form."""

from dataclasses import dataclass

from avakit.model import Packing, Stage
from avakit.prepare.job import Job
from avakit.prepare.plan import Plan

#: A tar of frames, their list, and its index.
TAR_FILES = 3
#: What a frame takes in a tar beyond its own bytes: a header, and half a block on average.
TAR_FRAME_BYTES = 512 + 256
#: What one core packs or unpacks in a second, a little less than was measured (docs/performance.md).
NOMINAL_PACKING_BYTES_PER_SECOND = 100e6


@dataclass(frozen=True)
class Line:
    """One stage of an estimate.

    Attributes
    ----------
    stage
        What is to be made.
    count
        How many.
    bytes, files
        What is made altogether; bytes are 0 where nobody knows.
    at_once
        How many lie there at the same time: fewer than `count` where they are dropped again.
    hours
        How long on this machine, with the jobs given; None where no rate was measured.
    figures
        Where bytes and hours come from: `measured here`, `asked the mirror`, `typical`, `unknown`, with commas between.
    source
        `archive` for clips out of archives, `pack` or `unpack` for frames that are there, else empty.
    files_at_once
        Of what is made, how many files lie there at the same time, where that is another share than of the bytes.
    """

    stage: Stage
    count: int
    bytes: int
    files: int
    at_once: int
    hours: float | None
    figures: str
    source: str = ""
    files_at_once: int | None = None

    @property
    def is_known(self) -> bool:
        """Whether the bytes are known of everything that is made."""
        told = set(self.figures.split(", "))
        return not self.count or ("unknown" not in told and (self.bytes > 0 or told <= {"linked", "on no list"}))

    @property
    def disk_bytes(self) -> int:
        """Bytes that lie on the disk at the same time."""
        return self.bytes * self.at_once // self.count if self.count else 0

    @property
    def disk_files(self) -> int:
        """Files that lie on the disk at the same time."""
        if self.files_at_once is not None:
            return self.files_at_once
        return self.files * self.at_once // self.count if self.count else 0


def changes(job: Job, plan: Plan, jobs: int) -> list[Line]:
    """Return a line for the frames of a plan that are only put into tars, or into folders.

    Each is there twice until the old form is taken away, and no longer.
    """
    found = [target.found for work in plan.works for target in work.targets if target.found is not None]
    moved = [record for record in found if record.packing is not job.packing]
    if not moved:
        return []
    size, at_once = sum(record.bytes for record in moved), min(len(moved), jobs)
    hours = size / NOMINAL_PACKING_BYTES_PER_SECOND / 3600 / jobs
    if job.packing is Packing.TAR:
        return [Line(Stage.FRAMES, len(moved), size, len(moved) * TAR_FILES, at_once, hours, "as recorded", "pack")]
    files = sum(record.frames for record in moved) + len(moved)
    return [Line(Stage.FRAMES, len(moved), size, files, at_once, hours, "as recorded", "unpack", files)]
