"""Frames beside the published recipes, in one run: CPU, wall, memory, bytes, PSNR, and what the frames show.

Films are real footage, looped and brought to 360, 720 and 1080 lines, in H.264, VP9 and AV1, at 25 frames a second;
frames are wanted at 30. Every recipe is a process of its own, so its start counts, too. `--film FILE` takes a film of
your own instead. Each recipe runs in turn, round after round, and its least CPU counts.
"""

import argparse
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg

from benchmarks.likeness import Likeness, compare, sources

FOOTAGE = sorted((Path(__file__).parents[1] / "tests" / "data" / "footage").glob("*.mkv"))
RATE = Fraction(30)
#: The frame filter that places frames best (docs/frames.md).
_NEAR = "fps=30:start_time=0:round=near"
_TAGS = {"bt709": "bt709", "smpte170m": "bt601"}
ENCODERS = {
    "h264": ("-c:v", "libx264", "-preset", "medium", "-crf", "23"),
    "vp9": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "6", "-crf", "32", "-b:v", "0"),
    "av1": ("-c:v", "libsvtav1", "-preset", "8", "-crf", "35"),
}
_OURS = """
import sys
from fractions import Fraction
from pathlib import Path
from avakit.frames import Footage, extract
from avakit.model import Span
from avakit.recipes import FrameRecipe
from avakit.tools.shelves import FolderShelf
film, folder, seconds, quality, short_side = sys.argv[1:]
extract(Footage(Path(film)), FolderShelf(Path(folder)), span=Span(Fraction(0), Fraction(seconds)),
        recipe=FrameRecipe(quality=int(quality), short_side=int(short_side)))
"""


@dataclass(frozen=True)
class Cost:
    """What a recipe took: CPU and wall in seconds, the largest process in bytes, and its files."""

    cpu: float
    wall: float
    memory: int
    files: int
    bytes: int


def main() -> None:
    """Measure every film and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--film", type=Path, action="append", help="measure this film (25 frames a second is best)")
    parser.add_argument("--seconds", type=int, default=20, help="of each film")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--quality", type=int, default=87)
    parser.add_argument("--plot", type=Path, help="draw the CPU of each recipe here, as a multiple of avakit's")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=_memory()) as name:
        folder = Path(name)
        films = given.film or (
            make(folder, codec, lines, given.seconds) for codec in ENCODERS for lines in (360, 720, 1080)
        )
        found = {film.stem: measure(film, folder, given.seconds, given.rounds, given.quality) for film in films}
    if given.plot:
        plot(given.plot, found)


def _memory() -> str | None:
    """Return a file system in memory, if there is one: disks are not what is compared."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


def make(folder: Path, codec: str, lines: int, seconds: int) -> Path:
    """Encode looped footage; names its colours as films from the web do."""
    path = folder / f"{lines}p-{codec}.{'webm' if codec == 'vp9' else 'mp4'}"
    space = "bt709" if lines >= 720 else "smpte170m"  # noqa: PLR2004 - the lines at which players begin to guess BT.709
    names = ("-colorspace", space, "-color_primaries", space, "-color_trc", space, "-color_range", "tv")
    picture = f"scale=-2:{lines}:flags=lanczos:out_color_matrix={_TAGS[space]}:out_range=tv,fps=25,format=yuv420p"
    listing = folder / "footage.txt"
    listing.write_text("".join(f"file '{each}'\n" for each in FOOTAGE))
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-stream_loop", "-1", "-f", "concat", "-safe", "0"]
    subprocess.run(
        [*words, "-i", listing, "-t", str(seconds), "-vf", picture, *ENCODERS[codec], *names, path], check=True
    )
    return path


def recipes(film: Path, out: Path, seconds: int, quality: int) -> dict[str, list[list[str]]]:
    """Return the commands of each recipe, by its name."""
    newest, window, files = (
        imageio_ffmpeg.get_ffmpeg_exe(),
        str(out / f"window{film.suffix}"),
        str(out / "img_%05d.jpg"),
    )
    count = ["-frames:v", str(seconds * RATE)]

    def call(program: str, *words: str) -> list[str]:
        return [program, "-nostdin", "-v", "error", "-y", *words]

    def one_pass(program: str, picture: str) -> list[list[str]]:
        words = ["-ss", "0", "-t", str(seconds), "-i", str(film), "-map", "0:V:0", "-vf", picture, *count]
        return [call(program, *words, "-q:v", "2", files)]

    def cut_and_extract(*words: str) -> list[list[str]]:
        cut = call(newest, "-ss", "0", "-t", str(seconds), "-i", str(film), *words, window)
        return [cut, call(newest, "-i", window, "-r", "30", "-q:v", "1", files)]

    found = {}
    for name, program in {"Debian": shutil.which("ffmpeg"), "imageio": newest}.items():
        if program:
            through = ["-threads", "1", "-t", str(seconds), "-i", str(film), "-map", "0:V:0", "-f", "null", "-"]
            found[f"decode only ({name})"] = [call(program, *through)]
            found[f"one pass, -q:v 2 ({name})"] = one_pass(program, _NEAR)
    acar = call(newest, "-ss", "0", "-i", str(film), "-vf", "scale=-1:340,fps=30", *count, files)
    ours = [sys.executable, "-c", _OURS, str(film), str(out), str(seconds), str(quality)]
    return found | {
        "one pass with true colours, -q:v 2": one_pass(newest, f"{_NEAR},scale=out_color_matrix=bt601:out_range=pc"),
        "ACAR-Net, one pass": [acar],
        "SlowFast, cut and extract": cut_and_extract(),
        "MMAction2, cut and extract": cut_and_extract("-r", "30", "-strict", "experimental"),
        "avakit": [[*ours, "0"]],
        "avakit --short-side 256": [[*ours, "256"]],
    }


def measure(film: Path, folder: Path, seconds: int, rounds: int, quality: int) -> dict[str, Cost]:
    """Run every recipe on a film, round after round; print the table, and return what each took."""
    out = folder / "out"
    costs: dict[str, Cost] = {}
    wanted = recipes(film, out, seconds, quality)
    for _ in range(rounds):
        for name, commands in wanted.items():
            cost = run(commands, out)
            costs[name] = min(cost, costs.get(name, cost), key=lambda each: each.cpu)
    pair = two_at_once(lambda place: recipes(film, place, seconds, quality)["avakit"][0], folder)
    likeness = {}
    # In a process of its own: a child's peak memory is never less than its parent's, and films fill it.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as other:
        for name, commands in wanted.items():
            if not any(word in name for word in ("decode", "256", "ACAR")):
                run(commands, out)
                likeness[name] = other.submit(liken, film, seconds, out).result()
    show(f"{film.name}, {seconds} s", costs, likeness)
    print(f"\nTwo workers at once give {pair:.2f} times the frames a second of one.")
    return costs


def liken(film: Path, seconds: int, out: Path) -> Likeness:
    """Compare the frames in a folder with the film they were made of."""
    return compare(sorted(out.glob("img_*.jpg")), sources(film, seconds), Fraction(0), RATE)


def run(commands: list[list[str]], out: Path) -> Cost:
    """Run one recipe into an empty folder."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    cpu, memory, begun = 0.0, 0, time.perf_counter()
    for command in commands:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        if os.waitstatus_to_exitcode(status):
            raise RuntimeError(f"failed: {command}")
        cpu, memory = cpu + used.ru_utime + used.ru_stime, max(memory, used.ru_maxrss * 1024)
    wall = time.perf_counter() - begun
    files = list(out.glob("img_*.jpg"))
    return Cost(cpu, wall, memory, len(files), sum(path.stat().st_size for path in files))


def two_at_once(command: Callable[[Path], list[str]], folder: Path) -> float:
    """Return how many times as many frames a second two workers give."""
    places = [folder / "one", folder / "two"]
    walls = []
    for used in (places[:1], places):
        for place in used:
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
        begun = time.perf_counter()
        started = [subprocess.Popen(command(place)) for place in used]
        for process in started:
            process.wait()
        walls.append(time.perf_counter() - begun)
    return 2 * walls[0] / walls[1]


def show(title: str, costs: dict[str, Cost], likeness: dict[str, Likeness]) -> None:
    """Print a film's table; ratios are against avakit's CPU."""
    ours = costs["avakit"].cpu
    print(f"\n### {title}\n")
    print("| recipe | CPU | of avakit's | wall | memory | files | a file | PSNR | off by (worst, mean) |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, cost in costs.items():
        like = likeness.get(name)
        seen = (
            f"{like.psnr_colours:.1f} / {like.psnr_compression:.1f} dB | {like.worst_ms:+.0f}, {like.mean_ms:+.1f} ms"
            if like
            else " | "
        )
        each = f"{cost.bytes / cost.files / 1000:.1f} kB" if cost.files else ""
        print(
            f"| {name} | {cost.cpu:.2f} s | {cost.cpu / ours:.2f} | {cost.wall:.2f} s | {cost.memory / 1e6:.0f} MB "
            f"| {cost.files or ''} | {each} | {seen} |",
            flush=True,
        )


def plot(path: Path, found: dict[str, dict[str, Cost]]) -> None:
    """Draw a bar for each recipe and film."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    names = [name for name in next(iter(found.values())) if name != "avakit"]
    figure, axes = plt.subplots(figsize=(9, 6), layout="constrained")
    height = 0.8 / len(found)
    for number, (film, costs) in enumerate(found.items()):
        places = [row + number * height for row in range(len(names))]
        axes.barh(places, [costs[name].cpu / costs["avakit"].cpu for name in names], height, label=film)
    axes.set_yticks([row + 0.4 - height / 2 for row in range(len(names))], names)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlabel("CPU seconds, as a multiple of avakit's")
    axes.invert_yaxis()
    axes.legend(fontsize="small")
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
