"""Proof by other means than avakit's own: what the index strips of frames and clips say, against the films."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from demo.films import read_strip

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: AVA's convention, and demo.yaml's.
FRAME_RATE = Fraction(30)
_MICROSECONDS = 1_000_000


def frames_right(folder: Path, film: Path, start: int) -> tuple[int, int]:
    """Return how many frames of a folder show the source frame nearest to their instant, and how many there are.

    Frame number k stands for second `start + (k - 1) / 30` of the film.
    """
    times = _times(film)
    paths = sorted(folder.iterdir())
    instants = (start + Fraction(number) / FRAME_RATE for number in range(len(paths)))
    shown = (read_strip(_grey(path)) for path in paths)
    return sum(index == _nearest(times, at) for index, at in zip(shown, instants, strict=True)), len(paths)


def clip_right(clip: Path, film: Path, start: int) -> tuple[int, int]:
    """Return how many frames of a clip show the source frame nearest to theirs, and how many there are.

    A frame with the time t in the clip stands for second `start + t` of the film.
    """
    times = _times(film)
    shown = [(read_strip(image), at) for image, at in _decoded(clip)]
    return sum(index == _nearest(times, start + at) for index, at in shown), len(shown)


def _times(film: Path) -> list[Fraction]:
    """Return the second at which each frame of a film appears, counted from the container's start."""
    import av

    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        ticks = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
        zero = Fraction(container.start_time or 0, _MICROSECONDS)
        base = stream.time_base or Fraction(1, _MICROSECONDS)
    return [tick * base - zero for tick in ticks]


def _nearest(times: Sequence[Fraction], at: Fraction) -> int:
    """Return the index of the time nearest to `at`; of two as near, the earlier."""
    after = bisect_left(times, at)
    if after == 0:
        return 0
    if after == len(times) or at - times[after - 1] <= times[after] - at:
        return after - 1
    return after


def _grey(path: Path) -> "NDArray[np.uint8]":
    import simplejpeg

    image: NDArray[np.uint8] = simplejpeg.decode_jpeg(path.read_bytes(), "GRAY")
    return image[:, :, 0]


def _decoded(clip: Path) -> "Iterator[tuple[NDArray[np.uint8], Fraction]]":
    import av
    import numpy as np

    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="gray"), np.uint8), Fraction(frame.time or 0).limit_denominator()
