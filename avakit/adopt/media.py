"""What a video file is: a film, its window or a clip. Its length decides where its name does not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from avakit.adopt.bringing import Identity, identity
from avakit.adopt.job import AS_FOUND, Candidate, Job
from avakit.errors import MediaRejected, Status
from avakit.layout import Layout
from avakit.model import Clip, Span, Stage, Video
from avakit.recipes import WINDOW_MARGIN_SECONDS
from avakit.tools import soundness, video
from avakit.tools.readonce import HashedFile
from avakit.tools.soundness import MAX_EXCESS_SECONDS, Checked

#: A window that was cut for its seconds is off by a frame at most; one cut at key frames alone by seconds.
WINDOW_TOLERANCE_SECONDS = Fraction(1, 10)
#: A copied window begins at the key frame before it: of films of the web hardly more than this earlier.
_LONGEST_GOP_SECONDS = Fraction(30)
#: By its header a file may be longer than its pictures: by its sound.
_HEADER_TOLERANCE_SECONDS = Fraction(1, 2)


@dataclass(frozen=True)
class Slot:
    """A thing that a file may be adopted as: stage, key and item as of `prepare.plan.Target`."""

    stage: Stage
    key: str
    item: Video | Clip

    @property
    def name(self) -> str:
        """The video id or the clip's name."""
        return self.item.name if isinstance(self.item, Clip) else self.item.id


@dataclass(frozen=True)
class Sound:
    """A file that passed its checks: what they found, which file it was then, and what its record says of it."""

    candidate: Candidate
    checked: Checked
    identity: Identity
    sha256: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> Fraction:
        """How long its pictures last, by its own clock."""
        return self.checked.end_seconds


def slot_of(candidate: Candidate, wanted: Video, layout: Layout) -> Slot:
    """Return what a file is to be adopted as; its header is read where its name does not tell.

    Raises
    ------
    MediaRejected
        As `tools.probe.probe`; invalid `ambiguous` if it is a clip, and can't be told which.
    """
    path = Path(candidate.path)
    if candidate.named.seconds is not None:
        return _clip(layout, named_clip(candidate, wanted))
    film = Slot(Stage.VIDEO, f"{layout.videos}/{wanted.id}", wanted)
    if _lies_at(path, film.key):
        return film
    if wanted.clips:
        return _film_or_clip(path, wanted, layout, film)
    window = Slot(Stage.WINDOW, f"{layout.windows}/{wanted.id}", wanted)
    if _lies_at(path, window.key) or _is_trimmed(path, wanted.span):
        return window
    _check_reach(_length(path), wanted.span)
    return film


def named_clip(candidate: Candidate, wanted: Video) -> Clip:
    """Return the clip of a name; of two with the same seconds in two splits that of the split in its path."""
    fits = [clip for clip in wanted.clips if (int(clip.span.start), int(clip.span.end)) == candidate.named.seconds]
    return next((clip for clip in fits if f"/{clip.split}/" in candidate.path), fits[0])


def _film_or_clip(path: Path, wanted: Video, layout: Layout, film: Slot) -> Slot:
    if _length(path) > max(clip.file_span.duration for clip in wanted.clips) + MAX_EXCESS_SECONDS:
        return film
    if len(wanted.clips) == 1:
        return _clip(layout, wanted.clips[0])
    detail = f"it is as long as a clip, and its name does not tell which of {len(wanted.clips)}"
    raise MediaRejected(Status.INVALID, "ambiguous", detail)


def _clip(layout: Layout, clip: Clip) -> Slot:
    return Slot(Stage.CLIP, layout.clip_key(clip), clip)


def _lies_at(path: Path, key: str) -> bool:
    """Whether a path ends as in a data root: also in one that was copied elsewhere."""
    return str(path.with_suffix("")).endswith(f"/{key}")


def _check_reach(length: Fraction, span: Span) -> None:
    """Refuse what would pass for a film that ends early, and is rather a window that was cut at key frames."""
    if length <= span.start or (length < span.end and span.duration < length <= span.duration + _LONGEST_GOP_SECONDS):
        detail = (
            f"it lasts {float(length):.3f} s: no film, which reaches second {float(span.end):g}, and no window, "
            f"which lasts {float(span.duration):g} s"
        )
        raise MediaRejected(Status.CORRUPT, "length", detail)


def _is_trimmed(path: Path, span: Span) -> bool:
    """Whether a file is as long as a window that somebody cut for its seconds, without any margin."""
    return abs(_length(path) - span.duration) <= _HEADER_TOLERANCE_SECONDS


def _length(path: Path) -> Fraction:
    claimed = video.probe(path)
    if claimed.duration_seconds > 0:
        return claimed.clock_end_seconds - claimed.start_seconds
    return video.count_packets(path).last_end_seconds


def check(candidate: Candidate, slot: Slot, job: Job) -> Sound:
    """Check a file as a delivery is checked, and that it has the length of what it is to be; read and hash it once.

    Raises
    ------
    MediaRejected
        As `tools.soundness.check` and `check_clip`; `length` if it is no window, or lacks what is wanted after a key
        frame; `timestamps` if the clock of a window can't be told.
    OSError
        If it can't be read.
    """
    path = Path(candidate.path)
    before = identity(path)
    with HashedFile(path) as reader:
        if isinstance(slot.item, Clip):
            checked, facts = _check_clip(path, slot.item, job, reader)
        elif slot.stage is Stage.WINDOW:
            checked, facts = _check_window(path, slot, job, reader)
        else:
            span = slot.item.span
            checked = soundness.check(path, start=span.start, end=span.end, depth=job.depth, reader=reader)
            facts = {}
        return Sound(candidate, checked, before, reader.sha256(), facts)


def _check_clip(path: Path, clip: Clip, job: Job, reader: HashedFile) -> tuple[Checked, dict[str, Any]]:
    wanted = clip.file_span
    checked = soundness.check_clip(path, wanted.duration, job.depth, reader)
    facts: dict[str, Any] = {"recipe": AS_FOUND, "start": str(checked.probe.start_seconds)}
    if wanted != clip.span:
        if checked.missing_seconds > 0:
            detail = f"it ends {float(checked.missing_seconds):.3f} s before what is wanted after its key frame"
            raise MediaRejected(Status.CORRUPT, "length", detail)
        facts["span"] = wanted.plain
    return checked, facts


def _check_window(path: Path, slot: Slot, job: Job, reader: HashedFile) -> tuple[Checked, dict[str, Any]]:
    """Check a window: of ours the clock is its film's, of others it begins where the window does."""
    span = slot.item.span
    begins, is_own = video.probe(path).start_seconds, not _is_trimmed(path, span)
    origin = Fraction(0) if is_own else begins - span.start
    checked = soundness.check(path, start=span.start, end=span.end, origin=origin, depth=job.depth, reader=reader)
    if is_own:
        _check_own(begins, checked.end_seconds, span)
    elif abs(checked.end_seconds - span.end) > WINDOW_TOLERANCE_SECONDS:
        lasts = float(checked.end_seconds - span.start)
        detail = f"its pictures last {lasts:.3f} s, and a window {float(span.duration):.3f} s"
        raise MediaRejected(Status.CORRUPT, "length", detail)
    return checked, {"recipe": AS_FOUND, "span": span.plain, "origin": str(origin), "origin_is_assumed": True}


def _check_own(begins: Fraction, ends: Fraction, span: Span) -> None:
    """Refuse a window of ours whose film did not begin at 0 of its own clock, as far as can be told from its ends."""
    if begins > span.start or ends > span.end + WINDOW_MARGIN_SECONDS + _HEADER_TOLERANCE_SECONDS:
        detail = f"its clock runs from {float(begins):.3f} to {float(ends):.3f} s: second 0 of its film can't be told"
        raise MediaRejected(Status.CORRUPT, "timestamps", detail)
