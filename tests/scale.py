"""A dataset of the form of AVA with as many small films as you like."""

from pathlib import Path

_MANIFEST = """
name: many
title: Many small films
family: many
description: For tests and benchmarks.
licence: CC BY 4.0
citation: none
homepage: https://example.org/
files:
  - {name: many.csv, role: labels, form: ava8, splits: [val], urls: ["URL/annotations/many.csv"]}
  - {name: files.txt, role: file_names, splits: [val], urls: ["URL/annotations/files.txt"]}
  - {name: actions.pbtxt, role: label_map, splits: [val], urls: ["URL/annotations/actions.pbtxt"]}
splits: {val: {videos: COUNT}}
span: {start: START, duration: DURATION}
key_seconds: {first: START, last: START, step: 1}
frames: {rate: 30, quality: 92}
clips: null
sources: [{type: mirror, url: "MIRROR/videos/{file_name}"}]
layout: {videos: many/videos, windows: many/windows, clips: many/clips, frames: many/rawframes, key_frames: many/keys}
stages: [video, window, frames]
max_unavailable: 0
"""


def padded(film: bytes, size: int, mark: int) -> bytes:
    """Return an MP4 film of at least `size` bytes that differs from others by its mark: a `free` box at its end."""
    room = max(16, size - len(film))
    return film + room.to_bytes(4, "big") + b"free" + mark.to_bytes(8, "big") + bytes(room - 16)


def build(folder: Path, served: Path, url: str, names: list[str], *, mirror: str = "", span: str = "0 1") -> Path:
    """Write annotations into `served` and the manifest `many.yaml` into `folder`.

    Parameters
    ----------
    url
        Where `served` is.
    names
        File names in `served/videos`: 11 characters and an extension.
    mirror
        Where the films are, if not there.
    span
        First second and length of what is annotated.
    """
    start, duration = span.split()
    notes = served / "annotations"
    notes.mkdir(exist_ok=True)
    rows = (f"{name.rpartition('.')[0]},{int(start):04d},0.100,0.200,0.500,0.900,12,0\n" for name in names)
    (notes / "many.csv").write_text("".join(rows))
    (notes / "files.txt").write_text("".join(f"{name}\n" for name in names))
    (notes / "actions.pbtxt").write_text('item {\n  name: "action 12"\n  id: 12\n}\n')
    text = _MANIFEST.replace("COUNT", str(len(names))).replace("START", start).replace("DURATION", duration)
    manifest = folder / "many.yaml"
    manifest.write_text(text.replace("MIRROR", mirror or url).replace("URL", url))
    return manifest
