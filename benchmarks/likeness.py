"""How like its source a frame is: which source frame it shows, and how far its colours are from that one's."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avakit.tools.pixels import matrix

#: ITU-T H.273 matrix -> (Kr, Kb).
_MATRICES = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
_BT601 = 6
_AROUND, _SAMPLES = 4, 20


@dataclass(frozen=True)
class Likeness:
    """Of the frames of a recipe: how far colours and compression alone are off, and the errors of timing.

    `psnr_colours` is against the film's colours, `psnr_compression` against those that the recipe takes for them:
    whoever ignores the film's matrix encodes BT.601's colours of the same planes.
    """

    psnr_colours: float
    psnr_compression: float
    worst_ms: float
    mean_ms: float


def colours(frame: av.VideoFrame) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the RGB that a frame means, exactly, and that of its planes by BT.601 (8-bit 4:2:0, limited range)."""
    planes: list[Any] = []
    for plane in frame.planes:
        lines: Any = plane
        rows = np.frombuffer(lines, np.uint8)[: plane.height * plane.line_size].reshape(plane.height, plane.line_size)
        planes.append(rows[:, : plane.width].astype(np.float32))
    luma = (planes[0] - 16) / 219
    wide = (np.repeat(np.repeat((each - 128) / 224, 2, 0), 2, 1) for each in planes[1:])
    blue, red = (each[: luma.shape[0], : luma.shape[1]] for each in wide)
    found = [_rgb(luma, blue, red, *_MATRICES[number]) for number in (matrix(frame), _BT601)]
    return found[0], found[1]


def _rgb(luma: NDArray[Any], blue: NDArray[Any], red: NDArray[Any], k_red: float, k_blue: float) -> NDArray[Any]:
    r, b = luma + 2 * (1 - k_red) * red, luma + 2 * (1 - k_blue) * blue
    g = (luma - k_red * r - k_blue * b) / (1 - k_red - k_blue)
    return 255 * np.clip(np.stack([r, g, b], -1), 0, 1)


def distances(picture: Image.Image, true: tuple[NDArray[Any], NDArray[Any]]) -> tuple[float, float]:
    """Return the mean square of a picture's distance from a frame's colours, and from the nearer of its readings."""
    shown = np.asarray(picture.convert("RGB"), np.float32)
    squares = [float(np.mean((shown - each) ** 2)) for each in true]
    return squares[0], min(squares)


def psnr(mean_square: float) -> float:
    """Return a mean square of eight-bit levels in decibels."""
    return 10 * math.log10(255**2 / max(1e-9, mean_square))


def sources(film: Path, until: float) -> list[tuple[Fraction, av.VideoFrame]]:
    """Return the frames of a film up to an instant, with their seconds."""
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        zero = Fraction(container.start_time or 0, 1_000_000)
        found = []
        for frame in container.decode(stream):
            second = (frame.pts or 0) * (stream.time_base or Fraction(1)) - zero
            found.append((second, frame))
            if second > until:
                break
        return found


def compare(
    files: Sequence[Path], source: Sequence[tuple[Fraction, av.VideoFrame]], start: Fraction, rate: Fraction
) -> Likeness:
    """Compare some frames with the source frames around their instants; the most alike is the one that is shown."""
    seconds = [float(second) for second, _ in source]
    squares: list[tuple[float, float]] = []
    errors: list[float] = []
    for index in _picks(len(files)):
        target = float(start + index / rate)
        if target > seconds[-1]:
            break
        picture = Image.open(files[index])
        nearest = min(range(len(seconds)), key=lambda each, at=target: abs(seconds[each] - at))  # type: ignore[misc]
        around = range(max(0, nearest - _AROUND), min(len(seconds), nearest + _AROUND + 1))
        found = {each: distances(picture, colours(source[each][1])) for each in around}
        shown = min(around, key=lambda each: found[each][1])
        squares.append(found[shown])
        errors.append(1000 * (seconds[shown] - target))
    means = [psnr(float(np.mean(each))) for each in zip(*squares, strict=True)]
    return Likeness(means[0], means[1], max(errors, key=abs), float(np.mean(errors)))


def _picks(count: int) -> Iterator[int]:
    yield from range(0, count, max(1, count // _SAMPLES))
