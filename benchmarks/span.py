"""The bytes that `--span-only` fetches, beside those of the film and of its window, for films of two hours.

The films are a minute of a test picture with sound, encoded once for each container at about 577 kbit/s and then
repeated as it is. Bytes and requests do not depend on how fast the machine is.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from demo.server import Server
from tests import scale

MINUTES, SPAN = 120, "900 901"
_H264 = ("-c:v", "libx264", "-preset", "veryfast", "-g", "250", "-b:v", "513k", "-maxrate", "700k", "-bufsize", "1400k")
_VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "128", "-b:v", "513k")
#: What the issue allows, in bytes of the window.
MOST = 1.1


@dataclass(frozen=True)
class Film:
    """A film: what it is called in the table, its name, and how it is encoded and written."""

    title: str
    name: str
    encoder: tuple[str, ...]
    writer: tuple[str, ...] = ()


FILMS = (
    Film("MP4, index first", "mp4-first00.mp4", (*_H264, "-c:a", "aac", "-b:a", "64k"), ("-movflags", "+faststart")),
    Film("MP4, index last", "mp4-last000.mp4", (*_H264, "-c:a", "aac", "-b:a", "64k")),
    Film("Matroska", "matroska000.mkv", (*_H264, "-c:a", "aac", "-b:a", "64k")),
    Film("WebM", "webm0000000.webm", (*_VP9, "-c:a", "libopus", "-b:a", "64k")),
)


def main() -> None:
    """Make the films one by one, fetch the window of each, and print a table; exit with 1 if one cost too much."""
    is_good = True
    print("| film | bytes | window | fetched | of the window | of the film | requests |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "served" / "videos").mkdir(parents=True)
        for film in FILMS:
            is_good &= measure(film, folder)
    sys.exit(0 if is_good else 1)


def measure(film: Film, folder: Path) -> bool:
    """Fetch the window of one film, and print its row; return whether it cost no more than is allowed."""
    path = make(film, folder)
    with Server(folder / "served") as server:
        manifest = scale.build(folder, folder / "served", server.url, [film.name], span=SPAN)
        words = [sys.executable, "-m", "avakit", "download", "--manifest", str(manifest), "--span-only", "--quiet"]
        root = folder / path.stem  # of its own: the annotations differ
        subprocess.run([*words, "--root", str(root)], check=True, stdout=subprocess.DEVNULL)
        requests = sum(request.path.startswith("/videos/") for request in server.requests)
    path.unlink()
    lines = (json.loads(line) for each in root.rglob("*.jsonl") for line in each.read_text().splitlines())
    found = [
        line
        for line in lines
        if line.get("item") == film.name.rpartition(".")[0] and "/windows/" in line.get("path", "")
    ]
    window, source = found[-1]["bytes"], found[-1]["facts"]["source"]
    fetched = source["fetched_bytes"]
    print(
        f"| {film.title} | {source['bytes'] / 1e6:.1f} MB | {window / 1e6:.1f} MB | {fetched / 1e6:.1f} MB "
        f"| {fetched / window:.3f} | {fetched / source['bytes']:.3f} | {requests} |",
        flush=True,
    )
    return bool(fetched <= MOST * window)


def make(film: Film, folder: Path, minutes: int = MINUTES) -> Path:
    """Encode a minute and repeat it."""
    path, minute = folder / "served" / "videos" / film.name, folder / f"minute{Path(film.name).suffix}"
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error"]
    sources = ["testsrc2=size=640x360:rate=24000/1001:duration=60,noise=alls=12:allf=t", "sine=440:duration=60"]
    inputs = [word for source in sources for word in ("-f", "lavfi", "-i", source)]
    subprocess.run([*words, *inputs, *film.encoder, minute], check=True)
    subprocess.run(
        [*words, "-stream_loop", str(minutes - 1), "-i", minute, "-c", "copy", *film.writer, path], check=True
    )
    return path


if __name__ == "__main__":
    main()
