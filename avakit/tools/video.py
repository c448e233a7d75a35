"""Videos through libav: what a file claims to be, whether it is that, and its frames with their exact times.

Times are seconds of the video. Second 0 is its container's start time (`Probe.start_seconds`), or the `origin` a
caller gives for a file that was cut from a longer one.
"""

import heapq
import math
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.errors import MediaRejected, Status
from avakit.tools import container as containers
from avakit.tools.complaints import Listening, heeded
from avakit.tools.decoder import frames
from avakit.tools.probe import Probe, Turn, describe, probe
from avakit.tools.remux import REORDER_PACKETS, copy
from avakit.tools.timing import Times, constant_rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from av import Packet, VideoStream
    from av.container import InputContainer

    from avakit.tools.ranged import RangedFile
    from avakit.tools.readonce import HashedFile

__all__ = [
    "Packets",
    "Probe",
    "Scan",
    "Times",
    "copy",
    "count_packets",
    "entries",
    "examine",
    "frames",
    "probe",
    "scan",
    "versions",
]

#: No decoder holds more pictures back than this (H.264 and HEVC): a packet has no more later ones before it.
_REORDER_PICTURES = 16


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
    first_i_frame_seconds
        The second of the video at which the first I-frame of its packets is shown; None if there is none.
    lost_beginning
        How many packets lie before that one, which nobody can decode.
    """

    count: int
    indexed_count: int | None
    first_pts_seconds: Fraction
    last_end_seconds: Fraction
    media_end_seconds: Fraction
    rate: Fraction | None
    first_i_frame_seconds: Fraction | None
    lost_beginning: int


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


@cache
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
        `packets` if the container is damaged, `timestamps` if its times go backwards, `no_video` if there are none.
    """
    with containers.opened(path) as container:
        stream = containers.video_stream(container)
        return _count(container, stream, containers.origin(container) if origin is None else origin)


def _count(
    container: "InputContainer",
    stream: "VideoStream",
    zero: Fraction,
    see: "Callable[[Packet[Any]], object]" = lambda _: None,
) -> Packets:
    """Read all packets; `see` is called with those of the video that are not damaged."""
    tally = _Tally()
    with Listening() as heard:  # once for all packets of a film of hours, not for each as `heeded` does
        for packet in container.demux():
            if heard.said:
                heard.check_reader()
            is_other = packet.stream_index != stream.index
            if containers.is_flush(packet) or (is_other and packet.pts is None):
                continue
            at = containers.tick(packet)
            if packet.is_corrupt:
                where = float(at * packet.time_base - zero)
                raise MediaRejected(Status.CORRUPT, "packets", f"the container is damaged at {where:.3f} s")
            end = at + (packet.duration or 0)
            tally.tails[packet.stream_index] = max(end, tally.tails.get(packet.stream_index, 0))
            if not is_other:
                see(packet)
                tally.add(packet, at, end)
    heard.check_reader()
    return _summed_up(tally, container, stream, zero)


@dataclass
class _Tally:
    """The video packets of a file, added up in decoding order, and where each stream ends, in its own ticks."""

    count: int = 0
    ticks: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    first_i_frame: int | None = None
    lost_beginning: int = 0
    tails: dict[int, int] = field(default_factory=dict)  # fractions are slow, packets many

    def add(self, packet: "Packet[Any]", at: int, end: int) -> None:
        self.count += 1
        if self.first_i_frame is None and packet.is_keyframe:
            self.first_i_frame = at
        if not packet.is_discard:
            self.lost_beginning += self.first_i_frame is None
            self.ticks.append(at)
            self.ends.append(end)


def _summed_up(tally: _Tally, container: "InputContainer", stream: "VideoStream", zero: Fraction) -> Packets:
    base = containers.base(stream)
    if not tally.ticks:
        raise MediaRejected(Status.CORRUPT, "no_video", "the video stream has no packets")
    if (backwards := _backwards(tally.ticks)) is not None:
        where = float(backwards * base - zero)
        raise MediaRejected(Status.CORRUPT, "timestamps", f"its times go backwards, to {where:.3f} s")
    ticks = sorted(tally.ticks)
    return Packets(
        count=tally.count,
        indexed_count=len(stream.index_entries) if "mp4" in container.format.name else None,
        first_pts_seconds=ticks[0] * base - zero,
        last_end_seconds=max(tally.ends) * base - zero,
        media_end_seconds=max(end * containers.base(container.streams[i]) for i, end in tally.tails.items()) - zero,
        rate=constant_rate(ticks, base, _rates(stream)),
        first_i_frame_seconds=None if tally.first_i_frame is None else tally.first_i_frame * base - zero,
        lost_beginning=tally.lost_beginning,
    )


def _backwards(ticks: list[int]) -> int | None:
    """Return the first tick, in decoding order, that more pictures are shown after than a decoder holds back."""
    latest = ticks[: _REORDER_PICTURES + 1]
    heapq.heapify(latest)
    return next((at for at in ticks[len(latest) :] if heapq.heappushpop(latest, at) == at), None)


def _rates(stream: "VideoStream") -> list[Fraction]:
    return [rate for rate in (stream.average_rate, stream.base_rate, stream.guessed_rate) if rate]


def examine(path: "Path | HashedFile", origin: Fraction | None = None) -> tuple[Probe, Packets]:
    """Read what a file claims and all of its packets, opening it once.

    Raises
    ------
    MediaRejected
        As `probe` and `count_packets`.
    """
    with containers.opened(path) as container:
        stream = containers.video_stream(container)
        claimed, turn = describe(container, stream), Turn(stream)
        packets = _count(container, stream, claimed.start_seconds if origin is None else origin, turn.see)
    return turn.complete(claimed), packets


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
