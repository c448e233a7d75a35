"""Cutting: a window as it is, packet by packet, and a clip encoded anew."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from avakit.errors import MediaRejected, Status, ToolFailed
from avakit.model import Span
from avakit.recipes import VARIABLE_RATE, WINDOW_MARGIN_SECONDS, ClipRecipe
from avakit.tools import ffmpeg, timing, video

if TYPE_CHECKING:
    from avakit.tools.ranged import RangedFile

#: An honest ffmpeg needs a fraction of this; one that hangs is stopped (FAULTS M21).
_TIMEOUT_SECONDS = 60
_TIMEOUT_PER_SECOND = 4
_MILLISECOND = Fraction(1, 1000)


@dataclass(frozen=True)
class Cut:
    """What was cut, and checked to be whole.

    Attributes
    ----------
    count
        Video packets in the file.
    origin
        Second 0 of the original video on the file's own clock, in seconds.
    times
        The exact times that the file's own timestamps are rounded from; None if they are exact.
    missing_seconds
        How much of the span lies after the film's end.
    """

    count: int
    origin: Fraction
    times: video.Times | None
    missing_seconds: Fraction


def window(source: "Path | RangedFile", partial: Path, *, span: Span, margin: Fraction = WINDOW_MARGIN_SECONDS) -> Cut:
    """Copy the packets of a span, and `margin` seconds around it, with their original timestamps.

    The file is Matroska, which rounds times to milliseconds; `Cut.times` keeps them exactly where that matters, so
    that frames from the window are those from the film.

    Parameters
    ----------
    source
        The film, or one on a server, of which no more than is needed is then fetched.

    Raises
    ------
    MediaRejected
        Short `starts_after_end` if the film ends before the span begins; otherwise as `tools.video.probe`.
    ToolFailed
        `packets`, if the result is not what was to be copied.
    OSError
        If it can't be written.
    """
    start, end = max(Fraction(0), span.start - margin), span.end + margin
    film = video.scan(source, start, end)
    _check_reaches(film, span)
    later = video.copy(source, partial, start=start, end=end)
    window = video.scan(partial, start, end + margin, film.origin + later)
    copied = _matched(film, window)
    _check_whole(film, copied, span)
    is_exact = len(copied) == len(window.ticks) and all(tick * film.time_base % _MILLISECOND == 0 for tick in copied)
    times = None if is_exact else _times(copied, film, later)
    return Cut(len(window.ticks), film.origin + later, times, timing.missing(span.end, film.end_seconds))


def _times(copied: Sequence[int], film: video.Scan, later: int) -> video.Times:
    ticks = film.time_base.denominator  # a second
    step = film.time_base.numerator
    moved = [tick * step + later * ticks for tick in copied]
    return video.Times.of(moved, Fraction(1, ticks), film.end * step + later * ticks)


def _check_reaches(film: video.Scan, span: Span) -> None:
    if film.end_seconds <= span.start:
        detail = f"the film ends at {float(film.end_seconds):.3f} s, before {float(span.start):.3f} s"
        raise MediaRejected(Status.SHORT, "starts_after_end", detail)


def _timeout(span: Span) -> float:
    return float(_TIMEOUT_SECONDS + _TIMEOUT_PER_SECOND * span.duration)


def _matched(film: video.Scan, window: video.Scan) -> list[int]:
    """Return the film's ticks of the packets that were copied, ascending.

    Frames that the film's edit list hides are copied too, as others refer to them; they have no tick.
    """
    exact = timing.Snapper(film.seconds(), film.end_seconds)
    shown = [second for second in window.seconds() if second >= exact.seconds[0] - timing.SNAP_SECONDS]
    try:
        seconds = {exact.snap(second) for second in shown}
    except ValueError as error:
        raise ToolFailed(Status.CORRUPT, "packets", f"the window's times are not the film's: {error}") from error
    return sorted(int((second + film.origin) / film.time_base) for second in seconds)


def _check_whole(film: video.Scan, copied: Sequence[int], span: Span) -> None:
    """Refuse a window that lacks a packet between the last one at or before the span and the first one at its end."""
    seconds = film.seconds()
    first = max(0, bisect_right(seconds, span.start) - 1)
    last = bisect_left(seconds, span.end) + 1
    lost = set(film.ticks[first:last]) - set(copied)
    if lost:
        detail = f"the window lacks {len(lost)} of the film's {last - first} packets"
        raise ToolFailed(Status.CORRUPT, "packets", detail)


def clip(
    source: Path,
    partial: Path,
    *,
    span: Span,
    recipe: ClipRecipe,
    threads: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> Cut:
    """Encode a span as constant-rate H.264/yuv420p MP4 whose first pts is 0.

    Frame k (from 0) shows the source frame nearest to `start + k / rate`, the earlier one on a tie.

    Parameters
    ----------
    threads
        Of the decoder and of the encoder.
    on_progress
        Called now and then with how many frames are written, and how many are expected.

    Raises
    ------
    MediaRejected
        Short `starts_after_end` if the film ends before the span begins; otherwise as `tools.video.probe`.
    ToolFailed
        As `tools.ffmpeg.run`; `length` if the result has another number of frames than it should, or begins late.
    """
    claimed = video.probe(source)
    film = video.scan(source, span.start, span.end)
    _check_reaches(film, span)
    rate = recipe.rate or film.rate or VARIABLE_RATE
    expected = timing.frame_count(span.duration, rate)
    count = timing.frame_count(min(span.duration, film.end_seconds - span.start), rate)
    begins = film.seconds()
    plan = ffmpeg.ClipPlan(
        start=span.start,
        duration=span.duration,
        origin=film.origin,
        time_base=film.time_base,
        before=begins[max(0, bisect_right(begins, span.start) - 1)],
        after=begins[min(len(begins) - 1, bisect_left(begins, span.end))],
        rate=rate,
        frames=count,
        crf=recipe.crf,
        preset=recipe.preset,
        has_audio=claimed.has_audio,
        threads=threads,
    )
    _check_decodes(source, span, threads)
    ffmpeg.run(
        ffmpeg.clip(source, partial, plan),
        timeout_seconds=_timeout(span),
        decoded=claimed.codec,
        on_progress=None if on_progress is None else lambda done: on_progress(done, count),
    )
    _check_clip(partial, count, rate)
    missing = span.end - film.end_seconds if count < expected else Fraction(0)
    return Cut(count, -span.start, None, missing)


def _check_decodes(source: Path, span: Span, threads: int) -> None:
    """Decode the span once by ourselves: ffmpeg can't tell damage from an open GOP (see `tools.ffmpeg`)."""
    for _ in video.frames(source, span.start, span.end, threads=threads):
        pass


def _check_clip(path: Path, count: int, rate: Fraction) -> None:
    packets = video.count_packets(path, Fraction(0))
    if packets.count != count:
        raise ToolFailed(Status.CORRUPT, "length", f"the clip has {packets.count} frames instead of {count}")
    if packets.first_pts_seconds != 0 or (count > 1 and packets.rate != rate):
        detail = f"the clip begins at {float(packets.first_pts_seconds):.6f} s and has the rate {packets.rate}"
        raise ToolFailed(Status.CORRUPT, "length", f"{detail} instead of {rate}")
