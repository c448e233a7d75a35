"""A root with everything that can lie in one, recorded as runs record it, without a film being made."""

import hashlib
from pathlib import Path
from typing import Any

from avakit import checksums, journal, packing
from avakit.journal import Record, State
from avakit.layout import frame_index, frame_list, frame_times, packed_frames
from avakit.model import Stage
from avakit.tools.tarwriter import TarShelf

DATASET = "kinetics-400"
FOLDER, TARRED = "k/rawframes/-dashed_id1", "k/rawframes/tarred__id2"
COMMAND = "0123456789abcdef"
WHEN = "2026-11-21T10:00:{second:02d}.000000+00:00"
GONE = "k/videos/gone____id3"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def build(root: Path, *, second: int = 0, reverse: bool = False) -> State:
    """Make the root; another time and order of work shall change no digest."""
    kept = root / f".avakit/commands/{COMMAND}.json"
    _put(root, str(kept.relative_to(root)), b'{"arguments":["prepare","--jobs","1"],"avakit":"0.1.0"}\n')
    records = [*_files(root), _folder(root), _tar(root), *_gaps()]
    for number, record in enumerate(reversed(records) if reverse else records):
        content = {**vars(record), "time": WHEN.format(second=second + number)}
        journal.append(root, Record(**content))
    return journal.read(root)


def _put(root: Path, path: str, data: bytes) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(data)


def _files(root: Path) -> list[Record]:
    source = {"name": "mirror", "url": "https://mirror.example/-dashed_id1.mp4", "etag": '"1"'}
    probe = {"codec": "h264", "width": 64, "height": 48, "duration_seconds": "120/1", "average_rate": "25"}
    video: dict[str, Any] = {"source": source, "probe": probe, "checks": {"decode": "demux"}}
    made = {"from": {"path": "k/videos/-dashed_id1.mp4", "sha256": "0" * 64}, "checks": {"decode": "full"}}
    name, clips = "-dashed_id1_000010_000020", "kinetics-400/val/playing_it_(well)"
    things: list[tuple[Stage, str, str, dict[str, Any]]] = [
        (Stage.ANNOTATION, "val.csv", f"annotations/{DATASET}/val.csv", {"source": {"url": "https://a.example/v"}}),
        (Stage.VIDEO, "-dashed_id1", "k/videos/-dashed_id1.mp4", video),
        (Stage.WINDOW, "-dashed_id1", "k/windows/-dashed_id1.mkv", made | {"span": ["900", "1801"], "times": "x" * 99}),
        (Stage.CLIP, name, f"{clips}/{name}.mp4", made | {"recipe": {"rate": "30", "crf": 18}}),
        (Stage.AUDIO, name, f"kinetics-400-audio/val/playing_it_(well)/{name}.wav", made | {"recipe": {"form": "wav"}}),
    ]
    for _, _, path, _ in things:
        _put(root, path, f"the bytes of {path}\n".encode() * 40)
    return [
        Record(
            path if stage is Stage.ANNOTATION else path.rpartition(".")[0], stage, item, DATASET, "done", path=path,
            bytes=(root / path).stat().st_size, sha256=sha256((root / path).read_bytes()), seconds=1.5,
            facts={**facts, "command": COMMAND},
        )
        for stage, item, path, facts in things
    ]  # fmt: skip


def frames_of(folder: str) -> dict[str, bytes]:
    return {f"{folder}/img_{number:05d}.jpg": f"{folder} {number}".encode() * 9 for number in (1, 2, 3)}


def _beside(root: Path, folder: str) -> tuple[str, dict[str, Any]]:
    text = checksums.text((path, sha256(data)) for path, data in frames_of(folder).items()).encode()
    times = b'{"schema":1}\n'
    _put(root, frame_list(folder), text)
    _put(root, frame_times(folder), times)
    return sha256(text), {"recipe": {"rate": "30", "quality": 87}, "timing": {"times_sha256": sha256(times)}}


def _folder(root: Path) -> Record:
    listed, facts = _beside(root, FOLDER)
    for path, data in frames_of(FOLDER).items():
        _put(root, path, data)
    size = sum(map(len, frames_of(FOLDER).values()))
    return Record(
        FOLDER, Stage.FRAMES, "-dashed_id1", DATASET, "done", path=FOLDER, bytes=size, sha256=listed, frames=3,
        facts=facts,
    )  # fmt: skip


def _tar(root: Path) -> Record:
    listed, facts = _beside(root, TARRED)
    path = packed_frames(TARRED)
    with TarShelf(root / path, TARRED.rpartition("/")[2]) as shelf:
        for name, data in frames_of(TARRED).items():
            shelf.add(name.rpartition("/")[2], data)
        tar = shelf.finish()
    _put(root, frame_index(path), packing.index_text(tar.members).encode())
    size = sum(map(len, frames_of(TARRED).values()))
    return Record(
        TARRED, Stage.FRAMES, "tarred__id2", DATASET, "short", "ends_inside_span", "it ends early", path=path,
        bytes=tar.bytes, sha256=tar.sha256, frames=3, facts=facts | packing.facts(tar, listed, size),
    )  # fmt: skip


def _gaps() -> list[Record]:
    facts = {"sources": ["mirror https://mirror.example/"], "command": COMMAND}
    gap = Record(GONE, Stage.VIDEO, "gone____id3", DATASET, "unavailable", "removed", "it is gone", facts=facts)
    return [gap, gap]
