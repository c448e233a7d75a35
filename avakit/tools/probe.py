"""What a file claims about its video, by its headers."""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.errors import MediaRejected, Status
from avakit.tools import container as containers

if TYPE_CHECKING:
    from av import Packet, VideoStream
    from av.container import InputContainer


#: libav's numbers of field orders, by ffprobe's names.
_FIELD_ORDERS = {1: "progressive", 2: "tt", 3: "bb", 4: "tb", 5: "bt"}


@dataclass(frozen=True)
class Probe:
    """What a file claims about its video.

    Attributes
    ----------
    container
        libav's name of it, e.g. `mov,mp4,m4a,3gp,3g2,mj2`.
    start_seconds
        The container's start time: second 0 of the video lies here on the file's own clock.
    duration_seconds
        Of the container; 0 if it does not say.
    width, height
        As stored, before rotation and sample aspect.
    average_rate, base_rate
        Frames a second: the mean, and the lowest rate that all timestamps fit; None if unknown.
    sample_aspect
        Width of a pixel over its height; 1 if unknown.
    rotation
        Degrees counter-clockwise by which a player turns the picture.
    color_space, color_range
        Numbers of ITU-T H.273: matrix 1 is BT.709, 5 and 6 are BT.601, 2 unknown; range 1 limited, 2 full, 0 unknown.
    color_transfer, color_primaries
        The same: transfer 16 is PQ and 18 HLG, of HDR; 2 unknown.
    field_order
        `progressive`, or of an interlaced film which field is coded and shown first, as ffprobe writes it (`tt`, `bb`,
        `tb`, `bt`); `interlaced` where only the first frame tells that it is; `unknown`.
    declared_frames
        How many frames the container says it holds (MP4 does, Matroska does not).
    """

    container: str
    start_seconds: Fraction
    duration_seconds: Fraction
    codec: str
    width: int
    height: int
    pix_fmt: str
    time_base: Fraction
    average_rate: Fraction | None
    base_rate: Fraction | None
    sample_aspect: Fraction
    rotation: int
    color_space: int
    color_range: int
    color_transfer: int
    color_primaries: int
    field_order: str
    has_audio: bool
    declared_frames: int | None

    @property
    def plain(self) -> dict[str, object]:
        """What a journal line holds of it: fractions are text, so that JSON holds them exactly."""
        return {k: v if isinstance(v, str | int | float | bool | None) else str(v) for k, v in vars(self).items()}

    @property
    def clock_begin_seconds(self) -> Fraction:
        """Where its duration is counted from, on its own clock: Matroska counts from 0, MP4 from its first time."""
        return Fraction(0) if "matroska" in self.container else self.start_seconds

    @property
    def clock_end_seconds(self) -> Fraction:
        """Where it ends on its own clock, by its header."""
        return self.clock_begin_seconds + self.duration_seconds


def probe(path: Path) -> Probe:
    """Read what a file claims about its video.

    Raises
    ------
    MediaRejected
        `empty`, `html`, `not_media`, `no_video`, `playlist`; `decode` for a picture without a size, and unsafe `size`
        for one larger than any real one.
    """
    with containers.opened(path) as container:
        stream = containers.video_stream(container)
        claimed, turn = describe(container, stream), Turn(stream)
        for packet in container.demux(stream):
            if turn.see(packet):
                break
    return turn.complete(claimed)


def describe(container: "InputContainer", stream: "VideoStream") -> Probe:
    """Read what an open file claims about its video, but for what takes a frame to tell (see `Turn`).

    Raises
    ------
    MediaRejected
        `decode` for a picture without a size, and unsafe `size` for one larger than any real one.
    """
    context = stream.codec_context
    pixels = context.width * context.height
    if not 0 < pixels <= containers.MAX_PIXELS:
        detail = f"its picture claims {context.width}x{context.height} pixels"
        status, reason = (Status.UNSAFE, "size") if pixels > 0 else (Status.CORRUPT, "decode")
        raise MediaRejected(status, reason, detail)
    return Probe(
        container=container.format.name,
        start_seconds=containers.origin(container),
        duration_seconds=Fraction(container.duration or 0, 1_000_000),
        codec=context.codec.name,
        width=context.width,
        height=context.height,
        pix_fmt=context.pix_fmt or "",
        time_base=containers.base(stream),
        average_rate=stream.average_rate or None,
        base_rate=stream.base_rate or None,
        sample_aspect=stream.sample_aspect_ratio or Fraction(1),
        rotation=0,
        color_space=int(context.colorspace),
        color_range=int(context.color_range),
        color_transfer=int(context.color_trc),
        color_primaries=int(context.color_primaries),
        field_order=_FIELD_ORDERS.get(context.field_order, "unknown"),
        has_audio=bool(container.streams.audio),
        declared_frames=stream.frames or None,
    )


class Turn:
    """Finds the rotation of a video in its first frame, and whether it is interlaced: libav shows them on frames alone.

    Attributes
    ----------
    degrees
        The rotation; 0 until it is found, and where nothing can be decoded: whoever needs frames will meet the error.
    is_interlaced
        Whether the frame says so; False as long.
    """

    def __init__(self, stream: "VideoStream") -> None:
        self.degrees = 0
        self.is_interlaced = False
        self._is_found = False
        stream.codec_context.thread_count = 1  # starting threads takes longer than one frame does

    def see(self, packet: "Packet[Any]") -> bool:
        """Take the stream's next packet; return whether the rotation is found."""
        import av

        if not self._is_found:
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                self._is_found = True
            else:
                self._is_found = bool(frames)
                self.degrees = frames[0].rotation if frames else 0
                self.is_interlaced = bool(frames) and frames[0].interlaced_frame
        return self._is_found

    def complete(self, claimed: Probe) -> Probe:
        """Return what a file claims, with what its first frame tells."""
        order = claimed.field_order
        is_news = self.is_interlaced and order in ("unknown", "progressive")
        return replace(claimed, rotation=self.degrees, field_order="interlaced" if is_news else order)
