"""Videos through libav: what a file claims to be, whether it is that, and its frames with their exact times.

Times are seconds of the video. Second 0 is its container's start time (`Probe.start_seconds`), or the `origin` a
caller gives for a file that was cut from a longer one.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from avakit.errors import MediaRejected, Status
from avakit.tools import container as containers
from avakit.tools.complaints import heeded
from avakit.tools.decoder import frames
from avakit.tools.probe import Probe, probe
from avakit.tools.remux import REORDER_PACKETS, copy
from avakit.tools.timing import Times, constant_rate, missing

if TYPE_CHECKING:
    from av import VideoStream
    from av.container import InputContainer

    from avakit.tools.ranged import RangedFile

__all__ = [
    "Checked",
    "Packets",
    "Probe",
    "Scan",
    "Times",
    "check",
    "copy",
    "count_packets",
    "entries",
    "frames",
    "probe",
    "scan",
    "versions",
]

#: How much earlier than its container says a file may end: FAULTS M16.
_LENGTH_TOLERANCE_SECONDS = Fraction(1)
_LENGTH_TOLERANCE_SHARE = Fraction(1, 200)


@dataclass(frozen=True)
class Packets:
    """What a file really holds, by its packets.

    Attributes
    ----------
    count
        Video packets.
    indexed_count
        How many the container's index names (MP4's does, up front); None if it has none.
    first_pts_seconds, last_end_seconds
        Seconds of the video at which its first frame begins and its last one ends.
    media_end_seconds
        The same end over all streams.
    rate
        Its constant frame rate; None if it varies.
    """

    count: int
    indexed_count: int | None
    first_pts_seconds: Fraction
    last_end_seconds: Fraction
    media_end_seconds: Fraction
    rate: Fraction | None


@dataclass(frozen=True)
class Checked:
    """A file that passed its checks.

    Attributes
    ----------
    missing_seconds
        How much of the needed span lies after its last frame.
    """

    probe: Probe
    packets: Packets
    missing_seconds: Fraction


@dataclass(frozen=True)
class Scan:
    """The video packets of a stretch of a film.

    Attributes
    ----------
    ticks
        Their presentation times, ascending, in units of `time_base` seconds on the file's own clock.
    end
        The tick at which the last of them ends.
    origin
        Second 0 of the video, on the same clock, in seconds.
    rate
        Their constant frame rate, or None.
    """

    ticks: tuple[int, ...]
    end: int
    time_base: Fraction
    origin: Fraction
    rate: Fraction | None

    def seconds(self) -> list[Fraction]:
        """Return the presentation times in seconds of the video."""
        return [tick * self.time_base - self.origin for tick in self.ticks]

    @property
    def end_seconds(self) -> Fraction:
        """The second of the video at which the last packet ends."""
        return self.end * self.time_base - self.origin


def versions() -> dict[str, str]:
    """Return the versions of what decodes and encodes here."""
    import av

    libavcodec = ".".join(map(str, av.library_versions["libavcodec"]))
    return {"av": av.__version__, "libavcodec": libavcodec, "simplejpeg": metadata.version("simplejpeg")}


def entries(path: Path, origin: Fraction | None = None) -> tuple[Fraction, ...]:
    """Return the seconds of the video at which its I-frames lie, by the container's index; nothing if it has none.

    MP4's index has decoding times, a few frames before those at which they are shown: near enough to decide by.

    Raises
    ------
    MediaRejected
        As `tools.container.opened`.
    """
    with containers.opened(path) as container:
        stream = containers.video_stream(container)
        zero = containers.origin(container) if origin is None else origin
        containers.seek(container, stream, zero)  # Matroska's index is read when it is first needed
        base = containers.base(stream)
        return tuple(entry.timestamp * base - zero for entry in stream.index_entries if entry.is_keyframe)


def count_packets(path: Path, origin: Fraction | None = None) -> Packets:
    """Read all packets of a file, decoding none.

    Parameters
    ----------
    origin
        Second 0 of the video on the file's clock; the container's start time by default.

    Raises
    ------
    MediaRejected
        `packets` if the container is damaged, `no_video` if there are none.
    """
    with containers.opened(path) as container:
        stream = containers.video_stream(container)
        return _count(container, stream, containers.origin(container) if origin is None else origin)


def _count(container: "InputContainer", stream: "VideoStream", zero: Fraction) -> Packets:
    base = containers.base(stream)
    ticks: list[int] = []
    count, ends, media_end = 0, [], Fraction(0)
    for packet in heeded(container.demux()):
        is_other = packet.stream_index != stream.index
        if containers.is_flush(packet) or (is_other and packet.pts is None):
            continue
        at = containers.tick(packet)
        if packet.is_corrupt:
            where = float(at * packet.time_base - zero)
            raise MediaRejected(Status.CORRUPT, "packets", f"the container is damaged at {where:.3f} s")
        end = at + (packet.duration or 0)
        media_end = max(media_end, end * packet.time_base)
        if is_other:
            continue
        count += 1
        if not packet.is_discard:
            ticks.append(at)
            ends.append(end)
    if not ticks:
        raise MediaRejected(Status.CORRUPT, "no_video", "the video stream has no packets")
    ticks.sort()
    return Packets(
        count=count,
        indexed_count=len(stream.index_entries) if "mp4" in container.format.name else None,
        first_pts_seconds=ticks[0] * base - zero,
        last_end_seconds=max(ends) * base - zero,
        media_end_seconds=media_end - zero,
        rate=constant_rate(ticks, base, _rates(stream)),
    )


def _rates(stream: "VideoStream") -> list[Fraction]:
    return [rate for rate in (stream.average_rate, stream.base_rate, stream.guessed_rate) if rate]


def check(path: Path, *, start: Fraction, end: Fraction, origin: Fraction | None = None) -> Checked:
    """Check that a file is what it claims to be, without decoding it.

    A file that ends inside the span is not refused: see `Checked.missing_seconds`.

    Parameters
    ----------
    start, end
        The span that is needed of it, in seconds of the video.
    origin
        As of `count_packets`.

    Raises
    ------
    MediaRejected
        As `probe` and `count_packets`; `truncated` if packets that its index names are missing, or if its last packet
        ends well before its container's duration; short `starts_after_end` if it ends before the span begins.
    """
    claimed = probe(path)
    packets = count_packets(path, origin)
    if packets.indexed_count is not None and packets.count < packets.indexed_count:
        detail = f"only {packets.count} of {packets.indexed_count} frames are there"
        raise MediaRejected(Status.CORRUPT, "truncated", detail)
    _check_length(claimed, packets, claimed.start_seconds if origin is None else origin)
    if packets.last_end_seconds <= start:
        detail = f"the film ends at {float(packets.last_end_seconds):.3f} s, before {float(start):.3f} s"
        raise MediaRejected(Status.SHORT, "starts_after_end", detail)
    return Checked(claimed, packets, missing(end, packets.last_end_seconds))


def _check_length(claimed: Probe, packets: Packets, zero: Fraction) -> None:
    # Matroska counts its duration from 0, MP4 from its first timestamp.
    begin = Fraction(0) if "matroska" in claimed.container else claimed.start_seconds
    found = packets.media_end_seconds + zero - begin
    tolerance = max(_LENGTH_TOLERANCE_SECONDS, claimed.duration_seconds * _LENGTH_TOLERANCE_SHARE)
    if found < claimed.duration_seconds - tolerance:
        detail = f"it ends after {float(found):.3f} s of the {float(claimed.duration_seconds):.3f} s it claims"
        raise MediaRejected(Status.CORRUPT, "truncated", detail)


def scan(path: "Path | RangedFile", start: Fraction, end: Fraction, origin: Fraction | None = None) -> Scan:
    """Read the video packets from the I-frame before `start` to the first frame at or after `end`.

    Raises
    ------
    MediaRejected
        As `count_packets`.
    """
    for early in containers.SEEK_STEPS:
        with containers.opened(path) as container:
            stream = containers.video_stream(container)
            zero = containers.origin(container) if origin is None else origin
            base = containers.base(stream)
            if early is not None and not containers.seek(container, stream, start + zero - early):
                continue
            last = math.ceil((end + zero) / base)
            containers.foretell(path, stream, last)
            pairs, rates = _pairs(container, stream, last), _rates(stream)
        if early is None or (pairs and pairs[0][0] * base <= start + zero):
            break
    if not pairs:
        raise MediaRejected(Status.CORRUPT, "no_video", "the video stream has no packets")
    ticks = tuple(sorted(tick for tick, _ in pairs))
    inside = [tick for tick in ticks if start + zero <= tick * base <= end + zero]
    return Scan(ticks, max(ended for _, ended in pairs), base, zero, constant_rate(inside, base, rates))


def _pairs(container: "InputContainer", stream: "VideoStream", last: int) -> list[tuple[int, int]]:
    """Return (tick, end) of the packets from here on until all up to `last` are read, the first one's first."""
    pairs, beyond = [], 0
    for packet in heeded(container.demux(stream)):
        if containers.is_flush(packet) or packet.is_discard:
            continue
        at = containers.tick(packet)
        if packet.is_corrupt:
            raise MediaRejected(Status.CORRUPT, "packets", "the container is damaged in the span")
        pairs.append((at, at + (packet.duration or 0)))
        beyond = beyond + 1 if at >= last else 0
        if (packet.dts is not None and packet.dts >= last) or beyond >= REORDER_PACKETS:
            break
    return pairs
