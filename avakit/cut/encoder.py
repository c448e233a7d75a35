"""Cutting a stretch of film by encoding it anew: constant rate, first pts 0."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from avakit.cut.packets import Cut, check_reaches
from avakit.errors import Status, ToolFailed
from avakit.model import Span
from avakit.recipes import VARIABLE_RATE, ClipRecipe
from avakit.tools import encode, ffmpeg, files, pixels, plainfile, retime, timing, video
from avakit.tools.footage import Footage

#: An honest ffmpeg needs a fraction of this; one that hangs is stopped (FAULTS M21).
_TIMEOUT_SECONDS = 60
_TIMEOUT_PER_SECOND = 4
#: How much longer than with `medium` x264 may take.
_SLOWNESS = {"slow": 2, "slower": 4, "veryslow": 8, "placebo": 16}


@dataclass(frozen=True)
class _Film:
    """What is encoded: the file, the span's packets in it, and its clock.

    Attributes
    ----------
    origin
        Second 0 of the video on the file's clock, in seconds.
    begins
        The file's first instant on its own clock, as ffmpeg's `-ss` counts.
    end
        The second of the video at which the last packet scanned ends.
    """

    path: Path
    claimed: video.Probe
    scan: video.Scan
    origin: Fraction
    begins: Fraction
    time_base: Fraction
    end: Fraction
    times: video.Times | None


def clip(
    source: Path | Footage,
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
    source
        The film; or a window copied from it, with the times that its `Cut` tells, so that it gives the film's frames.
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
    film = _film(source if isinstance(source, Footage) else Footage(source), span)
    check_reaches(film.scan, span)
    rate = _rate(film.scan, recipe)
    expected = timing.frame_count(span.duration, rate)
    count = timing.frame_count(min(span.duration, film.end - span.start), rate)
    _check_decodes(film, span, threads)
    plainfile.reserve(partial)
    with _exact(film, partial) as exact:
        ffmpeg.run(
            encode.clip(exact.path, partial, _plan(exact, span, recipe, count, threads)),
            timeout_seconds=_timeout(span, recipe),
            decoded=film.claimed.codec,
            on_progress=None if on_progress is None else lambda done: on_progress(done, count),
        )
    _check_clip(partial, count, rate)
    missing = span.end - film.end if count < expected else Fraction(0)
    return Cut(count, -span.start, None, missing)


def _film(footage: Footage, span: Span) -> _Film:
    path, times = footage.path, footage.times
    claimed = video.probe(path)
    scan = video.scan(path, span.start, span.end, footage.origin)
    end = scan.end_seconds if times is None else times.end * times.time_base - scan.origin
    base = scan.time_base if times is None else times.time_base
    return _Film(path, claimed, scan, scan.origin, claimed.start_seconds, base, end, times)


@contextmanager
def _exact(film: _Film, partial: Path) -> Iterator[_Film]:
    """Yield the film, or for as long as the block lasts a copy of it that has the exact times of a rounded one."""
    if film.times is None:
        yield film
        return
    with files.partial(partial.with_name(f"{partial.stem}.{retime.DEMUXER}")) as path:
        retime.copy(film.path, path, film.times)
        yield replace(film, path=path, origin=film.origin + retime.SHIFT_SECONDS)


def _plan(film: _Film, span: Span, recipe: ClipRecipe, count: int, threads: int) -> encode.ClipPlan:
    seconds = film.scan.seconds()
    since_begin = film.origin - film.begins
    first = seconds[max(0, bisect_right(seconds, span.start) - 1)]
    return encode.ClipPlan(
        start=span.start,
        origin=film.origin,
        time_base=film.time_base,
        first=first + film.origin,
        before=first + since_begin,
        after=seconds[min(len(seconds) - 1, bisect_left(seconds, span.end))] + since_begin,
        rate=_rate(film.scan, recipe),
        frames=count,
        crf=recipe.crf,
        preset=recipe.preset,
        gop=recipe.gop,
        size=_size(film.claimed, recipe.short_side),
        has_audio=film.claimed.has_audio and recipe.sound,
        threads=threads,
    )


def _rate(film: video.Scan, recipe: ClipRecipe) -> Fraction:
    return recipe.rate or film.rate or VARIABLE_RATE


def _size(claimed: video.Probe, short_side: int) -> tuple[int, int] | None:
    """Return the size of the picture as ffmpeg has turned it; None for the film's own."""
    if not short_side:
        return None
    size = pixels.scaled_size(claimed.width, claimed.height, short_side, claimed.sample_aspect)
    return (size.height, size.width) if round(claimed.rotation / 90) % 2 else (size.width, size.height)


def _timeout(span: Span, recipe: ClipRecipe) -> float:
    return float(_TIMEOUT_SECONDS + _TIMEOUT_PER_SECOND * span.duration * _SLOWNESS.get(recipe.preset, 1))


def _check_decodes(film: _Film, span: Span, threads: int) -> None:
    """Decode the span once by ourselves: ffmpeg can't tell damage from an open GOP (see `tools.ffmpeg`)."""
    for _ in video.frames(film.path, span.start, span.end, origin=film.origin, times=film.times, threads=threads):
        pass


def _check_clip(path: Path, count: int, rate: Fraction) -> None:
    packets = video.count_packets(path, Fraction(0))
    if packets.count != count:
        raise ToolFailed(Status.CORRUPT, "length", f"the clip has {packets.count} frames instead of {count}")
    if packets.first_pts_seconds != 0 or (count > 1 and packets.rate != rate):
        detail = f"the clip begins at {float(packets.first_pts_seconds):.6f} s and has the rate {packets.rate}"
        raise ToolFailed(Status.CORRUPT, "length", f"{detail} instead of {rate}")
