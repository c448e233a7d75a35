"""What `--quality` buys: PSNR against the film's colours, bytes and time for each, beside ffmpeg's -q:v 2.

The film is real footage at 720 lines, or `--film FILE`; every eighth frame of its first ten seconds is encoded.
"""

import argparse
import io
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
from PIL import Image

from avakit.tools.picture import Encoder
from benchmarks.frames import make
from benchmarks.likeness import colours, distances, psnr, sources

QUALITIES, SECONDS, EACH = (75, 80, 84, 86, 87, 88, 90, 92, 95), 10, 8


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--film", type=Path, action="append")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for film in given.film or [make(Path(name), "h264", 720, SECONDS)]:
            measure(film, Path(name))


def measure(film: Path, folder: Path) -> None:
    """Print the rows of one film."""
    frames = [frame for _, frame in sources(film, SECONDS)][::EACH]
    true = [colours(frame) for frame in frames]
    print(f"\n{film.name}: {len(frames)} frames\n")
    print("| quality | PSNR colours / compression | a frame | encoded in |\n|---|---|---|---|")
    for quality in QUALITIES:
        encoder = Encoder(quality)
        encoder.encode(frames[0])
        begun = time.process_time()
        data = [encoder.encode(frame) for frame in frames]
        taken = f"{1000 * (time.process_time() - begun) / len(frames):.2f} ms"
        row(f"{quality}", data, true, taken)
    row("ffmpeg -q:v 2", _by_ffmpeg(film, folder), true, "")


def _by_ffmpeg(film: Path, folder: Path) -> list[bytes]:
    picked = f"select=not(mod(n\\,{EACH}))"
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-t", str(SECONDS + 1), "-i", film, "-vf", picked]
    subprocess.run([*words, "-fps_mode", "passthrough", "-q:v", "2", folder / "q_%05d.jpg"], check=True)
    return [path.read_bytes() for path in sorted(folder.glob("q_*.jpg"))]


def row(title: str, data: Sequence[bytes], true: Sequence[tuple[Any, Any]], taken: str) -> None:
    """Print how like a film's frames their pictures are."""
    squares = [distances(Image.open(io.BytesIO(each)), right) for each, right in zip(data, true, strict=False)]
    levels = [psnr(sum(each) / len(squares)) for each in zip(*squares, strict=True)]
    size = sum(map(len, data)) / len(data) / 1000
    print(f"| {title} | {levels[0]:.1f} / {levels[1]:.1f} dB | {size:.1f} kB | {taken} |", flush=True)


if __name__ == "__main__":
    av.logging.set_level(av.logging.ERROR)
    main()
