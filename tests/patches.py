"""Films of flat patches whose colours are known exactly: of each matrix and range, coded without loss."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: ITU-T H.273 matrix -> (Kr, Kb), and x264's name of it.
MATRICES = {1: (0.2126, 0.0722, "bt709"), 6: (0.299, 0.114, "smpte170m"), 9: (0.2627, 0.0593, "bt2020nc")}
KINDS = [(matrix, is_full) for matrix in MATRICES for is_full in (False, True)]
COLUMNS, ROWS = 8, 6


def codes(matrix: int, *, is_full: bool) -> list[NDArray[np.float64]]:
    """Return the patches' code values: planes Y, Cb and Cr of whole numbers, of colours well inside what they hold."""
    rgb = 0.08 + 0.84 * np.random.default_rng(709).random((ROWS, COLUMNS, 3))
    red, blue, _ = MATRICES[matrix]
    luma = rgb @ [red, 1 - red - blue, blue]
    chroma = [(rgb[..., 2] - luma) / (2 * (1 - blue)), (rgb[..., 0] - luma) / (2 * (1 - red))]
    low, high, wide = (0, 255, 255) if is_full else (16, 219, 224)
    return [np.rint(high * luma + low), *(np.rint(wide * plane + 128) for plane in chroma)]


def colours(matrix: int, *, is_full: bool) -> NDArray[np.float64]:
    """Return the colours that these code values mean, as RGB from 0 to 255 (H.273)."""
    red, blue, _ = MATRICES[matrix]
    low, high, wide = (0, 255, 255) if is_full else (16, 219, 224)
    luma, *chroma = codes(matrix, is_full=is_full)
    y, cb, cr = (luma - low) / high, (chroma[0] - 128) / wide, (chroma[1] - 128) / wide
    r, b = y + 2 * (1 - red) * cr, y + 2 * (1 - blue) * cb
    g = (y - red * r - blue * b) / (1 - red - blue)
    return 255 * np.stack([r, g, b], -1)


def make(path: Path, matrix: int, *, is_full: bool, width: int = 1280, height: int = 720) -> None:
    """Write a film of one second."""
    name, planes = MATRICES[matrix][2], codes(matrix, is_full=is_full)
    tags = f"colormatrix={name}:range={'pc' if is_full else 'tv'}"
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(
            "libx264", rate=Fraction(25), options={"qp": "0", "preset": "ultrafast", "x264-params": tags}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, 2 if is_full else 1
        for number in range(25):
            frame = av.VideoFrame(width, height, "yuv420p")
            for plane, values in zip(frame.planes, planes, strict=True):
                patch = np.ones((plane.height // ROWS, plane.width // COLUMNS))
                rows = np.zeros((plane.buffer_size // plane.line_size, plane.line_size), np.uint8)
                rows[: plane.height, : plane.width] = np.kron(values, patch)
                plane.update(rows.tobytes())
            frame.colorspace, frame.color_range = matrix, 2 if is_full else 1
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def worst_level(picture: Path, matrix: int, *, is_full: bool) -> float:
    """Return by how many levels a picture's patches are off the film's at most, as PIL reads it."""
    pixels = np.asarray(Image.open(picture).convert("RGB"), float)
    height, width = pixels.shape[0] // ROWS, pixels.shape[1] // COLUMNS
    rights = colours(matrix, is_full=is_full).reshape(-1, 3)
    worst = 0.0
    for (row, column), right in zip(np.ndindex(ROWS, COLUMNS), rights, strict=True):
        top, left = row * height + height // 4, column * width + width // 4
        shown = pixels[top : top + height // 2, left : left + width // 2].mean((0, 1))
        worst = max(worst, float(np.abs(shown - right).max()))
    return worst
