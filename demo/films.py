"""Films whose frames carry their own number: looped footage above a strip that spells the frame's index in binary.

So every cut and every frame made from them can be checked against the exact frame it should show.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av
    import numpy as np
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

#: The strip: sixteen cells, the most significant bit on the left, white is 1.
STRIP_ROWS = 12
_CELLS = 16
_BLACK, _WHITE, _NO_COLOUR = 16, 235, 128
_SOUND_RATE = 8_000
_SOUND_HERTZ = 440
#: The default coder of libavcodec's AAC encoder takes longer than x264 here.
_SOUND_OPTIONS = {"aac": {"aac_coder": "fast"}}
#: libx264: fast, with B-frames and a GOP of ten seconds at 25 frames, as films from the web have.
_X264 = {"preset": "ultrafast", "crf": "28", "bf": "2", "g": "250", "threads": "1"}


@dataclass(frozen=True)
class Style:
    """How a film is made.

    Attributes
    ----------
    width, height
        In pixels, with the strip; the width is a multiple of 32.
    start
        The first frame's time on the file's own clock, in seconds.
    steps
        Seconds each frame lasts, repeated for ever: a variable rate. Empty for the constant one.
    codec, options
        The encoder and its options.
    sound
        The audio encoder for a sine of 440 Hz; empty for a silent film.
    """

    width: int = 320
    height: int = 192
    start: Fraction = Fraction(0)
    steps: tuple[Fraction, ...] = ()
    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=lambda: dict(_X264))
    sound: str = ""


def make(
    path: Path, *, footage: Sequence[Path], seconds: Fraction, rate: Fraction, style: Style | None = None
) -> list[Fraction]:
    """Make a film of looped footage with an index strip.

    Parameters
    ----------
    path
        Where to; the extension says the container.
    footage
        What to loop, one after the other.
    seconds
        How long the film is to be: it ends with the first frame that begins at or after this.
    rate
        Frames a second.

    Returns
    -------
    list of Fraction
        The second at which each frame begins, counted from the first one, before any container rounds it.
    """
    import av

    style = style or Style()
    begins = _begins(seconds, rate, style.steps)
    if len(begins) >= 1 << _CELLS:
        raise ValueError(f"{len(begins)} frames are more than the strip can count")
    pictures = islice(cycle(_pictures(footage, style)), len(begins))
    with av.open(str(path), "w") as output:
        video = _video_stream(output, rate, begins, style)
        sound = _Sound(output, style) if style.sound else None
        for index, (begin, picture) in enumerate(zip(begins, pictures, strict=True)):
            frame = _frame(picture, index, style)
            frame.time_base = video.codec_context.time_base
            frame.pts = int((style.start + begin) / frame.time_base)
            output.mux(video.encode(frame))
            if sound is not None:
                sound.write_until(begin)
        output.mux(video.encode(None))
        if sound is not None:
            sound.finish()
    return begins


def _begins(seconds: Fraction, rate: Fraction, steps: Sequence[Fraction]) -> list[Fraction]:
    if not steps:
        return [index / rate for index in range(math.ceil(seconds * rate))]
    begins, at = [], Fraction(0)
    for step in cycle(steps):
        if at >= seconds:
            break
        begins.append(at)
        at += step
    return begins


def _video_stream(output: "OutputContainer", rate: Fraction, begins: Sequence[Fraction], style: Style) -> "VideoStream":
    stream: Any = output.add_stream(style.codec, rate=rate, options=style.options)
    stream.width, stream.height, stream.pix_fmt = style.width, style.height, "yuv420p"
    unit = math.lcm(rate.numerator, style.start.denominator, *{begin.denominator for begin in begins})
    stream.codec_context.time_base = Fraction(1, unit)
    return stream  # type: ignore[no-any-return]


def _pictures(footage: Sequence[Path], style: Style) -> "list[NDArray[np.uint8]]":
    """Decode the footage once, as yuv420p frames with an empty strip."""
    return [
        _with_strip(
            frame.reformat(style.width, style.height - STRIP_ROWS, "yuv420p", interpolation="AREA").to_ndarray(), style
        )
        for path in footage
        for frame in _decoded(path)
    ]


def _decoded(path: Path) -> "Iterator[av.VideoFrame]":
    import av

    with av.open(str(path)) as container:
        yield from container.decode(video=0)


def _with_strip(picture: "NDArray[Any]", style: Style) -> "NDArray[np.uint8]":
    """Return the planes of a whole frame, one under the other as PyAV lays yuv420p out, with room for the strip."""
    import numpy as np

    rows = style.height - STRIP_ROWS
    whole = np.full((style.height * 3 // 2, style.width), _NO_COLOUR, np.uint8)
    whole[:rows] = picture[:rows]
    quarter = style.width // 2
    for plane in (0, 1):
        colours = picture[rows:].reshape(2, rows // 2, quarter)[plane]
        whole[style.height :].reshape(2, style.height // 2, quarter)[plane][: rows // 2] = colours
    return whole


def _frame(picture: "NDArray[np.uint8]", index: int, style: Style) -> "av.VideoFrame":
    import av
    import numpy as np

    bits = (index >> np.arange(_CELLS - 1, -1, -1)) & 1
    row = np.where(bits, _WHITE, _BLACK).astype(np.uint8).repeat(style.width // _CELLS)
    picture[style.height - STRIP_ROWS : style.height] = row
    return av.VideoFrame.from_ndarray(picture, format="yuv420p")


class _Sound:
    """A sine, written in step with the pictures."""

    def __init__(self, output: "OutputContainer", style: Style) -> None:
        stream: Any = output.add_stream(
            style.sound, rate=_SOUND_RATE, layout="mono", options=_SOUND_OPTIONS.get(style.sound, {})
        )
        self._stream: AudioStream = stream
        self._output = output
        self._start = int(style.start * _SOUND_RATE)
        self._written = 0

    def write_until(self, seconds: Fraction) -> None:
        """Write whole seconds of sound until there is as much of it as of pictures."""
        import av
        import numpy as np

        while self._written < seconds * _SOUND_RATE:
            phase = np.arange(_SOUND_RATE) * (2 * math.pi * _SOUND_HERTZ / _SOUND_RATE)
            samples = (np.sin(phase) * 8000).astype(np.int16)[None, :]
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = _SOUND_RATE
            frame.time_base = Fraction(1, _SOUND_RATE)
            frame.pts = self._start + self._written
            self._output.mux(self._stream.encode(frame))
            self._written += _SOUND_RATE

    def finish(self) -> None:
        """Write what the encoder still holds."""
        self._output.mux(self._stream.encode(None))


def read_strip(image: "NDArray[np.uint8]") -> int:
    """Return the index that a picture's strip spells.

    Parameters
    ----------
    image
        Rows by columns, grey or with colours in a third dimension; of any size.
    """
    import numpy as np

    grey = image if image.ndim == 2 else image.mean(axis=2)  # noqa: PLR2004
    # A quarter of a row of cells around the middle of the strip, so that neither scaling nor blocks matter.
    middle = round(grey.shape[0] * (1 - STRIP_ROWS / 2 / 192))
    cell = grey.shape[1] / _CELLS
    columns = [round((k + 0.5) * cell) for k in range(_CELLS)]
    bits = np.asarray(
        [grey[middle - 1 : middle + 1, column - 2 : column + 3].mean() > _NO_COLOUR for column in columns]
    )
    return int(bits @ (1 << np.arange(_CELLS - 1, -1, -1)))
