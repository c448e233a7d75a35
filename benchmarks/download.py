"""Fetching one large film and many small ones, beside wget, curl, aria2c and yt-dlp from the same server.

The server is nginx, if there is one, else the demo's. There is a table for each load, with and without a limit for each
connection: seconds, and the speed as a multiple of wget's, taken round by round (in each round every client has its
turn, so that a busy machine is busy for all) and then the median of the rounds.

`avakit` is the whole command, which also reads annotations, hashes every byte, opens and checks every film, sees it to
the disk and writes a journal. `..., sha256sum, sync` is what one would have to run for a part of that promise.
`avakit's transfer` is its HTTP client alone, in a Python started for it, which hashes but does not check or publish.

All that can hold several connections have as many: `aria2c -x4` and avakit its own four for one film (`--connections`),
`aria2c -j16`, `curl -Z` with 16 and `avakit --jobs 16` for small ones.
"""

import argparse
import compileall
import random
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import avakit
from tests import nginx, scale

#: The large one is as long as AVA's films are on average.
LARGE_BYTES, SMALL_FILES, FEW_FILES = 525_000_000, 500, 100
SMALL_BYTES = (100_000, 1_000_000)
#: What a connection gets where it is limited: less than most small files, for nginx gives a second's worth at once.
LARGE_RATE, SMALL_RATE = 20_000_000, 500_000
#: What one would run after another client for a part of what avakit promises.
_PROMISE = ", sha256sum, sync"
_KEEP = "&& sha256sum -- * > ../SHA256SUMS && sync -- *"
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
    parser.add_argument("--repeats", type=int, default=3, help="rounds in which every client has its turn")
    parser.add_argument("--only", choices=("large", "small"), help="one of the two loads")
    parser.add_argument("--limited", type=int, default=1, help="the same for the loads that are limited")
    given = parser.parse_args()
    # As an installed package is: else each process of ours would compile what it imports.
    compileall.compile_dir(Path(avakit.__file__).parent, quiet=1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        served = make_films(folder / "served")
        every = sorted(path.name for path in (served / "videos").iterdir())
        large, small = every[:1], every[1:]
        for names, rate in ((large, LARGE_RATE), (small, SMALL_RATE)):
            with serving(folder, served, rate) as url:
                kind = "one large film" if names is large else "small films"
                if given.only and given.only not in kind:
                    continue
                measure(Load(f"{kind}, no limit", served, names, url, url), folder, given.repeats)
                if not nginx.is_there():
                    print(f"\n{kind}, limited: needs nginx, which is absent")
                    continue
                few, title = names[:FEW_FILES], f"{kind}, {rate / 1e6:g} MB/s for each connection"
                measure(Load(title, served, few, url, f"{url}/limited"), folder, given.limited)


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


def measure(load: Load, folder: Path, rounds: int) -> None:
    """Fetch a load with every client, round by round, and print what it took."""
    print(f"\n{load.title}: {len(load.names)} file(s), {load.bytes / 1e6:.0f} MB", flush=True)
    clients = commands(load, folder)
    for name in [name for name, words in clients.items() if shutil.which(words[0]) is None]:
        print(f"  {name:28} is absent")
        del clients[name]
    found: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(rounds):
        for name, words in clients.items():
            found[name].append(once(words, folder / "out", load))
    for name, seconds in found.items():
        factors = [wget / own for wget, own in zip(found.get("wget -c", ()), seconds, strict=False)]
        factor = f"   x{statistics.median(factors):.2f}" if factors else ""
        print(f"  {name:28} {min(seconds):7.2f} s at best, {statistics.median(seconds):7.2f} s{factor}", flush=True)


def commands(load: Load, folder: Path) -> dict[str, list[str]]:
    """Return how each client is called; each runs in an empty folder `out`."""
    listing = folder / "list.txt"
    listing.write_text("".join(f"{address}\n" for address in load.addresses))
    is_one = len(load.names) == 1
    manifest = scale.build(folder, load.served, load.url, load.names, mirror=load.mirror)
    ours = [sys.executable, "-m", "avakit", "download", "--manifest", str(manifest), "--whole", "--quiet"]
    curl = ["curl", "-s", "--remote-name-all"]
    aria2c = ["aria2c", "-q", "-c", "--auto-file-renaming=false", "-i", str(listing)]
    found = {"wget -c": ["wget", "-q", "-c", "-i", str(listing)], "curl": [*curl, *load.addresses]}
    if is_one:
        found |= {f"aria2c -x{count}": [*aria2c, f"-x{count}", f"-s{count}"] for count in (1, 4)}
    else:
        found["curl -Z (16)"] = [*curl, "-Z", "--no-progress-meter", "--parallel-max", "16", *load.addresses]
        found |= {f"aria2c -j{count}": [*aria2c, f"-j{count}"] for count in (2, 16)}
    for name in ("wget -c", "aria2c -x4" if is_one else "aria2c -j16"):
        if shutil.which(found[name][0]):
            found[name + _PROMISE] = ["sh", "-c", f"{shlex.join(found[name])} {_KEEP}"]
    yt_dlp = str(Path(sys.executable).parent / "yt-dlp")
    found["yt-dlp"] = [yt_dlp, "-q", "--ignore-config", "-o", "%(id)s.%(ext)s", "-a", str(listing)]
    if is_one:
        found["avakit's transfer"] = [sys.executable, "-c", _TRANSFER, load.addresses[0], "film.mp4"]
        found["avakit"] = [*ours, "--connections", "4"]
    else:
        found |= {f"avakit --jobs {jobs}": [*ours, "--jobs", str(jobs)] for jobs in (2, 16)}
    return found


def once(command: list[str], out: Path, load: Load) -> float:
    """Return the seconds a client takes; what it fetched is counted, and removed: nobody writes it out later."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
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
