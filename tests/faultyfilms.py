"""The media rows of the fault matrix: which damage is tried, and what becomes of a film that has it."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests import faultymedia as media
from tests.faultymedia import RATE

Expected = tuple[str, str]
DONE: Expected = ("done", "")
NO_MEDIA: Expected = ("corrupt", "not_media")
PACKETS: Expected = ("corrupt", "packets")
TRUNCATED: Expected = ("corrupt", "truncated")
DECODE: Expected = ("corrupt", "decode")
NO_VIDEO: Expected = ("corrupt", "no_video")
TIMES: Expected = ("corrupt", "timestamps")
ENDS_INSIDE: Expected = ("short", "ends_inside_span")
TOO_SHORT: Expected = ("short", "starts_after_end")
BOMB: Expected = ("unsafe", "size")
PLAYLIST: Expected = ("unsafe", "playlist")
FULL = ("--decode-check", "full")
VP9 = {"deadline": "realtime", "cpu-used": "8", "g": "25", "b": "400k"}


@dataclass(frozen=True)
class Film:
    """A film, what becomes of it, and what is said on the command line.

    Attributes
    ----------
    suffix
        Of the file that it is delivered as.
    """

    row: str
    name: str
    make: Callable[[], bytes]
    expected: Expected
    suffix: str = "mp4"
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.row}-{self.name}"


@cache
def mp4() -> bytes:
    return media.film()


@cache
def other() -> bytes:
    return media.film(seed=5)


@cache
def mkv() -> bytes:
    return media.film("matroska")


@cache
def webm() -> bytes:
    return media.film("webm", codec="libvpx-vp9", options=VP9)


def _converted(*words: str, suffix: str = ".mp4", before: tuple[str, ...] = ()) -> bytes:
    with TemporaryDirectory() as folder:
        return media.converted(mp4(), Path(folder), *words, suffix=suffix, before=before)


def _cover() -> bytes:
    picture = ("-f", "lavfi", "-i", "color=red:s=64x64:d=0.04")
    maps = ("-map", "1:a", "-map", "0:v", "-c:a", "copy", "-c:v", "mjpeg", "-disposition:v:0", "attached_pic")
    return _converted(*maps, before=picture)


def _x264(*words: str) -> tuple[str, ...]:
    return ("-c:v", "libx264", "-preset", "ultrafast", *words, "-c:a", "copy")


def _stitched() -> bytes:
    """Begin with one encode and end with another: what a client resumes that does not look."""
    half = len(mp4()) // 2
    return mp4()[:half] + other()[half:].ljust(len(mp4()) - half, b"\x55")


def _noise(length: int = 50_000) -> bytes:
    return Random(7).randbytes(length)


#: Tried on `download`, against a folder that holds the film and a mirror that does not have it yet.
DAMAGED = (
    Film("M1", "cut-at-60-percent", lambda: media.cut(mp4(), 0.6), PACKETS),
    Film("M1", "cut-at-60-percent-mkv", lambda: media.cut(mkv(), 0.6), TRUNCATED, "mkv"),
    Film("M2", "cut-by-a-thousandth", lambda: media.cut(mp4(), 0.999), PACKETS),
    Film("M2", "cut-by-one-byte", lambda: mp4()[:-1], PACKETS),
    Film("M2", "cut-by-one-byte-mkv", lambda: mkv()[:-1], TRUNCATED, "mkv"),
    Film("M3", "index-missing", lambda: media.without_box(mp4(), b"moov"), NO_MEDIA),
    Film("M3", "index-cut-off", lambda: media.cut(_converted("-c", "copy"), 0.9), NO_MEDIA),
    Film("M4", "empty", lambda: b"", ("corrupt", "empty")),
    Film("M4", "noise", _noise, NO_MEDIA),
    Film("M4", "noise-after-a-right-beginning", lambda: mp4()[:32] + _noise(), NO_MEDIA),
    Film("M4", "page", lambda: b"<!DOCTYPE html><title>404</title>", ("corrupt", "html")),
    Film("M4", "message", lambda: b'{"error": "gone"}', NO_MEDIA),
    Film("M5", "one-bit", lambda: media.flipped(mp4(), 1, seed=110), DECODE, words=FULL),
    Film("M5", "fifty-bits", lambda: media.flipped(mp4(), 50), DECODE, words=FULL),
    Film("M6", "4-KiB-of-zeros", lambda: media.zeroed(mp4(), 4096), DECODE, words=FULL),
    Film("M6", "64-KiB-of-zeros", lambda: media.zeroed(mp4(), 65536), DECODE, words=FULL),
    Film("M6", "4-KiB-of-zeros-mkv", lambda: media.zeroed(mkv(), 4096), PACKETS, "mkv"),
    Film("M6", "64-KiB-of-zeros-mkv", lambda: media.zeroed(mkv(), 65536), PACKETS, "mkv"),
    Film("M6", "4-KiB-of-zeros-webm", lambda: media.zeroed(webm(), 4096), PACKETS, "webm"),
    Film("M6", "tail-never-written", lambda: media.hollow(mp4()), DECODE, words=FULL),
    Film("M6", "tail-never-written-mkv", lambda: media.hollow(mkv()), PACKETS, "mkv"),
    Film("M7", "sizes-wrong", lambda: media.wrong_sizes(mp4()), PACKETS),
    Film("M8", "stitched", lambda: mp4()[: len(mp4()) // 2] + other()[len(mp4()) // 2 :], PACKETS),
    Film("M8", "stitched-to-the-right-length", _stitched, DECODE, words=FULL),
    Film("M9", "webm-cut-at-50-percent", lambda: media.cut(webm(), 0.5), TRUNCATED, "webm"),
    Film("M10", "transport-stream", lambda: _converted("-c", "copy", suffix=".ts"), NO_MEDIA),
    Film("M10", "times-go-backwards", lambda: media.backwards(mkv()), TIMES, "mkv"),
    Film("M11", "sound-only", lambda: _converted("-vn", "-c", "copy"), NO_VIDEO),
    Film("M11", "sound-and-cover", _cover, NO_VIDEO),
    Film("M12", "90000-frames-a-second", lambda: media.rushed(media.film(options=media.NO_B)), TOO_SHORT),
    Film("M12", "one-frame", lambda: media.film(seconds=1 / RATE, sound=False), TOO_SHORT),
    Film("M14", "shorter-than-the-start", lambda: media.film(seconds=0.8), TOO_SHORT),
    Film("M17", "begun-between-i-frames", lambda: media.begun_late(media.film(options=media.LONG_GOP)), DECODE, "mkv"),
    Film("M18", "bomb", media.bomb, BOMB),
    Film("M18", "bomb-that-claims-to-be-small", lambda: media.bomb(claims=64), BOMB),
    Film("M20", "hls", lambda: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", PLAYLIST),
    Film("M20", "hls-behind-a-mark", lambda: b"\xef\xbb\xbf\n#EXTM3U\n/etc/passwd\n", PLAYLIST),
    Film("M20", "concat", lambda: b"ffconcat version 1.0\nfile canary.mp4\n", PLAYLIST),
    Film("M20", "concat-without-a-head", lambda: b"file 'canary.mp4'\nfile '/etc/passwd'\n", NO_MEDIA),
    Film("M20", "dash", lambda: b'<?xml version="1.0"?>\n<MPD><BaseURL>file:///etc/</BaseURL></MPD>', PLAYLIST),
)


@dataclass(frozen=True)
class Odd:
    """A sound film that is odd, and what its record, its clip and its frames are like.

    Attributes
    ----------
    size
        Of its frames, in pixels.
    facts
        What its record says.
    """

    row: str
    name: str
    make: Callable[[], bytes]
    suffix: str = "mp4"
    size: tuple[int, int] = (media.WIDTH, media.HEIGHT)
    facts: tuple[tuple[str, object], ...] = ()

    def __str__(self) -> str:
        return f"{self.row}-{self.name}"


def _hdr(transfer: str) -> bytes:
    # By a filter: newer ffmpegs take what a frame says over what the encoder is told.
    tags = ("-vf", f"setparams=color_trc={transfer}:color_primaries=bt2020:colorspace=bt2020nc")
    quick = ("-preset", "ultrafast", "-x265-params", "log-level=0:pools=1")
    return _converted("-c:v", "libx265", *quick, "-pix_fmt", "yuv420p10le", *tags, "-c:a", "copy")


_QUICK_VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-auto-alt-ref", "0")
_ALPHA = (*_QUICK_VP9, "-pix_fmt", "yuva420p", "-c:a", "libopus")


def _slides(count: int) -> bytes:
    """Show each picture for three seconds, as a film of slides does."""
    return media.film(options=media.NO_B, sound=False, seconds=count / RATE, pts=lambda number: number * 3 * RATE)


def _varied(number: int) -> int:
    return sum((1, 3, 2, 5, 1)[each % 5] for each in range(number)) * 10


#: Tried on `prepare`: video, clip and frames.
ODD = (
    Odd("M12", "no-count-of-frames", lambda: _converted("-c", "copy", "-movflags", "frag_keyframe+empty_moov")),
    Odd("M12", "a-rate-of-0", lambda: media.without_rate(_converted("-c:v", "mpeg4", "-an", suffix=".avi")), "avi"),
    Odd("M12", "two-pictures", lambda: _slides(2)),
    Odd("M13", "varied", lambda: media.film(pts=_varied, time_base=Fraction(1, 600))),
    Odd("M13", "varied-mkv", lambda: media.film("matroska", pts=_varied, time_base=Fraction(1, 600)), "mkv"),
    Odd("M17", "one-i-frame", lambda: media.film(options=media.LONG_GOP)),
    Odd("M19", "rotated", lambda: media.rotated(mp4()), size=(64, 96),
        facts=(("rotation", 90),)),
    Odd("M19", "odd-sides", lambda: media.film("webm", codec="libvpx-vp9", options=VP9, size=(95, 63)), "webm",
        size=(95, 63)),
    Odd("M19", "10-bit", lambda: _converted(*_x264("-pix_fmt", "yuv420p10le")), facts=(("pix_fmt", "yuv420p10le"),)),
    Odd("M19", "422", lambda: _converted(*_x264("-pix_fmt", "yuv422p")), facts=(("pix_fmt", "yuv422p"),)),
    Odd("M19", "hdr-pq", lambda: _hdr("smpte2084"), facts=(("color_transfer", 16), ("color_space", 9))),
    Odd("M19", "hdr-hlg", lambda: _hdr("arib-std-b67"), facts=(("color_transfer", 18), ("color_space", 9))),
    Odd("M19", "alpha", lambda: _converted(*_ALPHA, suffix=".webm"), "webm"),
    Odd("M19", "interlaced", lambda: _converted(*_x264("-vf", "interlace", "-flags", "+ilme+ildct")),
        facts=(("field_order", "tt"),)),
    Odd("M19", "wide-pixels", lambda: _converted(*_x264("-vf", "setsar=2/1")),
        facts=(("sample_aspect", "2"),)),
)  # fmt: skip
