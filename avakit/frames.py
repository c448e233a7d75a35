"""Frames of a span: number k shows the source frame nearest to `start + (k - 1) / rate`.

All times are exact fractions of the original timestamps. On an exact tie the earlier frame is shown. One decode,
one encode per distinct source frame, the digest of the bytes in memory, each file written once.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from avakit.errors import MediaRejected, Status
from avakit.layout import frame_name
from avakit.model import Span
from avakit.recipes import FrameRecipe
from avakit.tools import jpeg, video
from avakit.tools.footage import Footage

if TYPE_CHECKING:
    from av import VideoFrame

__all__ = ["Choice", "Extracted", "Footage", "extract", "nearest", "targets"]

T = TypeVar("T")

#: Between key frames further apart than this, seeking is cheaper than decoding through: YouTube's GOPs last 2 to 5 s,
#: and a seek decodes half of one again.
_SEEK_GAP_SECONDS = Fraction(10)


@dataclass(frozen=True)
class Extracted:
    """What was extracted.

    Attributes
    ----------
    count, expected
        Frames written, and frames the span holds.
    bytes
        Of all files together.
    digests
        (file name, sha256) of each frame, in order.
    max_error_seconds, mean_error_seconds
        How far the shown source frames lie from the instants they stand for.
    repeated
        How many files show the same source frame as the one before.
    dropped
        How many source frames between the first and the last shown are in no file; 0 for key frames.
    missing_seconds
        How much of the span lies after the film's end.
    """

    count: int
    expected: int
    bytes: int
    digests: tuple[tuple[str, str], ...]
    max_error_seconds: float
    mean_error_seconds: float
    repeated: int
    dropped: int
    missing_seconds: Fraction

    def timing_facts(self) -> dict[str, float]:
        """Return what the record keeps of the timing, in values that JSON holds."""
        return {
            "max_error_seconds": round(self.max_error_seconds, 6),
            "mean_error_seconds": round(self.mean_error_seconds, 6),
            "repeated": self.repeated,
            "dropped": self.dropped,
        }


@dataclass(frozen=True)
class Choice(Generic[T]):
    """The source frame that a number shows.

    Attributes
    ----------
    number
        The frame's number, from 1.
    target, seconds
        The instant it stands for, and that of the source frame it shows.
    index
        Which of the source frames given it is, from 0.
    """

    number: int
    target: Fraction
    seconds: Fraction
    index: int
    frame: T


def targets(span: Span, rate: Fraction, numbers: Iterable[int]) -> list[tuple[int, Fraction]]:
    """Return each number with the instant it stands for."""
    return [(number, span.start + (number - 1) / rate) for number in numbers]


def nearest(
    shown: Iterable[tuple[Fraction, T]],
    wanted: Sequence[tuple[int, Fraction]],
    ends: Callable[[Fraction, T], Fraction],
) -> Iterator[Choice[T]]:
    """Choose for each wanted instant the source frame nearest to it, in one pass.

    On a tie the earlier frame is chosen. What lies at or after the end of the last frame is not chosen for.

    Parameters
    ----------
    shown
        (seconds, frame), ascending. Needed are the last frame at or before the first instant up to the first one at
        or after the last.
    wanted
        (number, instant), ascending.
    ends
        Called with the last frame shown, if instants are left after it: the second at which it ends.
    """
    todo = iter(wanted)
    item = next(todo, None)
    before: tuple[int, Fraction, T] | None = None
    for index, (seconds, frame) in enumerate(shown):
        while item is not None and item[1] <= seconds:
            number, target = item
            if before is not None and target - before[1] <= seconds - target:
                yield Choice(number, target, before[1], before[0], before[2])
            else:
                yield Choice(number, target, seconds, index, frame)
            item = next(todo, None)
        if item is None:
            return
        before = (index, seconds, frame)
    if before is None:
        return
    end = ends(before[1], before[2])
    while item is not None and item[1] < end:
        yield Choice(item[0], item[1], before[1], before[0], before[2])
        item = next(todo, None)


def extract(
    footage: Footage,
    folder_partial: Path,
    *,
    span: Span,
    recipe: FrameRecipe,
    wanted: Sequence[tuple[int, Fraction]] | None = None,
    threads: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> Extracted:
    """Write the frames of a span as JPEG files into a folder that is there and empty.

    Parameters
    ----------
    wanted
        Only these frames, ascending: each number with the instant to show; all of the span by default.
    threads
        Threads of the decoder.
    on_progress
        Called after each frame with how many are written, and how many are expected.

    Raises
    ------
    MediaRejected
        As `tools.video.frames`; short `starts_after_end` if there is no frame in the span.
    OSError
        If a file can't be written.
    """
    has_gaps = wanted is not None
    if wanted is None:
        wanted = targets(span, recipe.rate, range(1, recipe.frame_count(span.duration) + 1))
    claimed = video.probe(footage.path)
    encoder = jpeg.Encoder(recipe.quality, recipe.short_side, claimed.sample_aspect)
    writer = _Writer(folder_partial, encoder, len(wanted), on_progress)
    end = _FilmEnd(claimed, footage)
    for group in _groups(wanted):
        shown = video.frames(
            footage.path, group[0][1], group[-1][1], origin=footage.origin, times=footage.times, threads=threads
        )
        for choice in nearest(shown, group, end):
            writer.write(choice)
        if end.seconds is not None:
            break
    if wanted and not writer.digests:
        raise MediaRejected(Status.SHORT, "starts_after_end", f"the film ends before {float(wanted[0][1]):.3f} s")
    missing = Fraction(0)
    if len(writer.digests) < len(wanted) and end.seconds is not None:
        # A key frame may stand at the very end of a clip, where a film that is as long has no frame any more.
        missing = span.end - end.seconds if end.seconds < span.end else 1 / recipe.rate
    return writer.result(has_gaps=has_gaps, missing_seconds=missing)


def _groups(wanted: Sequence[tuple[int, Fraction]]) -> list[list[tuple[int, Fraction]]]:
    """Split instants where the gap between two is better jumped over."""
    groups = [list(wanted[:1])]
    for before, item in pairwise(wanted):
        if item[1] - before[1] > _SEEK_GAP_SECONDS:
            groups.append([])
        groups[-1].append(item)
    return [group for group in groups if group]


@dataclass
class _FilmEnd:
    """Tells when the last frame of a film ends, and remembers that it was asked."""

    claimed: video.Probe
    footage: Footage
    seconds: Fraction | None = None

    def __call__(self, seconds: Fraction, frame: "VideoFrame") -> Fraction:
        times, origin = self.footage.times, self.footage.origin
        if times is not None:
            self.seconds = times.end * times.time_base - (self.claimed.start_seconds if origin is None else origin)
        else:
            lasts = frame.duration * (frame.time_base or self.claimed.time_base)
            rate = self.claimed.average_rate
            self.seconds = seconds + (lasts or (1 / rate if rate else Fraction(0)))
        return self.seconds


@dataclass
class _Writer:
    """Encodes and writes chosen frames; a source frame that is shown again is written again from memory."""

    folder: Path
    encoder: jpeg.Encoder
    expected: int
    on_progress: Callable[[int, int], None] | None
    digests: list[tuple[str, str]] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)
    total_bytes: int = 0
    _shown: "VideoFrame | None" = None
    _data: bytes = b""
    _digest: str = ""

    def write(self, choice: "Choice[VideoFrame]") -> None:
        if choice.frame is not self._shown:
            self._data = self.encoder.encode(choice.frame)
            self._digest = hashlib.sha256(self._data).hexdigest()
            self._shown = choice.frame
        name = frame_name(choice.number)
        (self.folder / name).write_bytes(self._data)
        self.digests.append((name, self._digest))
        self.errors.append(abs(float(choice.seconds - choice.target)))
        self.indices.append(choice.index)
        self.total_bytes += len(self._data)
        if self.on_progress is not None:
            self.on_progress(len(self.digests), self.expected)

    def result(self, *, has_gaps: bool, missing_seconds: Fraction) -> Extracted:
        count = len(self.digests)
        distinct = len(set(self.indices))
        source_frames = self.indices[-1] - self.indices[0] + 1 if self.indices else 0
        return Extracted(
            count=count,
            expected=self.expected,
            bytes=self.total_bytes,
            digests=tuple(self.digests),
            max_error_seconds=max(self.errors, default=0.0),
            mean_error_seconds=sum(self.errors) / count if count else 0.0,
            repeated=0 if has_gaps else count - distinct,
            dropped=0 if has_gaps else source_frames - distinct,
            missing_seconds=missing_seconds,
        )
