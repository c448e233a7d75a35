"""Pixels: from a decoder's frame to those that a picture file holds, without a copy where none is needed.

JPEG means BT.601 colours in full range. Planar YUV of any matrix, range and depth up to 12 bits is converted to that by
libavfilter's `colorspace`, plane by plane, in one pass; everything else goes through RGB, where libjpeg-turbo takes
over. Against the exact colours of 720p footage in BT.709, at quality 90, that is 1 dB better than through swscale's
RGB, which is too dark by 0.7 levels, and takes 0.25 ms a frame instead of 0.6.

What is not converted: transfer curves and primaries. A picture of HDR (PQ or HLG) is its code values in eight bits,
without tone mapping; the record of the frames says so.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av import VideoFrame
    from av.filter import Graph
    from numpy.typing import NDArray

#: Planar formats that `colorspace` reads, with the format of eight bits and full range that JPEG has of each.
_PLANAR = {
    f"{prefix}{layout}p{bits}": f"yuv{layout}p"
    for layout in ("420", "422", "444")
    for prefix, bits in (("yuv", ""), ("yuvj", ""), ("yuv", "10le"), ("yuv", "12le"))
}
#: ITU-T H.273 matrix coefficients.
_BT709, _UNSPECIFIED, _SMPTE170M = 1, 2, 6
#: libavfilter's names of those that `colorspace` knows.
_MATRICES = {1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc"}
_BT601 = frozenset({5, 6})
_FULL_RANGE = 2
#: A frame that does not name its matrix is BT.709 from this height on, as players guess (mpv, VLC).
_HD_HEIGHT = 720
#: The same for `scale`.
_SCALE_MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
#: Without these swscale is quick, and too dark by up to three levels.
_EXACT = "bicubic+accurate_rnd+full_chroma_int"
_SWS_LIMITED, _SWS_FULL = 1, 2


@dataclass(frozen=True)
class Size:
    """Pixels of a picture."""

    width: int
    height: int


def scaled_size(width: int, height: int, short_side: int, sample_aspect: Fraction = Fraction(1)) -> Size:
    """Return the size of the picture a frame is encoded at.

    At the source's own size (`short_side` 0) the stored pixels are kept as they are. A scaled picture has square
    pixels and even sides, and is never larger than the source in either direction.

    Parameters
    ----------
    width, height
        As stored, in pixels.
    short_side
        The smaller side wanted, in pixels; 0 for the source's own size.
    sample_aspect
        Width of a pixel over its height.
    """
    if short_side == 0:
        return Size(width, height)
    square_width = min(Fraction(width), width * sample_aspect)
    square_height = min(Fraction(height), height / sample_aspect)
    factor = min(Fraction(1), short_side / min(square_width, square_height))
    if factor == 1 and sample_aspect == 1:
        return Size(width, height)
    return Size(_even(square_width * factor, width), _even(square_height * factor, height))


def _even(length: Fraction, limit: int) -> int:
    return max(2, min(2 * round(length / 2), limit // 2 * 2))


def matrix(frame: "VideoFrame") -> int:
    """Return the number of a frame's matrix (ITU-T H.273), guessed by its height where it names none."""
    if frame.colorspace != _UNSPECIFIED:
        return int(frame.colorspace)
    return _BT709 if frame.height >= _HD_HEIGHT else _SMPTE170M


def quarter_turns(frame: "VideoFrame") -> int:
    """Return by how many quarter turns, counter-clockwise, a player turns the frame."""
    return round(frame.rotation / 90) % 4


def turned(pixels: "NDArray[Any]", turns: int) -> "NDArray[Any]":
    """Return the pixels (rows first) turned by quarter turns, counter-clockwise."""
    import numpy as np

    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


class Converter:
    """Converts frames of one film; the pixels it returns live as long as the frames they come with.

    Parameters
    ----------
    short_side
        The smaller side in pixels; 0 for the source's own size. Never scaled up.
    sample_aspect
        Width of a pixel over its height.
    """

    def __init__(self, short_side: int = 0, sample_aspect: Fraction = Fraction(1)) -> None:
        from av.video.reformatter import VideoReformatter

        self._short_side = short_side
        self._sample_aspect = sample_aspect
        self._reformatter = VideoReformatter()
        self._graph: _Graph | None = None
        self._packer: _Graph | None = None

    def jpeg_planes(self, frame: "VideoFrame") -> "tuple[list[NDArray[Any]], VideoFrame] | None":
        """Return the upright planes Y, Cb and Cr of a JPEG, and what holds them; None if RGB has to lead there."""
        turns, found = quarter_turns(frame), matrix(frame)
        layout = _PLANAR.get(frame.format.name)
        # A quarter turn of 4:2:2 would be 4:4:0.
        if layout is None or found not in _MATRICES or (turns % 2 and "422" in layout):
            return None
        is_full = frame.format.name.startswith("yuvj") or frame.color_range == _FULL_RANGE
        size = self._size(frame)
        if size != Size(frame.width, frame.height):
            rng = _SWS_FULL if is_full else _SWS_LIMITED
            frame = self._reformatter.reformat(
                frame, size.width, size.height, frame.format.name, src_color_range=rng, dst_color_range=rng,
                interpolation="BICUBIC", threads=1,
            )  # fmt: skip
        if not (is_full and found in _BT601 and frame.format.name in (layout, layout.replace("yuv", "yuvj"))):
            if frame.width % 2 or frame.height % 2:
                return None  # `colorspace` takes even sides alone
            frame = self._converted(frame, _Colours(found, is_full), layout)
        return [turned(_rows(frame, index), turns) for index in range(3)], frame

    def _converted(self, frame: "VideoFrame", colours: "_Colours", layout: str) -> "VideoFrame":
        key = (frame.width, frame.height, frame.format.name, colours)
        if self._graph is None or self._graph.key != key:
            self._graph = _Graph(key, _graph(frame, colours, layout))
        self._graph.filters.push(frame)
        return self._graph.filters.pull()  # type: ignore[return-value]

    def packed(self, frame: "VideoFrame", name: str) -> "tuple[NDArray[Any], VideoFrame]":
        """Return the upright pixels (rows, columns, channels) in a packed 8-bit RGB format, and what holds them.

        Parameters
        ----------
        name
            libav's name of the format, such as `rgb24` or `bgra`.
        """
        key = (frame.width, frame.height, frame.format.name, matrix(frame), name)
        if self._packer is None or self._packer.key != key:
            self._packer = _Graph(key, _to_packed(frame, self._size(frame), name))
        self._packer.filters.push(frame)
        rgb: Any = self._packer.filters.pull()
        channels = len(rgb.format.components)
        rows = _rows(rgb, 0, channels)
        return turned(rows.reshape(rgb.height, rgb.width, channels), quarter_turns(frame)), rgb

    def _size(self, frame: "VideoFrame") -> Size:
        return scaled_size(frame.width, frame.height, self._short_side, self._sample_aspect)


@dataclass(frozen=True)
class _Colours:
    matrix: int
    is_full_range: bool


@dataclass(frozen=True)
class _Graph:
    key: tuple[object, ...]
    filters: "Graph"


def _graph(frame: "VideoFrame", colours: _Colours, layout: str) -> "Graph":
    """Return filters from planar YUV to BT.601 in full range; curve and primaries stay as they are."""
    same = {"iprimaries": "bt709", "primaries": "bt709", "itrc": "bt709", "trc": "bt709", "fast": "1"}
    ranges = {"irange": "pc" if colours.is_full_range else "tv", "range": "pc"}
    matrices = {"ispace": _MATRICES[colours.matrix], "space": "smpte170m"}
    return _linked(frame, ("colorspace", {**same, **ranges, **matrices, "format": layout}))


def _to_packed(frame: "VideoFrame", size: Size, name: str) -> "Graph":
    """Return filters to a packed RGB format."""
    scale = {"w": str(size.width), "h": str(size.height), "flags": _EXACT}
    known = _SCALE_MATRICES.get(matrix(frame))
    if known and frame.format.name.startswith("yuv"):
        is_full = frame.format.name.startswith("yuvj") or frame.color_range == _FULL_RANGE
        scale |= {"in_color_matrix": known, "in_range": "pc" if is_full else "tv"}
    return _linked(frame, ("scale", scale), ("format", {"pix_fmts": name}))


def _linked(frame: "VideoFrame", *filters: tuple[str, dict[str, str]]) -> "Graph":
    from av.filter import Graph

    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1_000_000)
    )
    graph.link_nodes(source, *(graph.add(name, None, **words) for name, words in filters), graph.add("buffersink"))
    graph.configure()
    return graph


def _rows(frame: "VideoFrame", index: int, channels: int = 1) -> "NDArray[Any]":
    """Return one plane's rows as they lie in the frame's own memory, without the padding at their ends."""
    import numpy as np

    plane: Any = frame.planes[index]
    rows = np.frombuffer(plane, np.uint8)[: plane.height * plane.line_size].reshape(plane.height, plane.line_size)
    return rows[:, : plane.width * channels]
