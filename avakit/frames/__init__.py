"""Frames of a span: number k shows the source frame nearest to `start + (k - 1) / rate`.

All times are exact fractions of the original timestamps. One decode, one encode per distinct source frame, the digest
of the bytes in memory, each file written once; and what each file shows is kept, so that it can be checked.
"""

from avakit.frames.choice import Choice, choose, targets
from avakit.frames.expected import expected
from avakit.frames.extract import Extracted, extract
from avakit.frames.shown import Shown
from avakit.tools.footage import Footage

__all__ = ["Choice", "Extracted", "Footage", "Shown", "choose", "expected", "extract", "targets"]
