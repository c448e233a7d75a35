"""Short films for tests, made once a session, and the truth about them read without avakit's own code."""

from fractions import Fraction
from functools import cache
from pathlib import Path

import av

from demo import films

FOOTAGE = [Path(__file__).parents[1] / "data" / "footage" / name for name in ("walk.mkv", "book.mkv", "eat.mkv")]
SECONDS = Fraction(12)
_X264 = {"preset": "ultrafast", "crf": "30", "bf": "3", "b-pyramid": "normal", "g": "60", "threads": "1"}
_VARIED = tuple(Fraction(1, n) for n in (24, 60, 25, 30, 7, 30, 48, 24))


def _x264(**extra: str) -> dict[str, str]:
    return _X264 | extra


#: name -> (frame rate, style)
REELS: dict[str, tuple[Fraction, films.Style]] = {
    "25.mp4": (Fraction(25), films.Style(options=_x264(), sound="aac")),
    "23976.mp4": (Fraction(24000, 1001), films.Style(options=_x264(), sound="aac")),
    "23976-late.mp4": (Fraction(24000, 1001), films.Style(options=_x264(), start=Fraction(1, 8))),
    "2997-open.mkv": (
        Fraction(30000, 1001),
        films.Style(options=_x264(**{"x264-params": "open-gop=1:keyint=60:scenecut=0"}), sound="aac"),
    ),
    # Many references across open GOPs: after a seek the decoder is told to forget pictures that it never read.
    "2997-refs.mkv": (
        Fraction(30000, 1001),
        films.Style(
            options={"preset": "veryfast", "crf": "30", "threads": "1"}
            | {"x264-params": "open-gop=1:keyint=40:min-keyint=4:scenecut=40:ref=6:bframes=3:b-adapt=2"}
        ),
    ),
    "30.mp4": (Fraction(30), films.Style(options=_x264(bf="0"))),
    "30-late.mkv": (Fraction(30), films.Style(options=_x264(), start=Fraction("112.7"), sound="aac")),
    "varied.mp4": (Fraction(30), films.Style(options=_x264(), steps=_VARIED)),
    "varied.mkv": (Fraction(30), films.Style(options=_x264(), steps=_VARIED)),
    "vp9.webm": (
        Fraction(25),
        films.Style(
            codec="libvpx-vp9",
            options={"deadline": "realtime", "cpu-used": "8", "g": "60", "b": "400k", "threads": "1"},
            sound="libopus",
        ),
    ),
    "hevc-open.mp4": (
        Fraction(25),
        films.Style(
            codec="libx265",
            options={"preset": "ultrafast", "x265-params": "log-level=0:keyint=50:open-gop=1:bframes=3:pools=1"},
        ),
    ),
}


def make(folder: Path, name: str) -> Path:
    rate, style = REELS[name]
    path = folder / name
    if not path.exists():
        films.make(path, footage=FOOTAGE, seconds=SECONDS, rate=rate, style=style)
    return path


@cache
def times(path: Path) -> tuple[list[Fraction], Fraction]:
    """Return the second of the video at which each frame begins, and that at which the last one ends."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [(packet.pts, packet.duration) for packet in container.demux(stream) if packet.pts is not None]
        starts = [s.start_time * s.time_base for s in container.streams if s.start_time is not None]
        base = stream.time_base
    zero = min(starts)
    ticks = sorted(pts for pts, _ in packets)
    return [tick * base - zero for tick in ticks], max(pts + lasts for pts, lasts in packets) * base - zero


def nearest(begins: list[Fraction], target: Fraction) -> int:
    """Return the index of the frame nearest to an instant by trying them all; on a tie the earlier one."""
    return min(range(len(begins)), key=lambda index: (abs(begins[index] - target), index))
