"""A small dataset of each form, with its films, its mirror and its root: what the verbs are tried on."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import simplejpeg

from demo import films
from tests.faults import FaultyServer
from tests.integration import reels
from tests.manifests import ABOUT, KINETICS

#: Second 6 to 10 of a film of twelve seconds stand for 900 to 1801.
START, DURATION, RATE = 6, 4, 30
FRAMES = DURATION * RATE
#: id -> (the reel that plays it, where it is served)
FILMS = {
    "-Reel_mp4-1": ("23976.mp4", "videos"),
    "reel-mkv-02": ("2997-open.mkv", "videos"),
    "reelvarie-3": ("varied.mp4", "youtube"),
}
CLIPS = {"-clip-ok-01": "25.mp4", "clip_two__2": "varied.mp4"}

_FORM_AVA = (
    ABOUT
    + """
name: tiny
title: A tiny dataset of the form of AVA
family: tiny
files:
  - {name: tiny_val.csv, role: labels, form: ava8, splits: [val], urls: ["URL/annotations/tiny_val.csv"]}
  - {name: tiny_files.txt, role: file_names, splits: [val], urls: ["URL/annotations/tiny_files.txt"]}
  - {name: tiny_excluded.csv, role: excluded_timestamps, splits: [val], urls: ["URL/annotations/tiny_excluded.csv"]}
  - {name: actions.pbtxt, role: label_map, splits: [val], urls: ["URL/annotations/actions.pbtxt"]}
splits: {val: {videos: 3}}
span: {start: 6, duration: 4}
key_seconds: {first: 6, last: 9, step: 1}
frames: {rate: 30, quality: 92}
clips: null
sources:
  - {type: mirror, url: "URL/videos/{file_name}"}
  - {type: youtube, url: "URL/youtube/{id}.mp4"}
layout: {videos: tiny/videos, windows: tiny/windows, clips: tiny/clips, frames: tiny/rawframes, key_frames: tiny/keys}
stages: [video, window, frames]
max_unavailable: 0
"""
)

_FORM_KINETICS = (
    KINETICS
    + """
name: tinetics
title: A tiny dataset of the form of Kinetics
family: tinetics
splits: {train: {clips: 4}}
sources: [{type: youtube, url: "URL/youtube/{id}.mp4"}]
layout: {videos: k/videos, windows: k/windows, clips: tinetics, frames: k/rawframes, key_frames: k/keys}
stages: [video, clip]
max_unavailable: 0.3
"""
)

#: Films as in `tiny`, and clips of Kinetics that have key frames.
_FORM_AVA_KINETICS = (
    ABOUT
    + """
name: tinyboth
title: A tiny dataset of the form of AVA-Kinetics
family: tiny
files:
  - {name: films.csv, role: labels, form: ava_kinetics, splits: [val], urls: ["URL/annotations/films.csv"]}
  - {name: keys.csv, role: labels, form: ava_kinetics_clips, splits: [val], urls: ["URL/annotations/keys.csv"]}
  - {name: clips.csv, role: clips, form: kinetics, splits: [val], urls: ["URL/annotations/clips.csv"]}
  - {name: names.txt, role: file_names, splits: [val], urls: ["URL/annotations/names.txt"]}
  - {name: actions.pbtxt, role: label_map, splits: [val], urls: ["URL/annotations/actions.pbtxt"]}
splits: {val: {videos: 3, clips: 4}}
span: {start: 6, duration: 4}
frames: {rate: 30, quality: 92}
clips: {rate: 0, crf: 23, preset: ultrafast}
sources:
  - {type: mirror, url: "URL/videos/{file_name}"}
  - {type: youtube, url: "URL/youtube/{id}.mp4"}
layout: {videos: tiny/videos, windows: tiny/windows, clips: tiny/clips, frames: tiny/rawframes, key_frames: both/keys}
clip_layout: {videos: k/videos, windows: k/windows, clips: both/clips, frames: k/rawframes, key_frames: both/keys}
stages: [video, window, clip]
max_unavailable: 0
"""
)


@dataclass
class World:
    """One root, one mirror, and the program."""

    folder: Path
    server: FaultyServer
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return self.folder / "data"

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "avakit", *words]

    def start(self, *words: str, **settings: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*words), cwd=self.folder, text=True, env=self._environment(), start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **settings,
        )  # fmt: skip

    def run(self, *words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            self.command(*words), cwd=self.folder, env=self._environment(), text=True, capture_output=True, check=False
        )
        assert result.returncode == expect, f"exit {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    def json(self, *words: str, expect: int = 0) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.run(*words, "--json", expect=expect).stdout.splitlines()]

    def _environment(self) -> dict[str, str]:
        return {k: v for k, v in os.environ.items() if not k.startswith(("AVAKIT", "SLURM"))} | {
            "COLUMNS": "150", "AVAKIT_SHARED_DIR": str(self.folder / "shared"), **self.environment,
        }  # fmt: skip


def build_ava(folder: Path, server: FaultyServer) -> World:
    """Put films, annotations and the manifest `tiny.yaml` in place."""
    served = server.state.folder
    for video_id, (reel, place) in FILMS.items():
        _place(served / place / f"{video_id}{Path(reel).suffix}", reel)
    rows = [
        f"{video_id},{second:04d},0.100,0.200,0.500,0.900,{action},{person}\n"
        for video_id in FILMS
        for second in range(START, START + DURATION)
        for person, action in ((0, 12), (1, 17))
    ]
    names = [f"{video_id}{Path(reel).suffix}\n" for video_id, (reel, _) in FILMS.items()]
    actions = "".join(f'item {{\n  name: "action {n}"\n  id: {n}\n}}\n' for n in (12, 17))
    files = {"tiny_val.csv": rows, "tiny_files.txt": names, "tiny_excluded.csv": ["-Reel_mp4-1,0008\n"]}
    _annotations(served, {name: "".join(lines) for name, lines in files.items()} | {"actions.pbtxt": actions})
    return _world(folder, server, "tiny.yaml", _FORM_AVA)


def build_kinetics(folder: Path, server: FaultyServer) -> World:
    """Put videos, rows and the manifest `tinetics.yaml` in place; one of the videos is gone."""
    served = server.state.folder
    for video_id, reel in CLIPS.items():
        _place(served / "youtube" / f"{video_id}.mp4", reel)
    rows = "label,youtube_id,time_start,time_end,split\n"
    rows += "passing American football (not in game),-clip-ok-01,1,4,train\n"
    rows += '"massaging person\'s head",-clip-ok-01,5,8,train\n'
    rows += "abseiling,clip_two__2,2,5,train\nabseiling,gone_gone_4,0,3,train\n"
    _annotations(served, {"train.csv": rows})
    return _world(folder, server, "tinetics.yaml", _FORM_KINETICS)


def build_ava_kinetics(folder: Path, server: FaultyServer) -> World:
    """Put a film, videos with clips, annotations and the manifest `tinyboth.yaml` in place.

    Of the key frames of `clip_two__2`, one lies in two clips, at the end of the first.
    """
    served = server.state.folder
    _place(served / "videos" / "-Reel_mp4-1.mp4", FILMS["-Reel_mp4-1"][0])
    for video_id, reel in CLIPS.items():
        _place(served / "youtube" / f"{video_id}.mp4", reel)
    box = "0.100,0.200,0.500,0.900"
    clips = "label,youtube_id,time_start,time_end,split\nyoga,-clip-ok-01,1,4,val\n"
    _annotations(served, {
        "films.csv": f"-Reel_mp4-1,0007,{box},12,0\n-Reel_mp4-1,0008\n",
        "keys.csv": f"-clip-ok-01,2.516000,{box},17\nclip_two__2,3.333333,{box},12\nclip_two__2,5.000000,{box},17\n"
        "clip_two__2,6.100000\n",
        "clips.csv": clips + "yoga,clip_two__2,2,5,val\nvault,clip_two__2,4,7,val\n",
        "names.txt": "-Reel_mp4-1.mp4\n",
        "actions.pbtxt": "".join(f'item {{\n  name: "action {n}"\n  id: {n}\n}}\n' for n in (12, 17)),
    })  # fmt: skip
    return _world(folder, server, "tinyboth.yaml", _FORM_AVA_KINETICS)


def _annotations(served: Path, files: dict[str, str]) -> None:
    folder = served / "annotations"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def _world(folder: Path, server: FaultyServer, name: str, text: str) -> World:
    (folder / name).write_text(text.replace("URL", server.url.rstrip("/")))
    return World(folder, server)


def _place(path: Path, reel: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = reels.make(REELS, reel)
    path.hardlink_to(made) if made.stat().st_dev == path.parent.stat().st_dev else path.write_bytes(made.read_bytes())


#: Reels are made once a session (and worker); pytest's own folder is set by conftest.
REELS = Path()


def strips(folder: Path) -> list[int]:
    """Return the source index that each frame of a folder shows, by number."""
    paths = sorted(folder.iterdir())
    assert [path.name for path in paths] == [f"img_{k:05d}.jpg" for k in range(1, len(paths) + 1)]
    return [films.read_strip(simplejpeg.decode_jpeg(path.read_bytes(), "GRAY")[:, :, 0]) for path in paths]


def expected_strips(video: Path) -> list[int]:
    """Return the index of the source frame nearest to each instant, by trying them all."""
    begins, _ = reels.times(video)
    return [reels.nearest(begins, START + Fraction(k, RATE)) for k in range(FRAMES)]


def descendants(pid: int) -> set[int]:
    """Return the process numbers of everything a process has started, and what that has started."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, todo = set(), [pid]
    while todo:
        for child in children.get(todo.pop(), []):
            found.add(child)
            todo.append(child)
    return found


def wait_until_gone(pids: set[int], seconds: float = 10) -> set[int]:
    """Wait for processes to end; return those that did not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(_is_running(pid) for pid in pids):
        time.sleep(0.1)
    return {pid for pid in pids if _is_running(pid)}


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
