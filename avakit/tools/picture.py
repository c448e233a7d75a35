"""Picture files: frames encoded as JPEG by libjpeg-turbo, as PNG or WebP by libav."""

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from avakit.tools.pixels import Converter

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.codeccontext import VideoCodecContext
    from numpy.typing import NDArray

#: Encoders of libav, and the pixels they take. libwebp turns RGB into the colours that WebP means by itself.
_LIBAV = {"png": ("png", "rgb24"), "webp": ("libwebp", "bgra")}
#: Of a frame of one colour: a few blocks of JPEG wide, and nearly lossless.
_FLAT_WIDTH, _FLAT_QUALITY = 64, 95


class Encoder:
    """Encodes frames of one film, keeping what can be used again between them.

    Parameters
    ----------
    kind
        `jpeg`, `png` or `webp`.
    quality
        1 to 100, the quality factor of libjpeg-turbo or of libwebp; PNG is lossless and has none.
    short_side
        The smaller side in pixels; 0 for the source's own size. Never scaled up.
    sample_aspect
        Width of a pixel over its height.
    """

    def __init__(
        self, quality: int, short_side: int = 0, sample_aspect: Fraction = Fraction(1), kind: str = "jpeg"
    ) -> None:
        self._kind = kind
        self._quality = quality
        self._converter = Converter(short_side, sample_aspect)
        self._context: VideoCodecContext | None = None

    def encode(self, frame: "VideoFrame") -> bytes:
        """Return the frame as a picture file, upright, in the colours that a player shows."""
        return self._jpeg(frame) if self._kind == "jpeg" else self._libav(frame)

    def _jpeg(self, frame: "VideoFrame") -> bytes:
        import simplejpeg

        direct = self._converter.jpeg_planes(frame)
        if direct is not None:
            planes, _held = direct
            return bytes(simplejpeg.encode_jpeg_yuv_planes(*planes, quality=self._quality))
        pixels, _held = self._converter.packed(frame, "bgra")
        data = simplejpeg.encode_jpeg(
            pixels, quality=self._quality, colorspace="BGRA", colorsubsampling="420", fastdct=False
        )
        return bytes(data)

    def _libav(self, frame: "VideoFrame") -> bytes:
        codec, layout = _LIBAV[self._kind]
        pixels, picture = self._converter.packed(frame, layout)
        if pixels.shape[:2] != (picture.height, picture.width) or frame.rotation:
            picture = _frame_of(pixels, layout)
        picture.pts = None
        context = self._context
        if context is None or (context.width, context.height) != (picture.width, picture.height):
            context = self._context = _context(codec, layout, picture, self._quality)
        return b"".join(bytes(packet) for packet in context.encode(picture))


def luma(data: bytes) -> "NDArray[Any]":
    """Return the rows of luma of a JPEG."""
    import simplejpeg

    return simplejpeg.decode_jpeg(data, colorspace="GRAY")[..., 0]  # type: ignore[no-any-return]


def is_whole_jpeg(data: bytes) -> bool:
    """Whether bytes begin and end like a JPEG; some writers leave zeros behind its end."""
    return data.startswith(b"\xff\xd8\xff") and data.rstrip(b"\x00").endswith(b"\xff\xd9")


def flat(code: tuple[int, int, int], height: int, matrix: int, *, is_full: bool) -> tuple[int, int, int]:
    """Return the red, green and blue that a JPEG shows of a frame that is Y, Cb and Cr all over.

    Parameters
    ----------
    code
        Eight bits each.
    matrix
        Its number in ITU-T H.273.
    """
    import av
    import simplejpeg

    frame = av.VideoFrame(_FLAT_WIDTH, height, "yuv420p")
    for plane, value in zip(frame.planes, code, strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    frame.colorspace, frame.color_range = matrix, 2 if is_full else 1
    pixels = simplejpeg.decode_jpeg(encode(frame, _FLAT_QUALITY))
    red, green, blue = (round(float(value)) for value in pixels.mean((0, 1)))
    return red, green, blue


def encode(frame: "VideoFrame", quality: int, short_side: int = 0, kind: str = "jpeg") -> bytes:
    """Encode one frame; see `Encoder` for many."""
    return Encoder(quality, short_side, kind=kind).encode(frame)


def _frame_of(pixels: "NDArray[Any]", layout: str) -> "VideoFrame":
    import av

    return av.VideoFrame.from_ndarray(pixels, format=layout)


def _context(codec: str, layout: str, picture: "VideoFrame", quality: int) -> "VideoCodecContext":
    import av

    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = picture.width, picture.height, layout
    context.time_base, context.thread_count = Fraction(1, 1000), 1
    if codec == "libwebp":
        context.options = {"quality": str(quality)}
    return context  # type: ignore[no-any-return]
