"""What was seen in a tree, sorted into the dataset's items. Memory grows with the dataset, not with the tree."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from avakit.adopt.job import Candidate, Left, Work
from avakit.adopt.names import Named
from avakit.adopt.tree import Seen
from avakit.journal import Record
from avakit.layout import Layout
from avakit.model import Video
from avakit.recipes import FrameRecipe

#: So many files of one name are looked at; nobody holds more of them for a reason.
MAX_CANDIDATES = 8


@dataclass
class Matching:
    """Sorts what is seen.

    Attributes
    ----------
    videos
        The dataset's videos, by id.
    note
        Called with what is left where it is, and with what is wrong with something that would be wanted.
    media
        How many video files and frame folders were seen.
    """

    videos: Mapping[str, Video]
    note: Callable[[Seen | Left], None]
    media: int = 0
    _found: dict[str, list[Candidate]] = field(default_factory=dict)

    def take(self, seen: Seen) -> None:
        """Sort one thing."""
        self.media += seen.is_media
        is_wanted = seen.named is not None and self.is_item(seen.named)
        is_odd_folder = seen.is_folder and bool(seen.trouble)
        if seen.trouble and (is_odd_folder or (seen.is_media and is_wanted)):
            self.note(seen)
        elif not seen.is_media:
            self.note(Left(seen.path, "other"))
        elif seen.named is None or not is_wanted:
            self.note(Left(seen.path, "not_in_dataset"))
        else:
            self._add(Candidate(seen.path, seen.named, seen.is_folder))

    def is_item(self, named: Named) -> bool:
        """Whether the dataset has an item of this name."""
        video = self.videos.get(named.id)
        if video is None or named.seconds is None:
            return video is not None
        return any((int(clip.span.start), int(clip.span.end)) == named.seconds for clip in video.clips)

    def _add(self, candidate: Candidate) -> None:
        found = self._found.setdefault(candidate.named.id, [])
        if sum(each.named == candidate.named and each.is_folder == candidate.is_folder for each in found) < (
            MAX_CANDIDATES
        ):
            found.append(candidate)
        else:
            self.note(Left(candidate.path, "duplicate", f"there are more than {MAX_CANDIDATES} of this name"))

    def works(self, layout: Layout, frames: FrameRecipe, present: Mapping[str, Record]) -> list[Work]:
        """Return what was found of each video, with what is there of it already: films before clips."""
        works = []
        for video_id, found in self._found.items():
            video = self.videos[video_id]
            keys = keys_of(video, layout.of(video), frames)
            known = {key: record for key in keys if (record := present.get(key)) and is_there(layout, record)}
            works.append(Work(video, tuple(sorted(found, key=lambda each: each.path)), known))
        return sorted(works, key=lambda work: bool(work.video.clips))


def keys_of(video: Video, layout: Layout, frames: FrameRecipe) -> list[str]:
    """Return the keys of everything that may be adopted of a video."""
    items = video.clips or (video,)
    keys = [f"{layout.videos}/{video.id}", *([] if video.clips else [f"{layout.windows}/{video.id}"])]
    return [
        *keys, *(layout.clip_key(clip) for clip in video.clips), *(layout.frame_folder(item, frames) for item in items)
    ]  # fmt: skip


def is_there(layout: Layout, record: Record) -> bool:
    """Whether what a record tells of lies on the disk."""
    return layout.absolute(record.path).exists()


def missing(videos: Iterable[Video], layout: Layout, frames: FrameRecipe, present: Mapping[str, Record]) -> list[str]:
    """Return the names of the films and clips of which nothing is there: neither themselves nor their frames."""
    names = []
    for video in videos:
        at = layout.of(video)
        if f"{at.videos}/{video.id}" in present:
            continue
        if not video.clips:
            keys = keys_of(video, at, frames)
            names += [] if any(key in present for key in keys) else [str(video.id)]
            continue
        names += [
            clip.name
            for clip in video.clips
            if at.clip_key(clip) not in present and at.frame_folder(clip, frames) not in present
        ]
    return names
