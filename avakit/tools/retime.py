"""A window with the exact times of its packets, for ffmpeg: NUT counts time in any unit, which Matroska does not.

Made for the time of one encoding, and removed after it.
"""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.errors import MediaRejected, Status
from avakit.tools import container as containers
from avakit.tools.complaints import heeded
from avakit.tools.timing import SNAP_SECONDS, Times, early_decoding_tick

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer, OutputContainer

#: libavformat's name of the container, and its extension.
DEMUXER = "nut"
#: Added to all times: NUT knows none below 0, and frames are decoded before they are shown.
SHIFT_SECONDS = Fraction(1)


def copy(window: Path, partial: Path, times: Times) -> None:
    """Copy the packets of a window under their exact times, all `SHIFT_SECONDS` later.

    Raises
    ------
    MediaRejected
        `packets`, if these are not the window's times, or as `tools.complaints.heeded`.
    OSError
        If the copy can't be written.
    """
    with containers.opened(window) as film, containers.created(partial, DEMUXER) as output:
        _copy(film, output, times)


def _copy(film: "InputContainer", output: "OutputContainer", times: Times) -> None:
    stream, snapper = containers.video_stream(film), times.snapper()
    copies = {each.index: _Copy(output, each) for each in (stream, *film.streams.audio[:1])}
    copies[stream.index].set_base(times.time_base)
    for packet in heeded(film.demux([film.streams[index] for index in copies])):
        if containers.is_flush(packet):
            continue
        seconds = containers.tick(packet) * packet.time_base
        # Frames that the film's edit list hides come along for the sake of others that refer to them.
        if packet.stream_index == stream.index and seconds >= snapper.seconds[0] - SNAP_SECONDS:
            try:
                seconds = snapper.snap(seconds)
            except ValueError as error:
                raise MediaRejected(
                    Status.CORRUPT, "packets", f"it is not what its record tells of: {error}"
                ) from error
        copies[packet.stream_index].write(packet, seconds + SHIFT_SECONDS)


class _Copy:
    """One stream of the copy."""

    def __init__(self, output: "OutputContainer", stream: Any) -> None:  # noqa: ANN401
        self._output = output
        self._stream: Any = output.add_stream_from_template(stream)
        self._base = containers.base(stream)
        self._last_dts: int | None = None

    def set_base(self, base: Fraction) -> None:
        """Count time in units of `base` seconds."""
        self._stream.time_base = self._base = base

    def write(self, packet: "Packet[Any]", seconds: Fraction) -> None:
        """Write a packet under another time; NUT keeps no decoding times, so they need only be in order."""
        packet.time_base = self._base
        packet.pts = round(seconds / self._base)
        packet.dts = early_decoding_tick(packet.pts, self._last_dts, self._base)
        packet.stream, self._last_dts = self._stream, packet.dts
        self._output.mux(packet)
