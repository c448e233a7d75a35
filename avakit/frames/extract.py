"""Extraction: decode once, choose, encode each source frame once, and account for all of it."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar

from avakit.errors import MediaRejected, Status
from avakit.frames import fair
from avakit.frames.choice import Choice, choose, targets
from avakit.frames.shown import Shown
from avakit.layout import frame_name
from avakit.model import Span
from avakit.recipes import FrameRecipe, Timing
from avakit.tools import picture, video
from avakit.tools.footage import Footage
from avakit.tools.shelves import Shelf

if TYPE_CHECKING:
    from av import VideoFrame

T = TypeVar("T")

#: A seek saves decoding this much film, or it is not done: opening and finding costs about as much.
_SEEK_GAIN_SECONDS = Fraction(2)
#: The same where a film has no index that tells where its I-frames are: YouTube's GOPs last 2 to 5 s.
_SEEK_GAP_SECONDS = Fraction(10)
#: The film shows no new picture for longer than this times its usual frame: it froze, or packets are missing.
_GAP_FRAMES = Fraction(3, 2)


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
    shown
        The source timestamp of each.
    max_error_seconds, mean_error_seconds
        How far the shown source frames lie from the instants they stand for.
    repeated
        How many files show the same source frame as the one before.
    dropped
        How many source frames between the first and the last shown are in no file; 0 for key frames.
    gaps, longest_gap_seconds
        How often the film itself shows no new picture for more than one and a half times its usual frame, and the
        longest such stretch.
    decoded, seeks
        How many source frames were decoded for it, and how often a stretch of film was jumped over.
    missing_seconds
        How much of the span lies after the film's end.
    """

    count: int
    expected: int
    bytes: int
    digests: tuple[tuple[str, str], ...]
    shown: Shown
    max_error_seconds: float
    mean_error_seconds: float
    repeated: int
    dropped: int
    gaps: int
    longest_gap_seconds: float
    decoded: int
    seeks: int
    missing_seconds: Fraction

    def timing_facts(self) -> dict[str, Any]:
        """Return what the record keeps of the timing, in values that JSON holds."""
        return {
            "max_error_seconds": round(self.max_error_seconds, 6),
            "mean_error_seconds": round(self.mean_error_seconds, 6),
            "repeated": self.repeated,
            "dropped": self.dropped,
            "gaps": self.gaps,
            "longest_gap_seconds": round(self.longest_gap_seconds, 6),
            "decode_errors": 0,  # a damaged frame refuses the whole folder
            "decoded": self.decoded,
            "seeks": self.seeks,
        }


def extract(
    footage: Footage,
    shelf: Shelf,
    *,
    span: Span,
    recipe: FrameRecipe,
    wanted: Sequence[tuple[int, Fraction]] | None = None,
    threads: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> Extracted:
    """Put the frames of a span on a shelf, as picture files.

    Parameters
    ----------
    shelf
        Where each is put as soon as it is encoded.
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
    missing, aimed = Fraction(0), wanted
    if recipe.timing is Timing.FAIR:
        # How many there are is for the published commands to say; what each shows, too.
        aims, missing = fair.aims(footage, span, recipe.rate)
        wanted, aimed = targets(span, recipe.rate, aims), list(aims.items())
    claimed = video.probe(footage.path)
    encoder = picture.Encoder(recipe.quality, recipe.short_side, claimed.sample_aspect, recipe.picture)
    writer = _Writer(shelf, encoder, span, recipe, dict(wanted), on_progress)
    end = _FilmEnd(claimed, footage)
    source = _Source()
    for group in _groups(aimed, footage):
        shown = video.frames(
            footage.path, group[0][1], group[-1][1], origin=footage.origin, times=footage.times, threads=threads
        )
        for choice in choose(source.watched(shown), group, end, recipe.timing):
            writer.write(choice)
        if end.seconds is not None:
            break
    if wanted and not writer.digests:
        raise MediaRejected(Status.SHORT, "starts_after_end", f"the film ends before {float(wanted[0][1]):.3f} s")
    if len(writer.digests) < len(wanted) and end.seconds is not None:
        # A key frame may stand at the very end of a clip, where a film that is as long has no frame any more.
        missing = span.end - end.seconds if end.seconds < span.end else 1 / recipe.rate
    return writer.result(source, has_gaps=has_gaps, missing_seconds=missing)


def _groups(wanted: Sequence[tuple[int, Fraction]], footage: Footage) -> list[list[tuple[int, Fraction]]]:
    """Split instants where the film between two is better jumped over than decoded."""
    entries: Sequence[Fraction] | None = None
    groups = [list(wanted[:1])]
    for before, item in pairwise(wanted):
        if item[1] - before[1] > _SEEK_GAIN_SECONDS:
            if entries is None:
                entries = video.entries(footage.path, footage.origin)
            if _is_jump_worth_it(before[1], item[1], entries):
                groups.append([])
        groups[-1].append(item)
    return [group for group in groups if group]


def _is_jump_worth_it(before: Fraction, after: Fraction, entries: Sequence[Fraction]) -> bool:
    """Whether there is an I-frame well after one instant, and before the next."""
    if not entries:
        return after - before > _SEEK_GAP_SECONDS
    entry = max((each for each in entries if each <= after), default=before)
    return entry - before > _SEEK_GAIN_SECONDS


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
class _Source:
    """Looks on while source frames pass: how many, how far apart, and in how many stretches."""

    decoded: int = 0
    stretches: int = 0
    steps: list[Fraction] = field(default_factory=list)

    def watched(self, shown: Iterable[tuple[Fraction, T]]) -> Iterator[tuple[Fraction, T]]:
        """Pass frames on, and count."""
        self.stretches += 1
        before: Fraction | None = None
        for seconds, frame in shown:
            self.decoded += 1
            if before is not None:
                self.steps.append(seconds - before)
            before = seconds
            yield seconds, frame

    def gaps(self) -> list[Fraction]:
        """Return the steps between two source frames that are longer than usual."""
        usual = median(self.steps) if self.steps else Fraction(0)
        return [step for step in self.steps if step > _GAP_FRAMES * usual]


@dataclass
class _Writer:
    """Encodes and writes chosen frames; a source frame that is shown again is written again from memory."""

    shelf: Shelf
    encoder: picture.Encoder
    span: Span
    recipe: FrameRecipe
    nominal: Mapping[int, Fraction]
    on_progress: Callable[[int, int], None] | None
    digests: list[tuple[str, str]] = field(default_factory=list)
    choices: list[tuple[int, Fraction, int]] = field(default_factory=list)
    total_bytes: int = 0
    _shown: "VideoFrame | None" = None
    _data: bytes = b""
    _digest: str = ""

    def write(self, choice: "Choice[VideoFrame]") -> None:
        if choice.frame is not self._shown:
            self._data = self.encoder.encode(choice.frame)
            self._digest = hashlib.sha256(self._data).hexdigest()
            self._shown = choice.frame
        name = frame_name(choice.number, self.recipe.picture.extension)
        self.shelf.add(name, self._data)
        self.digests.append((name, self._digest))
        self.choices.append((choice.number, choice.seconds, choice.index))
        self.total_bytes += len(self._data)
        if self.on_progress is not None:
            self.on_progress(len(self.digests), len(self.nominal))

    def _shown_by_all(self) -> Shown:
        numbers = tuple(number for number, _, _ in self.choices)
        grid = dict(targets(self.span, self.recipe.rate, numbers))
        instants = {number: self.nominal[number] for number in numbers if self.nominal[number] != grid[number]}
        return Shown(numbers, tuple(seconds for _, seconds, _ in self.choices), instants)

    def result(self, source: _Source, *, has_gaps: bool, missing_seconds: Fraction) -> Extracted:
        count = len(self.choices)
        errors = [abs(float(seconds - self.nominal[number])) for number, seconds, _ in self.choices]
        indices = [index for _, _, index in self.choices]
        distinct = len(set(indices))
        source_frames = indices[-1] - indices[0] + 1 if indices else 0
        gaps = source.gaps()
        return Extracted(
            count=count,
            expected=len(self.nominal),
            bytes=self.total_bytes,
            digests=tuple(self.digests),
            shown=self._shown_by_all(),
            max_error_seconds=max(errors, default=0.0),
            mean_error_seconds=sum(errors) / count if count else 0.0,
            repeated=0 if has_gaps else count - distinct,
            dropped=0 if has_gaps else source_frames - distinct,
            gaps=len(gaps),
            longest_gap_seconds=float(max(gaps, default=0)),
            decoded=source.decoded,
            seeks=max(0, source.stretches - 1),
            missing_seconds=missing_seconds,
        )
