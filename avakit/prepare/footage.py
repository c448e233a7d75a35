"""What a record tells of a film, window or clip: the footage that frames are taken from."""

from fractions import Fraction
from pathlib import Path

from avakit.frames import Footage
from avakit.journal import Record
from avakit.model import Stage
from avakit.tools.video import Times


def footage_of(record: Record, root: Path, start: Fraction) -> Footage:
    """Return the footage of a published film, window or clip.

    Parameters
    ----------
    start
        Second of the original video at which the span begins: second 0 of a clip's file is there.
    """
    origin, times = None, None
    if record.stage is Stage.WINDOW:
        encoded = record.facts.get("times")
        origin, times = Fraction(record.facts["origin"]), Times.decode(encoded) if encoded else None
    elif record.stage is Stage.CLIP:
        # A clip of an archive may begin a little after its clock does.
        origin = Fraction(record.facts.get("start", 0)) - start
    return Footage(root / record.path, origin, times)
