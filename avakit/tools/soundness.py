"""Whether a file is what it claims to be: three depths, from its header to each of its frames."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from avakit.errors import MediaRejected, Status
from avakit.tools import container as containers
from avakit.tools.complaints import Listening, heeded
from avakit.tools.probe import Probe, probe
from avakit.tools.timing import missing
from avakit.tools.video import Packets, examine, frames

if TYPE_CHECKING:
    from av import AudioStream
    from av.container import InputContainer

    from avakit.tools.readonce import HashedFile

#: How much earlier than its container says a file may end: FAULTS M16.
_LENGTH_TOLERANCE_SECONDS = Fraction(1)
_LENGTH_TOLERANCE_SHARE = Fraction(1, 200)
#: A clip that is so much longer than its row is another clip, or was cut at key frames only.
MAX_EXCESS_SECONDS = Fraction(1)
#: Sites round durations to whole seconds, either way.
_TOLD_TOLERANCE_SECONDS = 2.0
#: Sound is decoded from a little before the span: its first packets after a seek may refer to what was not read.
_SOUND_MARGIN_SECONDS = Fraction(1)


class DecodeCheck(StrEnum):
    """How deep a delivery is checked.

    `off`: it opens, and is long enough by its header. `demux`: every packet is read. `full`: also every frame of the
    needed span is decoded, and its sound.
    """

    OFF = "off"
    DEMUX = "demux"
    FULL = "full"


@dataclass(frozen=True)
class Checked:
    """A file that passed its checks.

    Attributes
    ----------
    end_seconds
        The second of the video at which its last frame ends (at depth `off`: as its header says).
    missing_seconds
        How much of the needed span lies after that.
    """

    probe: Probe
    end_seconds: Fraction
    missing_seconds: Fraction


def check(
    path: Path,
    *,
    start: Fraction,
    end: Fraction,
    origin: Fraction | None = None,
    depth: DecodeCheck = DecodeCheck.DEMUX,
    reader: "HashedFile | None" = None,
) -> Checked:
    """Check that a file is what it claims to be.

    A file that ends inside the span is not refused: see `Checked.missing_seconds`.

    Parameters
    ----------
    start, end
        The span that is needed of it, in seconds of the video.
    origin
        As of `tools.video.count_packets`.
    depth
        How deep to look. A file whose header tells no duration is read even at `off`.
    reader
        The same file, to have it hashed while its packets are read.

    Raises
    ------
    MediaRejected
        As `probe` and `count_packets`; `truncated` if packets that its index names are missing, or if its last packet
        ends well before its container's duration; `decode` if its beginning, or at depth `full` anything in the span,
        can't be decoded; short `starts_after_end` if it ends before the span begins.
    """
    if depth is DecodeCheck.OFF and (claimed := probe(path)).duration_seconds > 0:
        zero = claimed.start_seconds if origin is None else origin
        ends = claimed.clock_end_seconds - zero
    else:
        claimed, packets = examine(reader or path, origin)
        _check_whole(claimed, packets, claimed.start_seconds if origin is None else origin)
        _check_beginning(packets, start)
        ends = packets.last_end_seconds
    if ends <= start:
        detail = f"the film ends at {float(ends):.3f} s, before {float(start):.3f} s"
        raise MediaRejected(Status.SHORT, "starts_after_end", detail)
    if depth is DecodeCheck.FULL:
        decode(path, start=start, end=end, origin=origin)
    return Checked(claimed, ends, missing(end, ends))


def check_clip(
    path: Path, duration: Fraction, depth: DecodeCheck = DecodeCheck.DEMUX, reader: "HashedFile | None" = None
) -> Checked:
    """Check that a file is a clip of this length, whoever cut it; second 0 is its beginning.

    One that is shorter is not refused: see `Checked.missing_seconds`. At depth `full` all of it is decoded, also what
    lies after `duration`.

    Raises
    ------
    MediaRejected
        As `check`; `length` if it is longer by more than `MAX_EXCESS_SECONDS`.
    """
    shallow = DecodeCheck.DEMUX if depth is DecodeCheck.FULL else depth
    checked = check(path, start=Fraction(0), end=duration, depth=shallow, reader=reader)
    if checked.end_seconds > duration + MAX_EXCESS_SECONDS:
        detail = f"it lasts {float(checked.end_seconds):.3f} s, its row {float(duration):.3f} s"
        raise MediaRejected(Status.CORRUPT, "length", detail)
    if depth is DecodeCheck.FULL:
        decode(path, start=Fraction(0), end=checked.end_seconds)
    return checked


def check_duration(claimed: Probe, told_seconds: float) -> None:
    """Refuse a file that is not as long as its source says: another cut of the film, or a part of it.

    Raises
    ------
    MediaRejected
        `length`, if it differs by more than `_TOLD_TOLERANCE_SECONDS` and half a percent.
    """
    found, told = float(claimed.duration_seconds), told_seconds
    if found > 0 and abs(found - told) > max(_TOLD_TOLERANCE_SECONDS, told * float(_LENGTH_TOLERANCE_SHARE)):
        detail = f"it lasts {found:.3f} s, and its source says {told:.3f} s: another cut of the film, or a part of it"
        raise MediaRejected(Status.CORRUPT, "length", detail)


def _check_whole(claimed: Probe, packets: Packets, zero: Fraction) -> None:
    if packets.indexed_count is not None and packets.count < packets.indexed_count:
        detail = f"only {packets.count} of {packets.indexed_count} frames are there"
        raise MediaRejected(Status.CORRUPT, "truncated", detail)
    found = packets.media_end_seconds + zero - claimed.clock_begin_seconds
    tolerance = max(_LENGTH_TOLERANCE_SECONDS, claimed.duration_seconds * _LENGTH_TOLERANCE_SHARE)
    if found < claimed.duration_seconds - tolerance:
        detail = f"it ends after {float(found):.3f} s of the {float(claimed.duration_seconds):.3f} s it claims"
        raise MediaRejected(Status.CORRUPT, "truncated", detail)


def _check_beginning(packets: Packets, start: Fraction) -> None:
    """Refuse a copy that was not begun at an I-frame: nobody can decode what comes before its first one."""
    if packets.first_i_frame_seconds is None:
        raise MediaRejected(Status.CORRUPT, "decode", "it has no I-frame to begin with")
    if packets.lost_beginning and packets.first_i_frame_seconds > start:
        detail = f"its first I-frame is at {float(packets.first_i_frame_seconds):.3f} s; what comes before is lost"
        raise MediaRejected(Status.CORRUPT, "decode", detail)


def decode(path: Path, *, start: Fraction, end: Fraction, origin: Fraction | None = None) -> None:
    """Decode a span, picture and sound; whatever libav complains of is damage.

    In one thread, as complaints can be heard only there.

    Raises
    ------
    MediaRejected
        `decode`, or as `tools.video.frames`.
    """
    for _ in frames(path, start, end, origin=origin):
        pass
    with containers.opened(path) as container:
        sound = container.streams.audio[:1]
        if sound:
            zero = containers.origin(container) if origin is None else origin
            _decode_sound(container, sound[0], start + zero, end + zero)


def _decode_sound(container: "InputContainer", stream: "AudioStream", start: Fraction, end: Fraction) -> None:
    import av

    containers.seek(container, stream, max(Fraction(0), start - _SOUND_MARGIN_SECONDS))
    for packet in heeded(container.demux(stream)):
        at = None if packet.pts is None else packet.pts * packet.time_base
        if at is not None and at >= end:
            return
        with Listening() as heard:
            try:
                packet.decode()
            except av.error.FFmpegError as error:
                containers.raise_disk(error, container.name)
                heard.said.append((0, "", str(error)))
        if heard.said and (at is None or at >= start):
            where = "its end" if at is None else f"{float(at):.3f} s of its own clock"
            detail = f"the sound at {where} is damaged: {heard.lines[0][1]}"
            raise MediaRejected(Status.CORRUPT, "decode", detail)
