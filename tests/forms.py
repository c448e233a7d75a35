"""Small hand-made files of the forms beside AVA's own: AVA-Kinetics, ActiveSpeaker, Speech, Kinetics as JSON."""

import io
import json
import shutil
import tarfile
from pathlib import Path

from tests.annotated import DATA

FILM, OTHER = "_-Z6wFjXtGQ", "-5KQ66BBWC4"
#: Films that only ActiveSpeaker and Speech have; the last begins with a dash.
SPEAKERS = ("053oq2xB3oU", "-OyDO1g74vc")
CLIP, TWICE, EMPTY, LONELY = "clip_one__1", "-clip-two_2", "clip_empty3", "clip_lonely"
_BOX = "0.100,0.200,0.500,0.900"
_HEAD = "label,youtube_id,time_start,time_end,split\n"


def ava_kinetics(folder: Path) -> Path:
    """Write AVA-Kinetics: two films (one second with nobody), and clips.

    `TWICE` has a key frame at 20 that two clips hold (the end of the one), and one at 12.5 in the first alone;
    `EMPTY` has a key frame with nobody; of `LONELY`, no clip holds the key frame.
    """
    rows = f"{FILM},0902,{_BOX},12,0\n{FILM},0902,{_BOX},80,0\n{FILM},0903\n{OTHER},0902,{_BOX},80,1\n"
    _put(folder, "ava_train_v2.2.csv", rows)
    rows = (
        f"{CLIP},11.033333,{_BOX},12\n{CLIP},11.033333,{_BOX},80\n{TWICE},12.500000,{_BOX},17\n"
        f"{TWICE},20.000000,{_BOX},17\n{TWICE},20.000000,0.600,0.200,0.900,0.900,80\n{EMPTY},3.000000\n"
        f"{LONELY},99.000000,{_BOX},17\n{TWICE},77.000000,{_BOX},17\n"
    )
    _put(folder, "kinetics_train_v1.0.csv", rows)
    clips = [("yoga", CLIP, 5, 15), ("yoga", TWICE, 10, 20), ("abseiling", TWICE, 15, 25), ("yoga", EMPTY, 0, 10)]
    text = "".join(f"{label},{video},{start},{end},train\n" for label, video, start, end in clips)
    _put(folder, "kinetics700_train.csv", f"{_HEAD}{text}yoga,{LONELY},0,10,train\nyoga,unused_clip,0,10,train\n")
    _put(folder, "ava_test_v2.2.csv", "--205wugM18,0902\n--205wugM18,0903\n")
    _put(folder, "kinetics_test_v1.0.csv", f"{EMPTY},15.5\n")
    _put(folder, "kinetics700_test.csv", f"youtube_id,time_start,time_end,split\n{EMPTY},10,20,test\n")
    shutil.copy(DATA / "ava_action_list_v2.2.pbtxt", folder)
    for name in ("trainval", "test"):
        shutil.copy(DATA / f"ava_file_names_{name}_v2.1.txt", folder)
    return folder


def speech(folder: Path) -> Path:
    """Write AVA Speech: two films, four segments each, the labels in turn."""
    labels = ("NO_SPEECH", "CLEAN_SPEECH", "SPEECH_WITH_MUSIC", "SPEECH_WITH_NOISE")
    rows = [(SPEAKERS[0], 900 + 2.5 * n, 902.5 + 2.5 * n, label) for n, label in enumerate(labels)]
    rows += [(SPEAKERS[1], 900 + 1.1 * n, 901.1 + 1.1 * n, label) for n, label in enumerate(labels[:2] * 2)]
    text = "".join(f"{video},{start:.2f},{end:.2f},{label}\n" for video, start, end, label in rows)
    _put(folder, "ava_speech_labels_v1.csv", text)
    return _speaker_names(folder)


def activespeaker(folder: Path) -> Path:
    """Write ActiveSpeaker: one film a split, two tracks each, as archives of which that of val has an odd folder."""
    for split, video in zip(("train", "val"), SPEAKERS, strict=True):
        faces = [(900 + n / 25, track) for n in range(3) for track in (1, 2)]
        labels = ("NOT_SPEAKING", "SPEAKING_AUDIBLE", "SPEAKING_NOT_AUDIBLE")
        rows = [
            f"{video},{at:.2f},{_BOX},{labels[(number + track) % 3]},{video}_0900_0960:{track}\n"
            for number, (at, track) in enumerate(faces)
        ]
        members = {f"ava_activespeaker_test_v1.0/{video}-activespeaker.csv": "".join(rows), f"._{video}": "\0"}
        (folder / f"ava_activespeaker_{split}_v1.0.tar.bz2").write_bytes(archive(members))
    return _speaker_names(folder)


def archive(members: dict[str, str]) -> bytes:
    """Return a tar.bz2 of texts."""
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w:bz2") as opened:
        for name, text in members.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(text.encode()), 1_600_000_000
            opened.addfile(entry, io.BytesIO(text.encode()))
    return memory.getvalue()


def kinetics_json(folder: Path) -> Path:
    """Write two splits of Kinetics as JSON: with two classes, and without a label."""
    train = {CLIP: ("yoga", [5.0, 15.0]), TWICE: ("yoga", [10, 20]), EMPTY: ("abseiling", [0.5, 10.5])}
    _put(folder, "train.json", json.dumps({key: _entry(*value, "train") for key, value in train.items()}))
    _put(folder, "test.json", json.dumps({LONELY: _entry(None, [3.0, 13.0], "test")}))
    return folder


def _entry(label: str | None, segment: list[float], subset: str) -> dict[str, object]:
    found: dict[str, object] = {"segment": segment} | ({"label": label} if label else {})
    return {"annotations": found, "duration": 10.0, "subset": subset, "url": "https://example.org/"}


def _speaker_names(folder: Path) -> Path:
    _put(folder, "ava_speech_file_names_v1.txt", f"{SPEAKERS[0]}.webm\n{SPEAKERS[1]}.mkv")
    return folder


def _put(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)


JSON_MANIFEST = """
name: tinyjson
title: Kinetics as JSON
family: tinyjson
description: For tests.
licence: CC BY 4.0
citation: none
homepage: https://example.org/
files:
  - {name: train.json, role: labels, form: kinetics_json, splits: [train], urls: ["https://example.org/train.json"]}
  - {name: test.json, role: labels, form: kinetics_json, splits: [test], urls: ["https://example.org/test.json"]}
splits: {train: {clips: 3}, test: {clips: 1}}
span: rows
frames: {rate: 30}
clips: {rate: 0, crf: 23, preset: ultrafast}
sources: [{type: youtube}]
layout: {videos: j/videos, windows: j/windows, clips: tinyjson, frames: j/rawframes, key_frames: j/keys}
stages: [video, clip]
max_unavailable: 0
"""
