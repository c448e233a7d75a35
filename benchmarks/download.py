"""Fetching one large film and many small ones, beside wget, curl, aria2c and yt-dlp from the same server.

The server is nginx, if there is one, else the demo's. There is a table for each load, with and without a limit for each
connection: seconds, and how many times as fast as wget each client is. `avakit` is the whole command, which also reads
annotations, hashes every byte, opens and checks every film, sees it to the disk and writes a journal. `avakit's
transfer` is its HTTP client alone, in a Python started for it, which hashes but does not check or publish.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import nginx, scale

LARGE_BYTES, SMALL_FILES, FEW_FILES = 256 << 20, 500, 8
SMALL_BYTES = (100_000, 1_000_000)
#: What a connection gets where it is limited: less than a small file, for nginx gives a second's worth at once.
LARGE_RATE, SMALL_RATE = 20_000_000, 250_000
_TRANSFER = "import sys, pathlib; from avakit.tools import http; http.download(sys.argv[1], pathlib.Path(sys.argv[2]))"


@dataclass(frozen=True)
class Load:
    """What is fetched: a title, the folder that is served, the files in it, and the addresses to fetch from."""

    title: str
    served: Path
    names: list[str]
    url: str
    mirror: str

    @property
    def addresses(self) -> list[str]:
        """Where each file is."""
        return [f"{self.mirror}/videos/{name}" for name in self.names]

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum((self.served / "videos" / name).stat().st_size for name in self.names)


def main() -> None:
    """Measure everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="the best of so many runs counts")
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        served = make_films(folder / "served")
        every = sorted(path.name for path in (served / "videos").iterdir())
        large, small = every[:1], every[1:]
        for names, rate in ((large, LARGE_RATE), (small, SMALL_RATE)):
            with serving(folder, served, rate) as url:
                kind = "one large film" if names is large else "small films"
                measure(Load(f"{kind}, no limit", served, names, url, url), folder, repeats)
                if not nginx.is_there():
                    print(f"\n{kind}, limited: needs nginx, which is absent")
                    continue
                few, title = names[:FEW_FILES], f"{kind}, {rate / 1e6:g} MB/s for each connection"
                measure(Load(title, served, few, url, f"{url}/limited"), folder, 1)


def make_films(served: Path) -> Path:
    """Make a large film of noise, and small ones with room at their ends, in `served/videos`."""
    import imageio_ffmpeg

    videos = served / "videos"
    videos.mkdir(parents=True)
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-f", "lavfi"]
    short, noise = videos / "short.mp4", videos / "noise.mp4"
    subprocess.run([*words, "-i", "testsrc2=size=320x240:rate=25:duration=2", short], check=True)
    noisy = "nullsrc=size=640x480:rate=25:duration=4,geq=random(1)*255:128:128"
    subprocess.run([*words, "-i", noisy, "-c:v", "mjpeg", "-q:v", "2", noise], check=True)
    times = LARGE_BYTES // noise.stat().st_size
    loop = [*words[:3], "-stream_loop", str(times), "-i", noise, "-c", "copy", videos / "a0000000000.mp4"]
    subprocess.run(loop, check=True)
    dice, film = random.Random(5), short.read_bytes()
    for number in range(SMALL_FILES):
        data = scale.padded(film, dice.randint(*SMALL_BYTES), number)
        (videos / f"b{number:010d}.mp4").write_bytes(data)
    for path in (short, noise):
        path.unlink()
    return served


@contextmanager
def serving(folder: Path, served: Path, rate: int) -> Iterator[str]:
    """Serve the films from a process of its own."""
    if nginx.is_there():
        place = folder / f"nginx-{rate}"
        place.mkdir()
        with nginx.serving(served, place, bytes_per_second=rate) as url:
            yield url
        return
    from demo.server import Server

    with Server(served) as server:
        yield server.url


def measure(load: Load, folder: Path, repeats: int) -> None:
    """Fetch a load with every client and print what it took."""
    print(f"\n{load.title}: {len(load.names)} file(s), {load.bytes / 1e6:.0f} MB")
    found = {}
    for name, command in commands(load, folder).items():
        if shutil.which(command[0]) is None:
            print(f"  {name:22} is absent")
            continue
        found[name] = min(once(command, folder / "out", load) for _ in range(repeats))
    for name, seconds in found.items():
        ratio = f"   x{found['wget -c'] / seconds:.2f}" if "wget -c" in found else ""
        print(f"  {name:22} {seconds:7.2f} s{ratio}", flush=True)


def commands(load: Load, folder: Path) -> dict[str, list[str]]:
    """Return how each client is called; each runs in an empty folder `out`."""
    listing = folder / "list.txt"
    listing.write_text("".join(f"{address}\n" for address in load.addresses))
    bin_folder = Path(sys.executable).parent
    manifest = scale.build(folder, load.served, load.url, load.names, mirror=load.mirror)
    ours = [sys.executable, "-m", "avakit", "download", "--manifest", str(manifest), "--whole", "--quiet"]
    found = {
        "wget -c": ["wget", "-q", "-c", "-i", str(listing)],
        "curl": ["curl", "-s", "--remote-name-all", *load.addresses],
        "aria2c -x4": ["aria2c", "-q", "-c", "-x4", "-s4", "-i", str(listing)],
        "yt-dlp": [str(bin_folder / "yt-dlp"), "-q", "--ignore-config", "-o", "%(id)s.%(ext)s", "-a", str(listing)],
    }
    if len(load.names) == 1:
        found["avakit's transfer"] = [sys.executable, "-c", _TRANSFER, load.addresses[0], "film.mp4"]
        found["avakit"] = ours
    else:
        found["curl -Z (16)"] = [
            "curl",
            "-s",
            "-Z",
            "--no-progress-meter",
            "--parallel-max",
            "16",
            "--remote-name-all",
            *load.addresses,
        ]
        found |= {f"avakit --jobs {jobs}": [*ours, "--jobs", str(jobs)] for jobs in (2, 16)}
    return found


def once(command: list[str], out: Path, load: Load) -> float:
    """Return the seconds a client takes; what it fetched is counted, and removed."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    os.sync()  # what earlier clients left to be written is not this one's burden
    # The annotations are there: they are not what is measured.
    if "--manifest" in command:
        fetch = [*command[:3], "fetch", *command[4:6]]
        subprocess.run(fetch, cwd=out, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    start = time.perf_counter()
    subprocess.run(command, cwd=out, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    films = [path for path in out.rglob("*.mp4") if path.is_file()]
    if len(films) != len(load.names) or sum(path.stat().st_size for path in films) != load.bytes:
        raise RuntimeError(f"{command[0]} left {len(films)} films of {len(load.names)}")
    shutil.rmtree(out)
    return seconds


if __name__ == "__main__":
    main()
