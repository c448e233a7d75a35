"""Annotation files in the true forms of AVA v2.2 and Kinetics, invented for the demo's films."""

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

from demo.material import CLIPS, FEATURES

_LABEL_MAP = Path(__file__).parent.parent / "tests" / "data" / "annotations" / "ava_action_list_v2.2.pbtxt"
#: The annotated seconds, both ends included, as demo.yaml has them.
FIRST_SECOND, LAST_SECOND = 902, 928
_EXCLUDED_SECONDS = {"train": (911,), "val": (905, 917)}
#: Action ids of the label map: walk, talk to, watch, sit, read, eat, listen to.
_WALK, _TALK, _WATCH, _SIT, _READ, _EAT, _LISTEN = 14, 79, 80, 11, 48, 29, 74


def write(folder: Path) -> list[Path]:
    """Write all files, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"demo_file_names.txt": "".join(f"{film.file_name}\n" for film in FEATURES)}
    for film, split in zip(FEATURES, ("train", "val"), strict=True):
        files[f"demo_{split}.csv"] = "".join(_rows(film.video_id))
        excluded = (f"{film.video_id},{second:04d}\n" for second in _EXCLUDED_SECONDS[split])
        files[f"demo_{split}_excluded_timestamps.csv"] = "".join(excluded)
    for name, text in files.items():
        (folder / name).write_text(text)
    shutil.copyfile(_LABEL_MAP, folder / _LABEL_MAP.name)
    names = [*files, _LABEL_MAP.name]
    for split in ("train", "validate"):
        _write_kinetics(folder / f"kinetics_{split}.csv", split)
        names.append(f"kinetics_{split}.csv")
    return [folder / name for name in names]


def _rows(video_id: str) -> Iterator[str]:
    """Yield one row per person and action: someone who walks by, and from second 908 someone at a table."""
    for second in range(FIRST_SECOND, LAST_SECOND + 1):
        x = 0.05 + 0.02 * (second - FIRST_SECOND)
        for action in (_WALK, _WATCH) if second % 2 else (_WALK, _TALK):
            yield _row(video_id, second, (x, 0.112, x + 0.21, 0.9), action, 0)
        if second >= FIRST_SECOND + 6:
            for action in (_SIT, _READ if second < FIRST_SECOND + 16 else _EAT, _LISTEN):
                yield _row(video_id, second, (0.612, 0.2, 0.978, 0.934), action, 1)


def _row(video_id: str, second: int, box: tuple[float, float, float, float], action: int, person: int) -> str:
    corners = ",".join(f"{corner:.3f}" for corner in box)
    return f"{video_id},{second:04d},{corners},{action},{person}\n"


def _write_kinetics(path: Path, split: str) -> None:
    with path.open("w", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(("label", "youtube_id", "time_start", "time_end", "split"))
        for clip in CLIPS:
            if clip.split == split:
                table.writerow((clip.label, clip.video_id, clip.start, clip.end, clip.split))
