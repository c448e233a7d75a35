"""The colours of a JPEG are those a player shows, whatever the frame's matrix, range, depth and layout."""

from fractions import Fraction

import av
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from avakit.tools import picture

WIDTH, HEIGHT = 320, 192
#: ITU-T H.273 matrix number -> (Kr, Kb).
MATRICES = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def _picture(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.float64]:
    """Return all hues, smoothly, as RGB from 0 to 1."""
    y, x = np.mgrid[0:height, 0:width]
    waves = (np.sin(x / 40), np.sin(y / 30), np.cos((x + y) / 50))
    return np.stack([0.5 + 0.45 * wave for wave in waves], axis=-1)


def _frame(
    rgb: NDArray[np.float64], layout: str, matrix: int, *, full: bool, tag: int | None = None, bits: int = 8
) -> av.VideoFrame:
    """Convert by the formulas of H.273, independent of swscale, and tag the frame accordingly."""
    red, blue = MATRICES[matrix]
    luma = rgb @ [red, 1 - red - blue, blue]
    chroma = [(rgb[..., 2] - luma) / (2 * (1 - blue)), (rgb[..., 0] - luma) / (2 * (1 - red))]
    down, across = {"420": (2, 2), "422": (1, 2), "444": (1, 1)}[layout]
    rows, columns = luma.shape
    pad = ((0, -rows % down), (0, -columns % across))
    shape = ((rows + pad[0][1]) // down, down, (columns + pad[1][1]) // across, across)
    small = [np.pad(plane, pad, "edge").reshape(shape).mean((1, 3)) for plane in chroma]
    scale = 2 ** (bits - 8)
    if full:
        planes = [luma * 255, *(plane * 255 + 128 for plane in small)]
    else:
        planes = [luma * 219 + 16, *(plane * 224 + 128 for plane in small)]
    name = f"yuv{layout}p" + (f"{bits}le" if bits > 8 else "")
    frame = av.VideoFrame(columns, rows, name)
    kind = np.dtype("<u2") if bits > 8 else np.dtype(np.uint8)
    for plane, values in zip(frame.planes, planes, strict=True):
        whole = np.zeros((plane.buffer_size // plane.line_size, plane.line_size // kind.itemsize), kind)
        whole[: values.shape[0], : values.shape[1]] = np.clip(np.rint(values * scale), 0, 2**bits - 1)
        plane.update(whole.tobytes())
    frame.colorspace = matrix if tag is None else tag
    frame.color_range = 2 if full else 1
    return frame


def _psnr(data: bytes, rgb: NDArray[np.float64]) -> float:
    difference = simplejpeg.decode_jpeg(data) / 255 - rgb
    return float(-10 * np.log10(np.mean(difference**2)))


@pytest.mark.parametrize("layout", ["420", "422", "444"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", sorted(MATRICES))
def test_matrix_and_range_are_converted(matrix: int, full: bool, layout: str) -> None:
    """A wrong matrix is at 28 dB here, a wrong range at 25."""
    rgb = _picture()
    data = picture.encode(_frame(rgb, layout, matrix, full=full), 95)
    assert _psnr(data, rgb) > 40


@pytest.mark.parametrize("matrix", [1, 6])
def test_ten_bits(matrix: int) -> None:
    rgb = _picture()
    assert _psnr(picture.encode(_frame(rgb, "420", matrix, full=False, bits=10), 95), rgb) > 40


@pytest.mark.parametrize(("height", "matrix"), [(576, 6), (720, 1)])
def test_a_matrix_that_is_not_named_is_guessed_by_height(height: int, matrix: int) -> None:
    rgb = _picture(height)
    assert _psnr(picture.encode(_frame(rgb, "420", matrix, full=False, tag=2), 95), rgb) > 40


def test_full_range_is_also_told_by_the_format() -> None:
    rgb = _picture()
    tagged = _frame(rgb, "420", 6, full=True)
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuvj420p")
    for plane, source in zip(frame.planes, tagged.planes, strict=True):
        plane.update(bytes(source))
    frame.colorspace = 6
    assert _psnr(picture.encode(frame, 95), rgb) > 40


@pytest.mark.parametrize(("height", "width"), [(191, 319), (35, 17), (1, 1)])
@pytest.mark.parametrize("matrix", [1, 6])
def test_odd_sizes_are_kept(height: int, width: int, matrix: int) -> None:
    rgb = _picture(height, width)
    data = picture.encode(_frame(rgb, "420", matrix, full=False), 95)
    assert simplejpeg.decode_jpeg_header(data)[:2] == (height, width)
    assert _psnr(data, rgb) > 36


@pytest.mark.parametrize("matrix", [1, 6])
def test_a_smaller_picture_shows_the_same(matrix: int) -> None:
    data = picture.encode(_frame(_picture(), "420", matrix, full=False), 95, short_side=96)
    smaller = _picture().reshape(96, 2, 160, 2, 3).mean((1, 3))
    assert _psnr(data, smaller) > 38


def test_pixels_that_are_not_square_are_made_so_when_scaled() -> None:
    encoder = picture.Encoder(92, 96, Fraction(4, 3))
    data = encoder.encode(_frame(_picture(), "420", 6, full=False))
    assert simplejpeg.decode_jpeg_header(data)[:2] == (96, 214)


def test_grey_and_rgb_frames_are_encoded_too() -> None:
    rgb = np.rint(_picture() * 255).astype(np.uint8)
    assert _psnr(picture.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24"), 95), rgb / 255) > 38
    grey = rgb[..., 0]
    data = picture.encode(av.VideoFrame.from_ndarray(grey, format="gray"), 95)
    assert _psnr(data, np.repeat(grey[..., None], 3, axis=2) / 255) > 25


@pytest.mark.parametrize("quality", [30, 92])
def test_quality_decides_the_size(quality: int) -> None:
    frame = _frame(_picture(), "420", 6, full=False)
    sizes = [len(picture.encode(frame, q)) for q in (quality - 20, quality, quality + 5)]
    assert sizes == sorted(sizes)
