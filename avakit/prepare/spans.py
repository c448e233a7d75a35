"""Which seconds a thing holds, and which are wanted of it."""

from collections.abc import Mapping
from fractions import Fraction

from avakit.journal import Record
from avakit.model import Clip, Stage, Video


def span_facts(item: Video | Clip) -> dict[str, list[str]]:
    """Return what the record of a clip, or of its frames or sound, says of its seconds if they are not just its own."""
    span = item.file_span
    return {} if span == item.span else {"span": [str(span.start), str(span.end)]}


def covers(record: Record, item: Video | Clip) -> bool:
    """Whether a thing holds the seconds that are wanted of it; one whose seconds are not recorded has its item's own.

    Of clips of AVA-Kinetics more is wanted, as far as mmaction2 reads after their last key frame.
    """
    recipe = record.facts.get("recipe")  # of what others made it is a word
    is_of_keys = record.stage is Stage.FRAMES and isinstance(recipe, Mapping) and recipe.get("key_frames")
    if record.stage is Stage.VIDEO or is_of_keys:
        return True
    wanted = item.file_span
    first, last = map(Fraction, record.facts.get("span", (item.span.start, item.span.end)))
    return first <= wanted.start and wanted.end <= last
