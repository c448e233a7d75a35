"""The processor time of a copied window beside that of a re-encoded one, for the window of a film as AVA has them.

The film is a minute of a test picture with sound at 640x360, encoded once and repeated; its window has AVA's 901 s.
Each is the whole command, with everything that it starts: Python, workers, annotations, checks, digests and ffmpeg.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import span
from demo.server import Server
from tests import scale

START, DURATION = 60, 901
#: What the issue allows, of the processor time of a re-encoded window.
MOST = 0.02
FILM = span.FILMS[0]


def main() -> None:
    """Make the film, cut its window in each mode, and print a table; exit with 1 if a copy costs too much."""
    used = {}
    print("| window | processor time | wall time | bytes |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "served" / "videos").mkdir(parents=True)
        span.make(FILM, folder, minutes=-(-(START + DURATION + 1) // 60))
        with Server(folder / "served") as server:
            manifest = scale.build(folder, folder / "served", server.url, [FILM.name], span=f"{START} {DURATION}")
            avakit(folder, "download", "--whole", "--manifest", str(manifest))
        for mode in ("copy", "encode"):
            began = time.monotonic()
            used[mode] = avakit(folder, "cut", "--mode", mode, "--dataset", "many")
            wall = time.monotonic() - began
            (window,) = (folder / "data" / "many").glob("windows*/*.mkv" if mode == "copy" else "windows-encode/*.mp4")
            size = window.stat().st_size / 1e6
            print(f"| {mode} | {used[mode]:.2f} s | {wall:.1f} s | {size:.1f} MB |", flush=True)
    share = used["copy"] / used["encode"]
    print(f"\na copied window takes {share:.2%} of the processor time of a re-encoded one (at most {MOST:.0%})")
    sys.exit(0 if share < MOST else 1)


def avakit(folder: Path, *words: str) -> float:
    """Run a command in a folder, and return the seconds of processor time that it and all its children took."""
    before = _children()
    command = [sys.executable, "-m", "avakit", *words, "--quiet"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return _children() - before


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
