"""Copying a stretch of film packet by packet: nothing is decoded, and every packet keeps its own time.

Done in this process and not by ffmpeg, whose `-c copy` moves packets by a frame where a Matroska film with an open GOP
is entered ("Non-monotonic DTS", and under `-xerror` no window at all), and whose `-ss` means other instants in
different versions where sound begins before 0 (seen between 5.1 and 9.0).
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.errors import MediaRejected, Status
from avakit.tools import container as containers
from avakit.tools.complaints import heeded
from avakit.tools.timing import early_decoding_tick

if TYPE_CHECKING:
    from collections.abc import Iterable

    from av import Packet, VideoStream
    from av.container import OutputContainer
    from av.stream import Stream

    from avakit.tools.ranged import RangedFile

#: Packets lie in decoding order; this many in a row beyond the end mean that none before it is left.
REORDER_PACKETS = 64


def copy(source: "Path | RangedFile", partial: Path, *, start: Fraction, end: Fraction, sound: bool = True) -> int:
    """Copy the first video and the first audio stream of a stretch into Matroska, timestamps and all.

    The copy begins with the I-frame at or before `start`, without frames that are shown before that one. The same
    film gives the same bytes.

    Parameters
    ----------
    start, end
        Seconds of the video; second 0 is the film's container's start time.
    sound
        Whether the audio stream comes along.

    Returns
    -------
    int
        Seconds that were added to all times: 0, except where an edit list of MP4 hides frames before its second 0, as
        Matroska knows no times below 0.

    Raises
    ------
    MediaRejected
        As `tools.container.opened`.
    OSError
        If the copy can't be written.
    """
    for early in containers.SEEK_STEPS:
        with containers.opened(source) as film:
            stream = containers.video_stream(film)
            zero = containers.origin(film)
            if early is not None and not containers.seek(film, stream, start + zero - early):
                continue
            others = film.streams.audio[:1] if sound else ()
            packets = heeded(film.demux([stream, *others]))
            entry = _entry(packets, stream)
            if entry is None:
                continue
            begins = containers.tick(entry) * containers.base(stream)
            if early is None or begins <= start + zero:
                later = max(0, math.ceil(-begins))
                _write(_Target(partial, later), chain([entry], packets), (stream, *others), begins, end + zero)
                return later
    raise MediaRejected(Status.CORRUPT, "no_video", "the video stream has no I-frame")


def _entry(packets: "Iterable[Packet[Any]]", stream: "VideoStream") -> "Packet[Any] | None":
    for packet in packets:
        if packet.stream_index == stream.index and packet.is_keyframe and not containers.is_flush(packet):
            return packet
    return None


@dataclass(frozen=True)
class _Target:
    path: Path
    later_seconds: int


def _write(
    target: _Target, packets: "Iterable[Packet[Any]]", streams: "tuple[Stream, ...]", start: Fraction, end: Fraction
) -> None:
    with containers.created(target.path, "matroska", output_ts_offset=str(target.later_seconds)) as output:
        copies = {stream.index: _Copy(output, stream, start, end) for stream in streams}
        for packet in packets:
            copies[packet.stream_index].take(packet)
            if all(copy.is_done for copy in copies.values()):
                break


class _Copy:
    """One stream of the copy."""

    def __init__(self, output: "OutputContainer", stream: Any, start: Fraction, end: Fraction) -> None:  # noqa: ANN401
        self._output = output
        self._stream = output.add_stream_from_template(stream)
        self._start, self._end = start, end
        self._last_dts: int | None = None
        # libav guesses them for Matroska, which keeps presentation times alone.
        self._is_told = "matroska" not in stream.container.format.name
        self._beyond = 0
        self.is_done = False

    def take(self, packet: "Packet[Any]") -> None:
        """Write a packet if it belongs into the copy."""
        if self.is_done or containers.is_flush(packet):
            return
        at = containers.tick(packet)
        seconds = at * packet.time_base
        self._beyond = self._beyond + 1 if seconds >= self._end else 0
        decoded = packet.dts * packet.time_base if packet.dts is not None else None
        self.is_done = self._beyond >= REORDER_PACKETS or (decoded is not None and decoded >= self._end)
        if self.is_done or seconds < self._start:
            return
        packet.dts = self._decoding_time(packet.dts, at, packet.time_base)
        packet.pts, self._last_dts = at, packet.dts
        packet.stream = self._stream
        self._output.mux(packet)

    def _decoding_time(self, told: int | None, at: int, base: Fraction) -> int:
        """Return a time to decode at: in order, and not after the one to show at, which is all that Matroska needs."""
        last = self._last_dts
        if self._is_told and told is not None:
            return told if last is None or told > last else min(at, last + 1)
        return early_decoding_tick(at, last, base)
