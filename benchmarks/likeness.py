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
_AROUND, _SAMPLES = 4, 30


@dataclass(frozen=True)
class Likeness:
    """Of the frames of a recipe: PSNR against the colours of the film and against its luma alone, and timing errors."""

    psnr_colours: float
    psnr_luma: float
    worst_ms: float
    mean_ms: float


def colours(frame: av.VideoFrame) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return what a frame means, exactly: RGB and luma in full range, as floats from 0 to 255 (8-bit 4:2:0 alone)."""
    planes: list[Any] = []
    for plane in frame.planes:
        lines: Any = plane
        rows = np.frombuffer(lines, np.uint8)[: plane.height * plane.line_size].reshape(plane.height, plane.line_size)
        planes.append(rows[:, : plane.width].astype(float))
    luma = (planes[0] - 16) / 219
    blue, red = (
        np.repeat(np.repeat((each - 128) / 224, 2, 0), 2, 1)[: luma.shape[0], : luma.shape[1]] for each in planes[1:]
    )
    k_red, k_blue = _MATRICES[matrix(frame)]
    r, b = luma + 2 * (1 - k_red) * red, luma + 2 * (1 - k_blue) * blue
    g = (luma - k_red * r - k_blue * b) / (1 - k_red - k_blue)
    return 255 * np.clip(np.stack([r, g, b], -1), 0, 1), 255 * np.clip(luma, 0, 1)


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
        shown = np.asarray(Image.open(files[index]).convert("RGB"), float)
        grey = np.asarray(Image.open(files[index]).convert("L"), float)
        nearest = min(range(len(seconds)), key=lambda each, at=target: abs(seconds[each] - at))  # type: ignore[misc]
        around = range(max(0, nearest - _AROUND), min(len(seconds), nearest + _AROUND + 1))
        best = min((float(np.mean((grey - colours(source[each][1])[1]) ** 2)), each) for each in around)
        true = colours(source[best[1]][1])[0]
        squares.append((float(np.mean((shown - true) ** 2)), best[0]))
        errors.append(1000 * (seconds[best[1]] - target))
    psnr = [10 * math.log10(255**2 / max(1e-9, float(np.mean(each)))) for each in zip(*squares, strict=True)]
    return Likeness(psnr[0], psnr[1], max(errors, key=abs), float(np.mean(errors)))


def _picks(count: int) -> Iterator[int]:
    yield from range(0, count, max(1, count // _SAMPLES))
