"""What ffmpeg is told where something is encoded: a clip or a window, and the sound beside it.

All of it is settled before ffmpeg begins, in exact fractions; ffmpeg only carries it out (`tools.ffmpeg.run`).
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from avakit.tools.ffmpeg import Node, source
from avakit.tools.retime import DEMUXER

#: Read a little more than the frames that are needed: `-ss` and `-t` are rounded to microseconds.
_SEEK_MARGIN_SECONDS = Fraction(1, 10)
#: Matroska rounds times to milliseconds.
_ROUNDED_SECONDS = Fraction(1, 1000)
#: Sound decodes rightly only some packets after a seek: 80 ms of Opus, and two packets of everything else.
_SOUND_MARGIN_SECONDS = Fraction(1)
#: libavfilter counts time in a rational of two 32-bit integers.
_LARGEST_DENOMINATOR = 2**31 - 1
#: For films whose own clock is finer than that: times are then off by a quarter of a microsecond at most.
_FINE_DENOMINATOR = 4_000_000
#: The bytes that x264 writes depend on this number, so it never depends on the machine or on --jobs (decision 0027).
_ENCODER_THREADS = 4


@dataclass(frozen=True)
class ClipPlan:
    """What a clip or window is made of.

    Attributes
    ----------
    start
        Seconds of the video at which it begins.
    origin
        Second 0 of the video on the film's own clock.
    time_base
        Of the film's video stream.
    first
        Where the first frame that is needed lies on the film's own clock, to a millisecond. Frames before it are left
        out: a film's edit list may hide them.
    before, after
        Seconds after the container's start time of the last frame at or before the start, and of the first one at or
        after the end.
    rate, frames
        Of the clip: frames a second, and how many.
    crf, preset, gop
        Of x264: quality, speed, and frames from one I-frame to the next (0 leaves that to x264).
    size
        Width and height in square pixels to scale to; None keeps the size, but for odd sides.
    has_audio
        Whether the film's first sound track comes along.
    threads
        Of the decoder, which gives the same frames with any number.
    """

    start: Fraction
    origin: Fraction
    time_base: Fraction
    first: Fraction
    before: Fraction
    after: Fraction
    rate: Fraction
    frames: int
    crf: int
    preset: str
    has_audio: bool
    gop: int = 0
    size: tuple[int, int] | None = None
    threads: int = 1


def clip(path: Path, partial: Path, plan: ClipPlan) -> Node:
    """Return the output node that encodes a clip as H.264 in MP4: constant rate, first pts 0, even sides.

    Frame k shows the source frame nearest to `start + k / rate`, the earlier one on a tie. ffmpeg's `fps` filter alone
    does that only for sources with fewer frames a second than the clip; otherwise it shows the last frame of all that
    round to k. Here a frame is moved to just after the middle between it and the one before (which is where it begins
    to be the nearest), and `fps` shows the last frame that has begun. For that the film's own timestamps are kept
    (`-copyts`; ffmpeg would shift them by a rounded amount) and counted in a unit that makes all of it whole numbers.
    """
    import ffmpeg

    unit = _unit(plan)
    begin = round((plan.start + plan.origin) / unit)
    film = source(path, **_stretch(path, plan), copyts=None, threads=plan.threads)
    picture = (
        film["V:0"]
        .filter("settb", expr=str(unit))
        .filter("trim", start_pts=math.floor((plan.first - _ROUNDED_SECONDS) / unit))
        .filter("setpts", f"if(isnan(PREV_INPTS),-1,(PTS+PREV_INPTS)/2+1-{begin})")
        .filter("fps", fps=str(plan.rate), start_time=0, round="up")
        .filter("tpad", stop=-1, stop_mode="clone")
    )
    picture = _sized(picture, plan.size).filter("format", "yuv420p")
    length = Fraction(plan.frames) / plan.rate
    streams = [picture, _sound(film["a:0"], plan.start + plan.origin, length)] if plan.has_audio else [picture]
    return ffmpeg.output(*streams, f"file:{partial.absolute()}", **_x264(plan))


def _stretch(path: Path, plan: ClipPlan) -> dict[str, Any]:
    """Return the input options that say what to read; all of a window with exact times, as NUT is searched badly."""
    if path.suffix == f".{DEMUXER}":
        return {"demuxers": DEMUXER}
    seek = max(Fraction(0), plan.before - _SEEK_MARGIN_SECONDS)
    return {"ss": _seconds(seek), "t": _seconds(plan.after + _SEEK_MARGIN_SECONDS - seek)}


def _sized(picture: Node, size: tuple[int, int] | None) -> Node:
    if size is None:
        return picture.filter("crop", "trunc(iw/2)*2", "trunc(ih/2)*2")
    return picture.filter("scale", *size, flags="bicubic").filter("setsar", 1)


def _x264(plan: ClipPlan) -> dict[str, object]:
    options = {
        "vcodec": "libx264",
        "crf": plan.crf,
        "preset": plan.preset,
        "acodec": "aac",
        "threads": _ENCODER_THREADS,
    }
    if plan.gop:
        options |= {"g": plan.gop, "keyint_min": plan.gop, "sc_threshold": 0}
    return options | {"frames:v": plan.frames, "movflags": "+faststart", "f": "mp4", "map_metadata": -1}


def _unit(plan: ClipPlan) -> Fraction:
    """Return a unit of which a quarter step is left between any instant and any middle between two frames."""
    begin = plan.start + plan.origin
    whole = 4 * math.lcm(plan.time_base.denominator, begin.denominator, plan.rate.numerator)
    return Fraction(1, whole if whole <= _LARGEST_DENOMINATOR else _FINE_DENOMINATOR)


def _sound(stream: Node, begin: Fraction, length: Fraction) -> Node:
    """Return the sound from `begin` seconds on the film's own clock on, its times counted from there."""
    return (
        stream.filter("atrim", start=_seconds(begin), end=_seconds(begin + length))
        .filter("asetpts", f"PTS-{_seconds(begin)}/TB")
        .filter("aresample", **{"async": 1, "first_pts": 0})
    )


@dataclass(frozen=True)
class SoundPlan:
    """What a sound file is made of.

    Attributes
    ----------
    begin
        Where it begins on the film's own clock, in seconds.
    seek
        The same instant in seconds after the container's start time; less than 0 before it.
    duration
        Seconds of sound.
    rate, samples
        Samples a second, and how many.
    form
        `wav` or `flac`.
    """

    begin: Fraction
    seek: Fraction
    duration: Fraction
    rate: int
    samples: int
    form: str


def sound(path: Path, partial: Path, plan: SoundPlan, *, from_beginning: bool = False) -> Node:
    """Return the output node that writes the first sound track of a span: 16 bits, silence where it has nothing."""
    import ffmpeg

    seek = Fraction(0) if from_beginning else max(Fraction(0), plan.seek - _SOUND_MARGIN_SECONDS)
    film = source(path, ss=_seconds(seek), t=_seconds(plan.seek + plan.duration + 1 - seek), copyts=None)
    track = (
        _sound(film["a:0"], plan.begin, plan.duration)
        .filter("aresample", plan.rate)
        .filter("apad", whole_len=plan.samples)
        .filter("atrim", end_sample=plan.samples)
    )
    codec = {"wav": "pcm_s16le", "flac": "flac"}[plan.form]
    options = {"acodec": codec, "ar": plan.rate, "f": plan.form, "map_metadata": -1, "sample_fmt": "s16"}
    return ffmpeg.output(track, f"file:{partial.absolute()}", fflags="+bitexact", **{"flags:a": "+bitexact"}, **options)


def _seconds(value: Fraction) -> str:
    """Write seconds as ffmpeg reads them: to the microsecond, without an exponent."""
    return f"{float(value):.6f}"
