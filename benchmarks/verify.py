"""`avakit verify` beside what else checks digests, in one run on one tree: films, and frames.

Beside it: `sha256sum -c`, `hashdeep -a`, bagit-python with and without processes, and the best possible: a bare
program that knows nothing but a list of files and reads them with every core. All from the cache of the operating
system; each in turn, round after round, and its least time counts. Every one is a process of its own, start included.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from avakit import checksums, journal, manifest
from avakit.journal import Record
from avakit.layout import SHA256SUMS, frame_list
from avakit.model import Stage

_BEST = """
import hashlib, os, sys
from multiprocessing import Pool
def check(rows):
    wrong = 0
    for path, digest in rows:
        with open(path, "rb", buffering=0) as stream:
            is_small = os.fstat(stream.fileno()).st_size < 1 << 20
            found = hashlib.sha256(stream.read()) if is_small else hashlib.file_digest(stream, "sha256")
            wrong += found.hexdigest() != digest
    return wrong
if __name__ == "__main__":
    rows = [(row[66:-1], row[:64]) for name in sys.argv[1:] for row in open(name)]
    rows = [row for row in rows if not row[0].startswith(".avakit")]
    size = 1 if len(rows) < 1000 else 500
    with Pool(len(os.sched_getaffinity(0))) as pool:
        sys.exit(sum(pool.imap_unordered(check, [rows[i:i + size] for i in range(0, len(rows), size)])) > 0)
"""


def _record(root: Path, path: str, stage: Stage, size: int, sha256: str, frames: int = 0) -> None:
    key = path if stage is Stage.FRAMES else path.rpartition(".")[0]
    journal.append(
        root,
        Record(key, stage, Path(key).name, "ava-v2.2", "done", path=path, bytes=size, frames=frames, sha256=sha256),
    )


def make_films(root: Path, count: int, size: int) -> None:
    """Write films of random bytes, and record them."""
    (root / "ava/videos").mkdir(parents=True)
    for number in range(count):
        path, digest = f"ava/videos/film-{number:06d}.mp4", hashlib.sha256()
        with (root / path).open("wb") as stream:
            for _ in range(size >> 20):
                data = os.urandom(1 << 20)
                digest.update(data)
                stream.write(data)
        _record(root, path, Stage.VIDEO, size >> 20 << 20, digest.hexdigest())


def make_frames(root: Path, folders: int, frames: int, size: int) -> None:
    """Write folders of frames of random bytes, with their lists, and record them."""
    for number in range(folders):
        folder = f"ava/rawframes/film-{number:06d}"
        (root / folder).mkdir(parents=True)
        digests = {}
        for frame in range(1, frames + 1):
            path, data = f"{folder}/img_{frame:05d}.jpg", os.urandom(size)
            (root / path).write_bytes(data)
            digests[path] = hashlib.sha256(data).hexdigest()
        text = checksums.text(digests.items()).encode()
        (root / frame_list(folder)).parent.mkdir(parents=True, exist_ok=True)
        (root / frame_list(folder)).write_bytes(text)
        _record(root, folder, Stage.FRAMES, frames * size, hashlib.sha256(text).hexdigest(), frames)


def programs(root: Path, bag: Path | None) -> dict[str, Callable[[], list[str]]]:
    """Return the commands that are compared, by name; those that are not installed are left out."""
    lists = [
        SHA256SUMS,
        *(str(path.relative_to(root)) for path in (root / ".avakit/manifests/frames").rglob("*.sha256")),
    ]
    best = root.parent / "best.py"
    best.write_text(_BEST)
    known = str(root.parent / "known")
    found = {
        "the best possible": [sys.executable, str(best), *lists],
        "avakit verify": [sys.executable, "-m", "avakit", "verify", "--root", str(root)],
        "avakit verify --quick": [sys.executable, "-m", "avakit", "verify", "--quick", "--root", str(root)],
        "sha256sum -c": ["sha256sum", "-c", "--strict", "--quiet", *lists],
    }
    if shutil.which("hashdeep"):
        with Path(known).open("w") as stream:
            listing = [str(shutil.which("hashdeep")), "-r", "-l", "-c", "sha256", "ava"]
            subprocess.run(listing, cwd=root, stdout=stream, check=True)
        found["hashdeep -a"] = ["hashdeep", "-a", "-r", "-l", "-k", known, "ava"]
    if bag:
        tool = [sys.executable, "-m", "bagit", "--quiet", "--validate"]
        found["bagit"] = [*tool, str(bag)]
        found["bagit --processes"] = [*tool, "--processes", str(len(os.sched_getaffinity(0))), str(bag)]
    return {name: (lambda words=words: words) for name, words in found.items()}


def make_bag(root: Path) -> Path:
    """Make a bag of the same bytes, by hard links."""
    import bagit

    bag = root.parent / "bag"
    shutil.copytree(root / "ava", bag / "ava", copy_function=os.link)
    bagit.make_bag(str(bag), checksums=["sha256"], processes=len(os.sched_getaffinity(0)))
    return bag


def measure(root: Path, rounds: int) -> dict[str, float]:
    """Return the least wall time of each program, in seconds; forked workers hide their processor time from us."""
    best: dict[str, float] = {}
    commands = programs(root, make_bag(root))
    for _ in range(rounds):
        for name, words in commands.items():
            started = time.perf_counter()
            done = subprocess.run(words(), cwd=root, capture_output=True, text=True, check=False)
            wall = time.perf_counter() - started
            if done.returncode:
                raise SystemExit(f"{name}: exit {done.returncode}\n{done.stdout[-500:]}{done.stderr[-500:]}")
            best[name] = min(wall, best.get(name, wall))
    return best


def show(title: str, found: dict[str, float]) -> None:
    """Print a table, with the ratio to the best possible."""
    print(f"\n{title}\n\n| | wall | ratio |\n|---|---|---|")
    for name, seconds in found.items():
        print(f"| {name} | {seconds:.2f} s | {seconds / found['the best possible']:.2f} |")


def main() -> None:
    """Make both trees, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=24, help="films of --film-mb each")
    parser.add_argument("--film-mb", type=int, default=128)
    parser.add_argument("--folders", type=int, default=24, help="frame folders of --frames each")
    parser.add_argument("--frames", type=int, default=3000)
    parser.add_argument("--frame-bytes", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to make the trees  [default: the temporary folder]")
    given = parser.parse_args()
    for kind in ("films", "frames"):
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            root = Path(folder) / "data"
            if kind == "films":
                make_films(root, given.films, given.film_mb << 20)
                title = f"{given.films} films of {given.film_mb} MiB"
            else:
                make_frames(root, given.folders, given.frames, given.frame_bytes)
                title = f"{given.folders * given.frames} frames of {given.frame_bytes} bytes in {given.folders} folders"
            manifest.write(root, journal.read(root))
            show(title, measure(root, given.rounds))


if __name__ == "__main__":
    main()
