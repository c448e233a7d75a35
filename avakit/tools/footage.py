"""A file that something is made from, and how its timestamps are to be read."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from avakit.tools.timing import Times


@dataclass(frozen=True)
class Footage:
    """A file that frames, clips and sound are taken from, and how its timestamps are to be read.

    Attributes
    ----------
    path
        The film, a window of it, or a clip.
    origin
        Second 0 of the original video on the file's clock, in seconds; None for the file's own start time. A window
        keeps its film's; a clip file begins at its clip's start, so its origin is minus that start.
    times
        The exact times that a window's own timestamps are rounded from (`cut.Cut.times`); None if they are exact.
    """

    path: Path
    origin: Fraction | None = None
    times: Times | None = None
