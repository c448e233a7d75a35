"""What a record tells of a film, window or clip: the footage that things are made from."""

from fractions import Fraction
from pathlib import Path

from avakit.journal import Record
from avakit.model import Stage
from avakit.tools.footage import Footage
from avakit.tools.timing import Times


def footage_of(record: Record, root: Path, start: Fraction) -> Footage:
    """Return the footage of a published film, window or clip.

    Parameters
    ----------
    start
        Second of the original video at which the span begins: second 0 of an encoded clip's file is there.
    """
    path = root / record.path
    if record.stage is Stage.VIDEO:
        return Footage(path)
    if "origin" in record.facts:  # copied
        times = record.facts.get("times")
        return Footage(path, Fraction(record.facts["origin"]), Times.decode(times) if times else None)
    # A clip of an archive may begin a little after its clock does.
    return Footage(path, Fraction(record.facts.get("start", 0)) - start)
