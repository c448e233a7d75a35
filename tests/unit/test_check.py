"""What is checked between rows, files and splits, and the exact counts of the published files."""

import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from avakit import check
from avakit.datasets import ava_kinetics, catalogue, parsers
from avakit.datasets.selection import Selection, videos
from avakit.errors import DataInvalid
from avakit.model import Split

DATA = Path(__file__).parents[1] / "data" / "annotations"
HEADER = "label,youtube_id,time_start,time_end,split\n"
TRAIN, VAL, TEST = Split.TRAIN, Split.VAL, Split.TEST
FULL = os.environ.get("AVAKIT_ANNOTATIONS")
needs_full_files = pytest.mark.skipif(not FULL, reason="AVAKIT_ANNOTATIONS=DIR names no folder of published files")


def problems_between(folder: Path, train: str, val: str) -> tuple[list[str], list[str]]:
    dataset = catalogue.load("kinetics-400")
    (folder / "train.csv").write_text(HEADER + train)
    (folder / "validate.csv").write_text(HEADER + val)
    checked = check.check(dataset, folder, [TRAIN, VAL])
    assert not any(each.problems for each in checked)
    problems, notes = check.across(dataset, checked, folder)
    return [problem.removeprefix(f"{folder}/") for problem in problems], notes


def test_a_clip_of_two_splits_is_a_problem_and_a_video_of_two_is_worth_a_note(tmp_path: Path) -> None:
    train = "yoga,0wR5jVB-WPk,1,11,train\nyoga,3caPS4FHFF8,1,11,train\n"
    problems, notes = problems_between(tmp_path, train, "yoga,3caPS4FHFF8,5,15,val\nyoga,0wR5jVB-WPk,1,11,val\n")
    assert problems == [
        "validate.csv, line 3: video_id '0wR5jVB-WPk', seconds 1 to 11: this clip is in train.csv as well"
    ]
    assert notes == ["2 videos have clips in train.csv and in validate.csv"]


def test_names_that_differ_by_case_alone(tmp_path: Path) -> None:
    problems, _ = problems_between(tmp_path, "yoga,0wR5jVB-WPk,1,11,train\n", "Yoga,0wR5jVB-WPK,1,11,val\n")
    assert problems == [
        "validate.csv, line 2: video_id '0wR5jVB-WPK' differs from '0wR5jVB-WPk' in train.csv by its case alone",
        "validate.csv, line 2: label 'Yoga' differs from 'yoga' in train.csv by its case alone",
    ]


@pytest.mark.parametrize(("name", "split"), [("train.csv", "val"), ("validate.csv", "train")])
def test_a_row_of_another_split_than_its_file(name: str, split: str, tmp_path: Path) -> None:
    dataset = catalogue.load("kinetics-400")
    (tmp_path / name).write_text(f"{HEADER}yoga,0wR5jVB-WPk,1,11,{split}\n")
    file = next(file for file in dataset.files if file.name == name)
    assert check.check_file(dataset, tmp_path / name, file).problems == (
        f"{tmp_path / name}, line 2: split '{split}' is not what this file is of, {file.splits[0]}",
    )


def test_an_entry_of_another_split_than_its_file(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    entry = '{"annotations": {"label": "%s", "segment": [1, 11]}, "subset": "%s"}'
    text = ",\n".join(
        f'"{key}": {entry % (label, split)}'
        for key, label, split in (
            ("0wR5jVB-WPk", "yoga", "train"),
            ("0wr5jVB-WPk", "Yoga", "train"),
            ("3caPS4FHFF8", "yoga", "validate"),
        )
    )
    path.write_text(f"{{{text}}}")
    with pytest.raises(DataInvalid) as caught:
        parsers.read_kinetics_json(path, splits=(TRAIN,), strict=True)
    assert [problem.removeprefix(f"{path}, ") for problem in caught.value.args] == [
        "line 2: label 'Yoga' of 0wr5jVB-WPk would share one folder with 'yoga'",
        "line 2: video_id '0wr5jVB-WPk' differs by its case alone from '0wR5jVB-WPk'",
        "line 3: subset 'validate' of 3caPS4FHFF8 is not what this file is of, train",
    ]


def test_a_film_of_two_splits_is_a_problem(tmp_path: Path) -> None:
    dataset = catalogue.load("ava-v2.2")
    row = "-5KQ66BBWC4,0902,0.077,0.151,0.283,0.811,80,1\n"
    shutil.copy(DATA / "ava_action_list_v2.2.pbtxt", tmp_path)
    for name in ("ava_train_v2.2.csv", "ava_val_v2.2.csv"):
        (tmp_path / name).write_text(row)
    problems, _ = check.across(dataset, check.check(dataset, tmp_path, [TRAIN, VAL]), tmp_path)
    assert problems == [f"{tmp_path}/ava_val_v2.2.csv, line 1: video_id '-5KQ66BBWC4' is in ava_train_v2.2.csv as well"]


def test_active_speakers_are_read_out_of_their_archive(tmp_path: Path) -> None:
    archive = tmp_path / "ava_activespeaker_val_v1.0.tar.bz2"
    row = b"-5KQ66BBWC4,903.04,0.3,0.2,0.5,0.6,SPEAKING_AUDIBLE,-5KQ66BBWC4_0900:1\n"
    members = {
        "-5KQ66BBWC4-activespeaker.csv": row,
        "._x-activespeaker.csv": b"\0\5",
        "053oq2xB3oU-activespeaker.csv": b"x\n",
    }
    with tarfile.open(archive, "w:bz2") as opened:
        for name, data in members.items():
            entry = tarfile.TarInfo(f"ava_activespeaker_test_v1.0/{name}")
            entry.size = len(data)
            opened.addfile(entry, io.BytesIO(data))
    with pytest.raises(DataInvalid) as caught:
        parsers.read_activespeaker(archive)
    assert caught.value.args == (f"{archive}#053oq2xB3oU-activespeaker.csv, line 1: has 1 columns, expected 8: 'x'",)


def test_key_frames_join_the_clips_that_hold_them_both_ends_included(tmp_path: Path) -> None:
    (tmp_path / "keys.csv").write_text(
        "0wR5jVB-WPk,10.000000\n0wR5jVB-WPk,20.000000\n0wR5jVB-WPk,20.5\nabcdefghijk,1\n"
    )
    (tmp_path / "clips.csv").write_text(HEADER + "yoga,0wR5jVB-WPk,10,20,test\nyoga,0wR5jVB-WPk,15,20,test\n")
    rows = parsers.read_ava_kinetics(tmp_path / "keys.csv", 7)
    joined = ava_kinetics.join(rows, parsers.read_kinetics(tmp_path / "clips.csv"))
    assert (joined.key_frames, joined.with_two_clips) == (4, 1)
    assert joined.without_clip["timestamp"].tolist() == [20.5, 1]


def test_ava_kinetics_is_films_with_windows_and_videos_with_clips(tmp_path: Path) -> None:
    shutil.copy(DATA / "ava_action_list_v2.2.pbtxt", tmp_path)
    shutil.copy(DATA / "ava_file_names_test_v2.1.txt", tmp_path)
    (tmp_path / "ava_test_v2.2.csv").write_text("--205wugM18,0902\n--205wugM18,0903\n")
    (tmp_path / "kinetics_test_v1.0.csv").write_text("0wR5jVB-WPk,12.5\n")
    (tmp_path / "kinetics700_test.csv").write_text("youtube_id,time_start,time_end,split\n0wR5jVB-WPk,10,20,test\n")
    film, video = videos(catalogue.load("ava-kinetics-v1.0"), tmp_path, Selection((TEST,)))
    assert (film.file_name, film.key_seconds, film.clips) == ("--205wugM18.mkv", (902, 903), ())
    assert [clip.name for clip in video.clips] == ["0wR5jVB-WPk_000010_000020"]


# --- the published files as a whole; `make test AVAKIT_ANNOTATIONS=DIR` ---


@needs_full_files
@pytest.mark.slow
def test_the_published_counts_of_ava() -> None:
    folder = Path(FULL or "")
    counts = check.count(parsers.read_ava(folder / "ava-v1.0" / "ava_test_v1.0.csv", 7, strict=True))
    assert counts == {
        "rows": 41425, "videos": 38, "key_frames": 10140, "persons": 18824, "classes": 76, "labels": 41425
    }  # fmt: skip
    ids = [parsers.read_ids(folder / "ava-v1.0" / f"ava_ytids_{split}_v1.0.txt") for split in ("train", "test")]
    assert [len(each) for each in ids] == [154, 38]
    assert len(parsers.read_label_map(folder / "ava-v1.0" / "ava_action_list_v1.0.pbtxt")) == 80
    assert len(parsers.read_file_names(folder / "ava-v2.1" / "ava_file_names_trainval_v2.1.txt")) == 235 + 64
    assert len(parsers.read_ids(folder / "ava-v2.2" / "ava_test_v2.2.txt")) == 131
    assert len(parsers.read_included(folder / "ava-v2.2" / "ava_included_timestamps_v2.2.txt")) == 897
    excluded = [
        len(parsers.read_excluded(folder / "ava-v2.2" / f"ava_{split}_excluded_timestamps_v2.2.csv", strict=True))
        for split in ("train", "val", "test")
    ]
    assert excluded == [161, 37, 66]


@needs_full_files
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rows", "ids", "shorter"),
    [
        ("kinetics-400/kinetics-400_val", 19906, 19906, 0),
        ("kinetics-400/kinetics-400_test", 38685, 38685, 0),
        ("kinetics-600/kinetics-600_val", 30000, 29994, 0),
        ("kinetics-600/kinetics-600_test", 72924, 72924, 0),
        ("kinetics-700/kinetics-700_val", 35000, 34946, 6),
        ("kinetics-700/kinetics-700_test", 70000, 69700, 25),
        ("kinetics-700-2020/kinetics-700_2020_val", 34198, 34145, 6),
        ("kinetics-700-2020/kinetics-700_2020_test", 67767, 67478, 24),
    ],
)
def test_the_published_counts_of_kinetics(name: str, rows: int, ids: int, shorter: int) -> None:
    found = parsers.read_kinetics(Path(FULL or "") / f"{name}.csv", strict=True)
    assert (len(found), found["video_id"].nunique()) == (rows, ids)
    assert ((found["end"] - found["start"]) < 10).sum() == shorter


@needs_full_files
@pytest.mark.slow
@pytest.mark.parametrize(
    ("release", "lonely"), [("kinetics-700/kinetics-700", 0), ("kinetics-700-2020/kinetics-700_2020", 230)]
)
def test_every_key_frame_of_ava_kinetics_lies_in_a_clip_of_2019(release: str, lonely: int) -> None:
    folder = Path(FULL or "")
    rows = parsers.read_ava_kinetics(folder / "ava-kinetics" / "kinetics_test_v1.0.csv", 7, strict=True)
    joined = ava_kinetics.join(rows, parsers.read_kinetics(folder / f"{release}_test.csv"))
    assert (joined.key_frames, len(joined.without_clip)) == (64304, lonely)
