"""Sound tracks through libav: what a film has of a span, and its packets as they are. Times are as in `tools.video`."""

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.errors import MediaRejected, Status
from avakit.tools import container as containers
from avakit.tools.complaints import heeded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av import AudioStream, Packet
    from av.container import InputContainer

#: libavformat's names of what sound files are written in.
_FORMS = "wav,flac,matroska,webm"


@dataclass(frozen=True)
class Track:
    """What a film's first sound track holds of a span.

    Attributes
    ----------
    packets
        How many packets sound in the span.
    begins, ends
        Seconds of the video at which the first of them begins and the last one ends.
    origin
        Second 0 of the video on the file's own clock, in seconds.
    file_begins
        The file's first instant on that clock.
    codec, rate, channels
        Of the track.
    """

    packets: int
    begins: Fraction
    ends: Fraction
    origin: Fraction
    file_begins: Fraction
    codec: str
    rate: int
    channels: int


@dataclass(frozen=True)
class Written:
    """What a sound file holds: packets, samples of each channel (0 if unknown), samples a second, channels."""

    packets: int
    samples: int
    rate: int
    channels: int


def scan(path: Path, start: Fraction, end: Fraction, origin: Fraction | None = None) -> Track:
    """Read the packets of the first sound track that sound in a span, decoding none.

    Parameters
    ----------
    start, end
        Seconds of the video.
    origin
        Second 0 of the video on the file's clock; the container's start time by default.

    Raises
    ------
    MediaRejected
        Unavailable `no_audio` if there is no track, or it is silent all through the span; otherwise as
        `tools.container.opened`.
    """
    with containers.opened(path) as film:
        stream, zero = _stream(film), containers.origin(film) if origin is None else origin
        facts = (zero, containers.origin(film), stream.codec_context.name, stream.rate, stream.channels)
    found = [(at, at + lasts) for at, lasts, _ in _sounding(path, start + zero, end + zero)]
    if not found:
        detail = f"its sound track holds nothing between {float(start):.3f} s and {float(end):.3f} s"
        raise MediaRejected(Status.UNAVAILABLE, "no_audio", detail)
    return Track(len(found), found[0][0] - zero, max(last for _, last in found) - zero, *facts)


def copy(path: Path, partial: Path, start: Fraction, end: Fraction, origin: Fraction) -> int:
    """Copy the packets of the first sound track that sound in a span into Matroska, times and all.

    Returns
    -------
    int
        Seconds that were added to all times, as Matroska knows none below 0.

    Raises
    ------
    MediaRejected
        As `scan`.
    OSError
        If the copy can't be written.
    """
    copied: Any = None
    later = 0
    with containers.created(partial, "matroska") as output:
        for at, _, packet in _sounding(path, start + origin, end + origin):
            if copied is None:
                later = max(0, math.ceil(-at))
                copied = output.add_stream_from_template(packet.stream)
            packet.pts = packet.dts = round((at + later) / packet.time_base)
            packet.stream = copied
            output.mux(packet)
    return later


def measure(path: Path) -> Written:
    """Read a sound file through, and count what it holds.

    Raises
    ------
    MediaRejected
        `not_media` or `packets`, if it can't be read.
    """
    import av

    limits = {"format_whitelist": _FORMS, "protocol_whitelist": "file"}
    try:
        with av.open(f"file:{path.absolute()}", "r", options=limits) as container:
            stream = container.streams.audio[0]
            lasts = [packet.duration or 0 for packet in heeded(container.demux(stream)) if packet.size]
            base, rate, channels = stream.time_base, stream.rate, stream.channels
    except (av.error.FFmpegError, IndexError) as error:
        raise MediaRejected(Status.CORRUPT, "packets", f"the sound file can't be read: {error}") from error
    return Written(len(lasts), round(sum(lasts) * (base or 0) * rate), rate, channels)


def _stream(film: "InputContainer") -> "AudioStream":
    for stream in film.streams.audio:
        return stream
    raise MediaRejected(Status.UNAVAILABLE, "no_audio", "the film has no sound track")


def _sounding(path: Path, start: Fraction, end: Fraction) -> "Iterator[tuple[Fraction, Fraction, Packet[Any]]]":
    """Yield time, duration and the packet itself of all that sound between two instants of the file's own clock."""
    for early in containers.SEEK_STEPS:
        with containers.opened(path) as film:
            stream = _stream(film)
            # By the pictures, which every container can be searched by; it lands at or before their I-frame.
            if early is not None and not containers.seek(film, containers.video_stream(film), start - early):
                continue
            timed = _timed(film, stream)
            first = next(timed, None)
            if early is not None and (first is None or first[0] > start):
                continue
            if first is not None:
                yield from _between(first, timed, start, end)
            return


def _timed(film: "InputContainer", stream: "AudioStream") -> "Iterator[tuple[Fraction, Fraction, Packet[Any]]]":
    for packet in heeded(film.demux(stream)):
        if packet.size and (packet.pts is not None or packet.dts is not None):
            base = packet.time_base
            yield containers.tick(packet) * base, (packet.duration or 0) * base, packet


def _between(
    first: "tuple[Fraction, Fraction, Packet[Any]]",
    more: "Iterator[tuple[Fraction, Fraction, Packet[Any]]]",
    start: Fraction,
    end: Fraction,
) -> "Iterator[tuple[Fraction, Fraction, Packet[Any]]]":
    item: tuple[Fraction, Fraction, Packet[Any]] | None = first
    while item is not None and item[0] < end:
        if item[0] + item[1] > start:
            yield item
        item = next(more, None)
