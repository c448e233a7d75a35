"""The timing of frames that are there, checked again from their source: by its timestamps, and by a few pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from avakit import packing
from avakit.errors import ItemFailed
from avakit.frames import Footage, Shown, expected, extract
from avakit.journal import Record
from avakit.layout import frame_times
from avakit.model import Finding, FindingKind, Span
from avakit.prepare.footage import footage_of
from avakit.recipes import FrameRecipe, Timing
from avakit.tools import files
from avakit.tools.shelves import MemoryShelf
from avakit.tools.video import versions

#: So many pictures of an item are made again and compared, spread over all of them.
_PICTURES = 8


@dataclass(frozen=True)
class Doubt:
    """Frames whose timing can't be checked: their key, and why."""

    key: str
    why: str


def check_timing(record: Record, *, root: Path, sources: Mapping[str, Record]) -> Finding | Doubt:
    """Check that each frame of an item shows the source frame that its recipe asks for.

    Parameters
    ----------
    record
        Of the frames.
    sources
        What is there of films, windows and clips, by path.

    Returns
    -------
    Finding or Doubt
        `match`, or `differs` with the first frame that is not right; a doubt where the source is not there any more.
    """
    made_from = record.facts.get("from", {})
    source = sources.get(made_from.get("path", ""))
    if source is None or source.sha256 != made_from.get("sha256"):
        return Doubt(record.key, f"{made_from.get('path') or 'its source'} is not there, or not the same any more")
    if "times_sha256" not in record.facts["timing"]:
        return Doubt(record.key, "it was made before what frames show was kept; extract it again")
    try:
        wrong = _first_wrong(record, root, source)
    except (OSError, ValueError, ItemFailed) as error:
        return Finding(record.path, FindingKind.UNREADABLE, f"timing: {error}", record.key)
    if wrong:
        return Finding(record.path, FindingKind.DIFFERS, f"timing: {wrong}", record.key)
    return Finding(record.path, FindingKind.MATCH, f"timing of {record.frames} frames", record.key)


def died(record: Record, detail: str) -> Finding:
    """Return the finding of frames on which the worker itself died."""
    return Finding(record.path, FindingKind.UNREADABLE, f"timing: {detail}", record.key)


def _first_wrong(record: Record, root: Path, source: Record) -> str:
    """Return a sentence about the first frame that is not right; empty if all are."""
    path = root / frame_times(record.path)
    if files.sha256(path) != record.facts["timing"]["times_sha256"]:
        return f"{frame_times(record.path)} is not as recorded"
    shown, recipe = Shown.decode(path.read_bytes()), FrameRecipe.of(record.facts["recipe"])
    start, end = map(Fraction, record.facts["span"])
    span, footage = Span(start, end - start), footage_of(source, root, start)
    wanted = [(number, shown.instants.get(number, start + (number - 1) / recipe.rate)) for number in shown.numbers]
    right = expected(footage, span, recipe, wanted)
    for number, second in zip(shown.numbers, shown.seconds, strict=True):
        if right.get(number) != second:
            there = f"{float(right[number]):.6f} s" if number in right else "nothing"
            return f"number {number} shows {float(second):.6f} s of the film, and should show {there}"
    if record.facts["tools"] != versions():
        return ""  # other libraries make other bytes of the same picture
    few = [(number, right[number]) for number in shown.numbers[:: max(1, len(wanted) // _PICTURES)]]
    return _other_picture(packing.open_frames(root, record.key), footage, span, recipe, few)


def _other_picture(
    there: packing.Frames, footage: Footage, span: Span, recipe: FrameRecipe, few: Sequence[tuple[int, Fraction]]
) -> str:
    """Make a few pictures again, and return a sentence about the first that is another."""
    shelf = MemoryShelf()
    extract(footage, shelf, span=span, recipe=replace(recipe, timing=Timing.NEAREST), wanted=few)
    other = (name for name, data in shelf.files.items() if there.read(name) != data)
    name = next(other, "")
    return f"{name} is not the picture that its source frame gives" if name else ""
