"""A deep look at what has the recorded bytes: whether it can be decoded, and is as long and as large as recorded."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from avakit import packing
from avakit.errors import MediaRejected, Status
from avakit.journal import Record
from avakit.model import Finding, FindingKind, Stage
from avakit.tools import intact, soundness, timing, video

#: Names of clips end with their first and last second: `<id>_000010_000020`.
_SECOND_DIGITS = 6


def check(record: Record, root: Path) -> list[Finding]:
    """Decode a thing; a fault in it was there when it was recorded, so its bytes are as they should be."""
    try:
        wrong = list(_CHECKS[record.stage](record, root)) if record.stage in _CHECKS else []
    except (MediaRejected, ValueError) as error:
        wrong = [error.detail if isinstance(error, MediaRejected) else str(error)]
    return [
        Finding(record.path, FindingKind.DIFFERS, f"the recorded bytes, but {why}", record.key, record.bytes)
        for why in wrong
    ]


def _video(record: Record, root: Path) -> Iterator[str]:
    found = soundness.check(root / record.path, start=Fraction(0), end=Fraction(0))
    soundness.decode(root / record.path, start=Fraction(0), end=found.end_seconds)
    told = Fraction(str(record.facts.get("probe", {}).get("duration_seconds") or 0))
    if told and found.probe.duration_seconds != told:
        yield f"it lasts {float(found.probe.duration_seconds):.3f} s, recorded {float(told):.3f} s"


def _part(record: Record, root: Path) -> Iterator[str]:
    """Decode a window or a clip, over the span that it was cut for."""
    start, end = _span(record)
    if "origin" in record.facts:
        origin = Fraction(record.facts["origin"])
    else:  # encoded: the file begins with the span; a clip of an archive may begin a little after its clock does
        origin, start, end = Fraction(record.facts.get("start", 0)), Fraction(0), end - start
    path = root / record.path
    _, packets = video.examine(path, origin)
    soundness.decode(path, start=start, end=end or packets.last_end_seconds, origin=origin)
    lacks = timing.missing(end, packets.last_end_seconds)
    lacks -= Fraction(str(record.facts.get("margin_missing_seconds", 0)))
    if lacks > timing.END_TOLERANCE_SECONDS and record.status != Status.SHORT:
        yield f"it ends {float(lacks):.3f} s before the recorded span does"


def _span(record: Record) -> tuple[Fraction, Fraction]:
    """Return the seconds of the original video that a thing was made to hold."""
    if "span" in record.facts:
        start, end = map(Fraction, record.facts["span"])
        return start, end
    ends = record.item.rsplit("_", 2)[1:]
    if len(ends) == 2 and all(len(each) >= _SECOND_DIGITS and each.isdecimal() for each in ends):  # noqa: PLR2004 - a pair
        return Fraction(ends[0]), Fraction(ends[1])
    return Fraction(0), Fraction(0)


def _sound(record: Record, root: Path) -> Iterator[str]:
    found, told = intact.sound_samples(root / record.path), record.facts.get("samples")
    if told and found != told:
        yield f"it holds {found} samples, recorded {told}"


def _frames(record: Record, root: Path) -> Iterator[str]:
    """Decode each picture; all of one item have one size."""
    frames = packing.open_frames(root, record.key)
    if len(frames.names) != record.frames:
        yield f"it holds {len(frames.names)} frames, recorded {record.frames}"
    short = int(record.facts.get("recipe", {}).get("short_side") or 0)
    size: tuple[int, int] | None = None
    for name in frames.names:
        try:
            found = intact.picture_size(frames.read(name), name.rpartition(".")[2])
        except ValueError as error:
            yield f"{name} can't be decoded: {error}"
            continue
        size = size or found
        if found != size or (short and min(found) > short):
            side = f", its smaller side at most {short}" if short else ""
            yield f"{name} is {found[0]}x{found[1]}, and should be {size[0]}x{size[1]}{side}"


_CHECKS = {
    Stage.VIDEO: _video, Stage.WINDOW: _part, Stage.CLIP: _part, Stage.AUDIO: _sound, Stage.FRAMES: _frames,
}  # fmt: skip
