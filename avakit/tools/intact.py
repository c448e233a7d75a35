"""Whether picture files of frames, and sound in files of its own, can be decoded."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from avakit.errors import MediaRejected, Status
from avakit.tools.complaints import Listening
from avakit.tools.container import MAX_PIXELS

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.codeccontext import VideoCodecContext

#: By extension: libav's decoders of the other picture files.
_DECODERS = {"png": "png", "webp": "webp"}


def picture_size(data: bytes, extension: str) -> tuple[int, int]:
    """Decode a picture file and return its width and height in pixels.

    Raises
    ------
    ValueError
        If it can't be decoded whole, or is larger than any real picture.
    """
    if extension in _DECODERS:
        picture = _decoded(data, _DECODERS[extension])
        return picture.width, picture.height
    import simplejpeg

    height, width = simplejpeg.decode_jpeg_header(data)[:2]
    if width * height > MAX_PIXELS:
        raise ValueError(f"it claims {width}x{height} pixels")
    simplejpeg.decode_jpeg(data, colorspace="GRAY", fastdct=True, fastupsample=True)
    return width, height


def _decoded(data: bytes, codec: str) -> "VideoFrame":
    import av

    with Listening() as heard:
        try:
            context = cast("VideoCodecContext", av.CodecContext.create(codec, "r"))
            pictures = [*context.decode(av.Packet(data)), *context.decode(None)]
        except av.error.FFmpegError as error:
            raise ValueError(str(error)) from error
    if heard.said or len(pictures) != 1:
        raise ValueError(heard.said[0][2].strip() if heard.said else f"{len(pictures)} pictures in one file")
    return pictures[0]


def sound_samples(path: Path) -> int:
    """Decode a sound file and return how many samples of each channel it holds.

    Raises
    ------
    MediaRejected
        `decode` if libav complains of anything.
    """
    import av

    samples = 0
    with Listening() as heard:
        try:
            with av.open(f"file:{path}", "r") as container:
                for frame in container.decode(audio=0):
                    samples += frame.samples
        except (av.error.FFmpegError, IndexError) as error:
            raise MediaRejected(Status.CORRUPT, "decode", f"its sound can't be decoded: {error}") from error
    if heard.said:
        raise MediaRejected(Status.CORRUPT, "decode", f"its sound is damaged: {heard.said[0][2].strip()}")
    return samples
