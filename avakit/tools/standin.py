"""Stand-ins: tiny films with the timestamps of a real one, whose pictures are nothing but their own number.

What a program makes of a film's timestamps shows at once in what it makes of the stand-in, at a hundredth of the cost.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.tools import ffmpeg

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import OutputContainer
    from numpy.typing import NDArray

#: A row of cells, each a macroblock wide, so that no encoder mixes two; the most significant bit is on the left.
CELLS, CELL_PIXELS = 20, 16
WIDTH, HEIGHT = CELLS * CELL_PIXELS, CELL_PIXELS
_BLACK, _WHITE, _NO_COLOUR, _MIDDLE = 16, 235, 128, 128
_H264 = ("libx264", {"preset": "ultrafast", "crf": "20", "bf": "2", "g": "250", "threads": "1"})
_VP9 = ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "b": "0", "crf": "20", "g": "250", "threads": "1"})
_SILENCE_RATE, _SILENCE_SAMPLES = 8000, 8000
#: Two passes over half an hour of tiny pictures: seconds, on any machine.
_TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True)
class Timeline:
    """When the pictures of a stand-in are shown.

    Attributes
    ----------
    seconds, end
        When each begins, ascending, and when the last one ends, on the container's own clock.
    rate
        The mean rate that its header names, in frames a second.
    time_base
        Of the video stream, in seconds; Matroska counts in milliseconds whatever is asked for.
    """

    seconds: Sequence[Fraction]
    end: Fraction
    rate: Fraction
    time_base: Fraction


def make(
    path: Path,
    timeline: Timeline,
    *,
    has_sound: bool,
    encoder: Mapping[str, str] | None = None,
    writer: Mapping[str, str] | None = None,
) -> None:
    """Write a stand-in; its extension says the container.

    Parameters
    ----------
    has_sound
        Whether there is a silent track, too: some programs treat films without one differently.
    encoder, writer
        Options of libav's encoder and muxer, beyond the usual ones.
    """
    import av

    is_webm = path.suffix == ".webm"
    codec, options = _VP9 if is_webm else _H264
    time_base = timeline.time_base
    with av.open(f"file:{path.absolute()}", "w", options=dict(writer or {})) as output:
        video: Any = output.add_stream(codec, rate=timeline.rate, options=options | dict(encoder or {}))
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.time_base = time_base
        sound: Any = output.add_stream("libopus" if is_webm else "aac", rate=_SILENCE_RATE) if has_sound else None
        ticks = [round(second / time_base) for second in (*timeline.seconds, timeline.end)]
        lasts = {at: after - at for at, after in pairwise(ticks)}
        heard = 0
        for index, at in enumerate(ticks[:-1]):
            frame = _picture(index)
            frame.time_base, frame.pts = time_base, at
            _write(output, video.encode(frame), lasts)
            while sound is not None and heard <= at * time_base * _SILENCE_RATE:
                _write_silence(output, sound, heard)
                heard += _SILENCE_SAMPLES
        _write(output, video.encode(None), lasts)
        if sound is not None:
            output.mux(sound.encode(None))


def through_slowfast(film: Path, start: Fraction, duration: Fraction, rate: Fraction) -> list[int]:
    """Return the numbers of a stand-in's pictures, in the order in which SlowFast's commands show them.

    They are those of its DATASET.md, `ffmpeg -ss 900 -t 901` and then `-r 30 -q:v 1`, with these seconds and this rate,
    run by the ffmpeg of this machine; their files lie beside the stand-in's.

    Raises
    ------
    ToolFailed
        As `tools.ffmpeg.run`.
    """
    import ffmpeg as builder

    window, frames = film.with_name(f"window{film.suffix}"), film.with_name("frames.raw")
    first = builder.input(f"file:{film}", ss=f"{float(start):.6f}", t=f"{float(duration):.6f}").output(f"file:{window}")
    raw = {"q:v": 1, "f": "rawvideo", "pix_fmt": "gray"}
    for node in (first, builder.input(f"file:{window}").output(f"file:{frames}", r=str(rate), **raw)):
        ffmpeg.run(node, timeout_seconds=_TIMEOUT_SECONDS)
    return numbers(frames.read_bytes())


def number(luma: "NDArray[Any]") -> int:
    """Return the number that a picture of a stand-in spells, from its rows of luma."""
    import numpy as np

    margin = CELL_PIXELS // 4
    cells = luma.reshape(HEIGHT, CELLS, CELL_PIXELS)[margin:-margin, :, margin:-margin].mean((0, 2))
    return int((cells > _MIDDLE) @ (1 << np.arange(CELLS)[::-1]))


def numbers(data: bytes) -> list[int]:
    """Return the numbers that pictures of a stand-in spell, given as raw 8-bit grey, one after the other."""
    import numpy as np

    return [number(rows) for rows in np.frombuffer(data, np.uint8).reshape(-1, HEIGHT, WIDTH)]


def _write(output: "OutputContainer", packets: "Iterable[Packet[Any]]", lasts: Mapping[int, int]) -> None:
    """Write packets; how long each picture lasts is told to the container, which can't know it of the last one."""
    for packet in packets:
        if packet.pts is not None:
            packet.duration = lasts[packet.pts]
        output.mux(packet)


def _picture(number: int) -> "VideoFrame":
    import av
    import numpy as np

    cells = (number >> np.arange(CELLS)[::-1]) & 1
    luma = np.repeat(np.where(cells, _WHITE, _BLACK).astype(np.uint8), CELL_PIXELS)
    planes = np.full((HEIGHT * 3 // 2, WIDTH), _NO_COLOUR, np.uint8)
    planes[:HEIGHT] = luma
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")


def _write_silence(output: "OutputContainer", stream: Any, at: int) -> None:  # noqa: ANN401
    import av
    import numpy as np

    frame = av.AudioFrame.from_ndarray(np.zeros((1, _SILENCE_SAMPLES), np.int16), format="s16", layout="mono")
    frame.sample_rate, frame.time_base, frame.pts = _SILENCE_RATE, Fraction(1, _SILENCE_RATE), at
    output.mux(stream.encode(frame))
