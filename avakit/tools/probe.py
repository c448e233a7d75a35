"""What a file claims about its video, by its headers."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from avakit.errors import MediaRejected, Status
from avakit.tools import container as containers

if TYPE_CHECKING:
    from av import VideoStream
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


def probe(path: Path) -> Probe:
    """Read what a file claims about its video.

    Raises
    ------
    MediaRejected
        `empty`, `html`, `not_media`, `no_video`, `playlist`; `decode` for a picture without a size, and unsafe `size`
        for one larger than any real one.
    """
    with containers.opened(path) as container:
        return _probe(container, containers.video_stream(container))


def _probe(container: "InputContainer", stream: "VideoStream") -> Probe:
    context = stream.codec_context
    pixels = context.width * context.height
    if not 0 < pixels <= containers.MAX_PIXELS:
        detail = f"its picture claims {context.width}x{context.height} pixels"
        status, reason = (Status.UNSAFE, "size") if pixels > 0 else (Status.CORRUPT, "decode")
        raise MediaRejected(status, reason, detail)
    rotation, is_interlaced = _first_frame(container, stream)
    order = _FIELD_ORDERS.get(context.field_order, "unknown")
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
        rotation=rotation,
        color_space=int(context.colorspace),
        color_range=int(context.color_range),
        color_transfer=int(context.color_trc),
        color_primaries=int(context.color_primaries),
        field_order="interlaced" if is_interlaced and order in ("unknown", "progressive") else order,
        has_audio=bool(container.streams.audio),
        declared_frames=stream.frames or None,
    )


def _first_frame(container: "InputContainer", stream: "VideoStream") -> tuple[int, bool]:
    """Return the rotation of the first frame, and whether it is interlaced: libav's Python binding tells of frames."""
    import av

    try:
        for packet in container.demux(stream):
            for frame in packet.decode():
                return frame.rotation, frame.interlaced_frame
    except av.error.InvalidDataError:
        pass  # what can't be decoded has no rotation; whoever needs the frames will meet the error
    return 0, False
