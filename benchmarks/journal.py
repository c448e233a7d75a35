"""Reading and merging a million journal lines, beside plain `json.loads` of each of them.

The lines are those of a root of Kinetics: per clip what was fetched, cut, dropped and extracted, with the facts that
runs write; some are remade, some can't be had. Prints the best time of three of both readers, each in a process of
its own, and the peak memory of avakit's; then those of a journal in which every line is about another thing, so that
none may be forgotten. Exits with 1 if avakit takes more than 1.5 times the time, or a GB.
"""

import hashlib
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avakit.journal import Record

MOST_TIME, MOST_BYTES = 1.5, 10**9
LINES, FILES = 1_000_000, 64
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TOOLS = {"av": "18.1.0", "libavcodec": "62.28.102", "simplejpeg": "1.9.0"}
#: Shares of videos that are gone, and of frames that vanish and are made again.
_GONE, _VANISHED = 0.15, 0.05
_START = datetime(2026, 11, 21, tzinfo=UTC)


def main() -> None:
    """Measure, or (for a child process) write the journals, or read them in one way."""
    if len(sys.argv) > 1:
        kind, root = sys.argv[1], Path(sys.argv[2])
        print(json.dumps(write(root, sys.argv[3]) if kind == "write" else measure(kind, root)))
        return
    is_good = True
    for form in ("a run's", "all different"):
        with tempfile.TemporaryDirectory() as folder:
            written = child("write", folder, form)
            rounds = [(child("plain", folder), child("avakit", folder)) for _ in range(3)]
        plain = min(each["seconds"] for each, _ in rounds)
        ours = min(each["seconds"] for _, each in rounds)
        peak = max(each["peak_bytes"] for _, each in rounds)
        slower = ours / plain
        is_good &= slower <= MOST_TIME and peak <= MOST_BYTES
        print(
            f"journal, {form}: {written['lines']} lines of {written['bytes'] / written['lines']:.0f} bytes; "
            f"json.loads {plain:.2f} s, avakit {ours:.2f} s: x{slower:.2f} (at most {MOST_TIME:g}); "
            f"peak {peak / 1e6:.0f} MB (at most {MOST_BYTES / 1e6:.0f})"
        )
    sys.exit(0 if is_good else 1)


def child(*words: str) -> dict[str, Any]:
    """Do one thing in a process of its own, so that each has its own peak."""
    command = [sys.executable, "-m", "benchmarks.journal", *words]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def measure(kind: str, root: Path) -> dict[str, float]:
    """Read all journals of a root once, after everything was imported and the files are in the page cache."""
    from avakit import journal

    for path in root.rglob("*.jsonl"):
        with path.open("rb") as stream:
            while stream.read(1 << 20):
                pass
    start = time.perf_counter()
    if kind == "plain":
        for path in sorted(root.rglob("*.jsonl")):
            with path.open("rb") as stream:
                for line in stream:
                    json.loads(line)
    else:
        journal.read(root)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def write(root: Path, form: str) -> dict[str, int]:
    """Write the journals, as avakit writes them, in the files of many processes."""
    from avakit.journal.record import to_line

    folder = root / ".avakit/journal/kinetics-700"
    folder.mkdir(parents=True)
    streams = [(folder / f"20261121T070000{n:06d}-node{n % 8}-{1000 + n}.jsonl").open("wb") for n in range(FILES)]
    size = 0
    lines = different() if form == "all different" else run()
    for number, (record, item) in zip(range(LINES), lines, strict=False):
        data = to_line(record_at(number, record)) + b"\n"
        size += streams[item % FILES].write(data)
    for stream in streams:
        stream.close()
    return {"lines": LINES, "bytes": size}


def record_at(number: int, fields: dict[str, Any]) -> "Record":
    """Return a record of the dataset, some milliseconds after the last."""
    from avakit.journal import Record

    instant = _START + timedelta(microseconds=7013 * number)
    return Record(dataset="kinetics-700", time=instant.isoformat(timespec="microseconds"), **fields)


def run() -> Iterator[tuple[dict[str, Any], int]]:
    """Yield what a run says of one clip after the other, and the number of the clip."""
    dice = random.Random(1)
    number = 0
    while True:
        number += 1
        name = "".join(dice.choices(_LETTERS, k=11))
        if dice.random() < _GONE:  # gone, and asked for again now and then
            yield from ((gap(name), number) for _ in range(dice.randrange(1, 5)))
            continue
        start = dice.randrange(600)
        clip = f"{name}_{start:06d}_{start + 10:06d}"
        yield video(dice, name), number
        yield made(dice, "clip", f"kinetics-700/train/class_{number % 700}/{clip}", clip, ".mp4"), number
        yield made(dice, "frames", f"kinetics/rawframes/{clip}", clip, ""), number
        if dice.random() < _VANISHED:  # looked for in vain, and made again
            key = f"kinetics/rawframes/{clip}"
            yield {"key": key, "stage": "frames", "item": clip, "status": "removed", "reason": "vanished"}, number
            yield made(dice, "frames", key, clip, ""), number
        key = f"kinetics/videos/{name}"
        yield {"key": key, "stage": "video", "item": name, "status": "removed", "reason": "dropped"}, number


def different() -> Iterator[tuple[dict[str, Any], int]]:
    """Yield what is there, each another thing."""
    dice = random.Random(2)
    number = 0
    while True:
        number += 1
        name = "".join(dice.choices(_LETTERS, k=11))
        clip = f"{name}_000010_000020"
        yield video(dice, name), number
        yield made(dice, "clip", f"kinetics-700/train/class_{number % 700}/{clip}", clip, ".mp4"), number


def video(dice: random.Random, name: str) -> dict[str, Any]:
    """Return the record of a video from a mirror."""
    size, path = dice.randrange(10**6, 10**8), f"kinetics/videos/{name}"
    source = {
        "name": "mirror", "url": f"https://mirror.example.org/kinetics/train/{name}.mp4", "etag": f'"{size:x}-5f1"',
        "last_modified": "Sat, 21 Nov 2026 07:28:00 GMT", "content_type": "video/mp4", "bytes": size,
    }  # fmt: skip
    probe = {
        "container": "mov,mp4,m4a,3gp,3g2,mj2", "codec": "h264", "width": 1280, "height": 720,
        "pixel_format": "yuv420p", "rate": "30000/1001", "duration_seconds": round(dice.uniform(10, 600), 6),
        "start_seconds": "0", "audio": True, "rotation": 0,
    }  # fmt: skip
    return {
        "key": path, "stage": "video", "item": name, "status": "done", "path": f"{path}.mp4", "bytes": size,
        "sha256": digest(path), "seconds": round(dice.uniform(1, 60), 3),
        "facts": {"source": source, "probe": probe, "tools": _TOOLS},
    }  # fmt: skip


def made(dice: random.Random, stage: str, key: str, item: str, suffix: str) -> dict[str, Any]:
    """Return the record of a clip, or of its frames."""
    origin = {"path": f"kinetics/videos/{item[:11]}.mp4", "sha256": digest(item)}
    recipe = {"crf": 23, "preset": "veryfast", "rate": "30", "short_side": 0}
    facts: dict[str, Any] = {"from": origin, "recipe": recipe, "tools": _TOOLS}
    if stage == "frames":
        facts["timing"] = {
            "decode_errors": 0, "decoded": 301, "dropped": 0, "gaps": 0, "longest_gap_seconds": 0.0,
            "max_error_seconds": 0.016683, "mean_error_seconds": 0.008342, "repeated": 1, "seeks": 0,
            "times_sha256": digest(f"times {item}"),
        }  # fmt: skip
    return {
        "key": key, "stage": stage, "item": item, "status": "done", "path": f"{key}{suffix}",
        "bytes": dice.randrange(10**5, 10**7), "sha256": digest(key), "frames": 300 if stage == "frames" else 0,
        "seconds": round(dice.uniform(1, 9), 3), "facts": facts,
    }  # fmt: skip


def gap(name: str) -> dict[str, Any]:
    """Return the record of a video that its owner took away."""
    detail = f"mirror: not_found: 404 from https://mirror.example.org/kinetics/train/{name}.mp4; youtube: private"
    facts = {"sources": ["mirror https://mirror.example.org/kinetics", "youtube"], "reasons_table": 12}
    return {
        "key": f"kinetics/videos/{name}", "stage": "video", "item": name, "status": "unavailable",
        "reason": "private", "detail": detail, "facts": facts,
    }  # fmt: skip


def digest(text: str) -> str:
    """Return a sha256 that stands for that of a file."""
    return hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    main()
