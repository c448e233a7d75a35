"""One small dataset that can be had from each source, on a server that fails as it is told."""

import io
import tarfile
from pathlib import Path

import pytest

from tests.faults import FaultyServer
from tests.invariants import SECRET, Trial, good
from tests.manifests import KINETICS

WANTED, CANARY = "-5KQ66BBWC4", "canary-0001"
SOURCES = ("mirror", "archive", "youtube")
_CLASSES = {WANTED: "walking", CANARY: "yoga"}
_MANIFEST = (
    KINETICS
    + """
name: tiny
title: A tiny dataset of the form of Kinetics
family: tiny
splits: {train: {}}
archives:
  - {splits: [train], list: "URL/archive/list.txt?sig=SECRET", count: 2, clips: 2, class_by: name, holds: one class}
sources:
  - {type: archive}
  - {type: mirror, url: "URL/mirror/{id}.mp4?sig=SECRET"}
  - {type: youtube, url: "URL/youtube/{id}.mp4?sig=SECRET"}
layout: {videos: k/videos, windows: k/windows, clips: tiny, frames: k/rawframes, key_frames: k/keys}
stages: [video, clip]
max_unavailable: 0
"""
)


def path_of(source: str, item: str = WANTED) -> str:
    """Return the path at which a source has a video, or its clip."""
    return f"/archive/{_CLASSES[item]}.tar" if source == "archive" else f"/{source}/{item}.mp4"


def name_of(source: str, status: str = "done", item: str = WANTED) -> str:
    """Return what a run speaks of: what an archive gives is a clip, what it can't give is missed as a video."""
    return f"{item}_000000_000001" if source == "archive" and status == "done" else item


def serve(server: FaultyServer, film: bytes) -> None:
    """Put the videos, the archives and the annotations on the server."""
    served = server.state.folder
    for name in (*SOURCES, "annotations"):
        (served / name).mkdir()
    listed, rows = "", "label,youtube_id,time_start,time_end,split\n"
    for item, label in _CLASSES.items():
        for source in ("mirror", "youtube"):
            (served / source / f"{item}.mp4").write_bytes(film)
        with tarfile.open(served / path_of("archive", item)[1:], "w") as opened:
            # The clip comes last: half of an archive holds nothing that is wanted.
            for name, data in (("README", bytes(2 * len(film))), (f"{name_of('archive', item=item)}.mp4", film)):
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                opened.addfile(entry, io.BytesIO(data))
        listed += f"{server.url}{path_of('archive', item)}?sig={SECRET}\n"
        rows += f"{label},{item},0,1,train\n"
    (served / "archive/list.txt").write_text(listed)
    (served / "annotations/train.csv").write_text(rows)


def trial(folder: Path, server: FaultyServer, source: str) -> Trial:
    """Make a root that holds one video of a source; the other is still wanted."""
    (folder / "tmp").mkdir(parents=True)
    manifest = _MANIFEST.replace("URL", server.url).replace("SECRET", SECRET)
    (folder / "tiny.yaml").write_text(manifest)
    words = ("download", "--manifest", "tiny.yaml", "--sources", source, "--jobs", "1")
    made = Trial(folder, words)
    ran = made.run("--ids", CANARY)
    if ran.code:
        pytest.fail(ran.out + ran.err)
    return Trial(folder, words, good(made.root))
