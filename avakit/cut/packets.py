"""Cutting a stretch of film as it is, packet by packet."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from avakit.errors import MediaRejected, Status, ToolFailed
from avakit.model import Span
from avakit.recipes import WINDOW_MARGIN_SECONDS
from avakit.tools import timing, video

if TYPE_CHECKING:
    from avakit.tools.ranged import RangedFile

_MILLISECOND = Fraction(1, 1000)
#: Seconds that no film lasts.
_ENDLESS = Fraction(10**6)


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


def window(
    source: "Path | RangedFile",
    partial: Path,
    *,
    span: Span,
    margin: Fraction = WINDOW_MARGIN_SECONDS,
    sound: bool = True,
) -> Cut:
    """Copy the packets of a span, and `margin` seconds around it, with their original timestamps.

    The file is Matroska, which rounds times to milliseconds; `Cut.times` keeps them exactly where that matters, so
    that frames from the window are those from the film.

    Parameters
    ----------
    source
        The film, or one on a server, of which no more than is needed is then fetched.
    sound
        Whether the sound track comes along.

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
    check_reaches(film, span)
    later = video.copy(source, partial, start=start, end=end, sound=sound)
    window = video.scan(partial, start, end + margin, film.origin + later)
    copied = _matched(film, window)
    _check_whole(film, copied, span)
    is_exact = len(copied) == len(window.ticks) and all(tick * film.time_base % _MILLISECOND == 0 for tick in copied)
    times = None if is_exact else _times(copied, film, later)
    return Cut(len(window.ticks), film.origin + later, times, timing.missing(span.end, film.end_seconds))


def without_sound(window: Path, partial: Path, *, origin: Fraction, times: video.Times | None) -> Cut:
    """Copy the pictures of a window that was copied from a film, and leave its sound.

    Parameters
    ----------
    origin, times
        As in the `Cut` of the window; they hold for the copy, too.

    Raises
    ------
    MediaRejected, ToolFailed, OSError
        As `window`.
    """
    video.copy(window, partial, start=Fraction(0), end=_ENDLESS, sound=False)
    before, after = video.count_packets(window), video.count_packets(partial)
    if before.count != after.count:
        detail = f"the copy has {after.count} of the window's {before.count} packets"
        raise ToolFailed(Status.CORRUPT, "packets", detail)
    return Cut(after.count, origin, times, Fraction(0))


def _times(copied: Sequence[int], film: video.Scan, later: int) -> video.Times:
    ticks = film.time_base.denominator  # a second
    step = film.time_base.numerator
    moved = [tick * step + later * ticks for tick in copied]
    return video.Times.of(moved, Fraction(1, ticks), film.end * step + later * ticks)


def check_reaches(film: video.Scan, span: Span) -> None:
    """Refuse a film that ends before the span begins.

    Raises
    ------
    MediaRejected
        Short `starts_after_end`.
    """
    if film.end_seconds <= span.start:
        detail = f"the film ends at {float(film.end_seconds):.3f} s, before {float(span.start):.3f} s"
        raise MediaRejected(Status.SHORT, "starts_after_end", detail)


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
