"""Whether the disks hold what is to be made. Folders of the root may be linked to other disks: each counts alone."""

from collections.abc import Iterable
from dataclasses import dataclass

from avakit.errors import ExitCode, RunStopped
from avakit.prepare.job import Job
from avakit.prepare.lines import Line
from avakit.tools import mounts


@dataclass(frozen=True)
class Room:
    """What one disk has to hold, and has left.

    Attributes
    ----------
    folder
        A folder on that disk, for a person.
    needed_bytes, needed_files
        What the plan puts there, as far as anybody knows.
    is_known
        Whether the bytes of all of it are known.
    free_bytes, free_inodes
        See `avakit.tools.mounts.Space`.
    """

    folder: str
    needed_bytes: int
    needed_files: int
    is_known: bool
    free_bytes: int
    free_inodes: int | None

    @property
    def fits(self) -> bool:
        """Whether there is room for it, as far as anybody knows."""
        return self.needed_bytes <= self.free_bytes and self.holds_files

    @property
    def holds_files(self) -> bool:
        """Whether so many files can be created, whatever their size."""
        return self.free_inodes is None or self.needed_files <= self.free_inodes


def rooms(job: Job, lines: Iterable[Line]) -> list[Room]:
    """Compare an estimate with each disk that it concerns."""
    layout = job.layout
    disks: dict[int, list[Line]] = {}
    for line in lines:
        disks.setdefault(
            mounts.device(layout.absolute(layout.folder_of(line.stage, job.frames, job.audio))), []
        ).append(line)
    found = []
    for number, there in disks.items():
        folder = layout.absolute(layout.folder_of(there[0].stage, job.frames, job.audio))
        space = mounts.space(folder)
        at = layout.root if number == mounts.device(layout.root) else folder
        needed = sum(line.disk_bytes for line in there), sum(line.disk_files for line in there)
        is_known = all(line.is_known for line in there)
        found.append(Room(str(at), *needed, is_known, space.free_bytes, space.free_inodes))
    return found


def require_room(job: Job, lines: Iterable[Line]) -> None:
    """Refuse a job that the disk can't hold.

    Raises
    ------
    RunStopped
        With the exit code of a full disk, because that is how the job would end.
    """
    for room in rooms(job, lines):
        if not room.fits:
            fewer = "" if room.holds_files else "keep frames in tars (--pack tar), "
            inodes = "" if room.free_inodes is None else f" and {room.free_inodes:,} files".replace(",", " ")
            raise RunStopped(
                f"this needs {room.needed_bytes / 1e9:.3f} GB in {room.needed_files:,} files".replace(",", " ")
                + f"; {room.folder} has room for {room.free_bytes / 1e9:.3f} GB{inodes}. Take a part with --split or "
                f"--limit, {fewer}drop intermediates with --drop, or take another --root; "
                "--no-space-check begins all the same",
                ExitCode.STORAGE,
            )
