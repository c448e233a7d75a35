"""What subsets of AVA-Kinetics, Speech, ActiveSpeaker and Kinetics as JSON consist of."""

import bz2
import json
from pathlib import Path

import pandas as pd
import pytest

from avakit import check, published, subset
from avakit.datasets import catalogue, excerpt, parsers, selection
from avakit.datasets.selection import Selection, videos
from avakit.errors import ConfigInvalid
from avakit.model import VideoId
from tests import forms
from tests.annotated import TEST, TRAIN, VAL
from tests.forms import CLIP, EMPTY, FILM, OTHER, SPEAKERS, TWICE
from tests.unit.test_forms_choice import ACTIVESPEAKER, AVA_KINETICS, SPEECH, left, named, tinyjson
from tests.unit.test_subset_files import rooted, written

__all__ = ["tinyjson"]
TRAIN_FILES = ("ava_train_v2.2.csv", "kinetics_train_v1.0.csv")


def same_choice(parent: catalogue.Dataset, root: Path, chosen: Selection, name: str) -> tuple[catalogue.Dataset, Path]:
    """Make a subset; its splits hold what the selection leaves of the parent's, and nothing is wrong with them."""
    built = subset.build(parent, root, chosen, name)
    dataset, folder = written(root, built)
    splits = tuple(dataset.splits)
    whole = videos(parent, root / "annotations" / parent.name, chosen)
    assert [video.id for video in videos(dataset, folder, Selection(splits))] == [video.id for video in whole]
    parts, choice = selection.read(parent, root / "annotations" / parent.name, chosen)
    rows = {part.split: choice.rows(part) for part in parts if part.split in splits and part.rows is not None}
    assert sum(map(len, rows.values())) == built.rows
    for split, expected in rows.items():
        [part], own = selection.read(dataset, folder, Selection((split,)))
        pd.testing.assert_frame_equal(
            own.rows(part).reset_index(drop=True), expected.reset_index(drop=True), check_dtype=False
        )
    checked = check.check(dataset, folder, list(splits))
    assert not any(each.problems for each in checked)
    assert all(row.published == row.counted for row in published.compare(dataset, checked))
    assert check.across(dataset, checked, folder)[0] == []
    return dataset, folder


# --- AVA-Kinetics ---


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("classes", [(), ("12",), ("17", "80")])
@pytest.mark.parametrize(("balanced", "sample"), [(None, None), (1, None), (2, 0.9), (None, 0.5)])
def test_a_subset_of_ava_kinetics_is_what_the_selection_leaves(
    tmp_path: Path, classes: tuple[str, ...], balanced: int | None, sample: float | None, seed: int
) -> None:
    root = rooted(forms.ava_kinetics(tmp_path), AVA_KINETICS.name)
    chosen = Selection((TRAIN, TEST), classes=classes, balanced=balanced, seed=seed, sample=sample)
    if not videos(AVA_KINETICS, root / "annotations" / AVA_KINETICS.name, chosen):
        return
    _, folder = same_choice(AVA_KINETICS, root, chosen, "part")
    for name in TRAIN_FILES:
        if (folder / name).exists():
            whole = iter((tmp_path / name).read_text().splitlines())
            assert all(line in whole for line in (folder / name).read_text().splitlines())


def test_films_alone(tmp_path: Path) -> None:
    """What is of clips alone is no file of the subset, not even as a header."""
    root = rooted(forms.ava_kinetics(tmp_path), AVA_KINETICS.name)
    dataset, folder = same_choice(
        AVA_KINETICS, root, Selection((TRAIN, TEST), ids=frozenset(map(VideoId, (FILM, OTHER)))), "films"
    )
    assert sorted(path.name for path in folder.iterdir()) == [
        "ava_action_list_v2.2.pbtxt", "ava_file_names_trainval_v2.1.txt", "ava_train_v2.2.csv", "sources.lock.json",
    ]  # fmt: skip
    assert (folder / "ava_train_v2.2.csv").read_bytes() == (tmp_path / "ava_train_v2.2.csv").read_bytes()
    assert dataset.splits[TRAIN].model_dump(exclude_none=True) == {"videos": 2}


def test_clips_alone_with_new_ids(tmp_path: Path) -> None:
    """A key frame that no clip holds is left out, as every verb leaves it out; the others keep their digits."""
    root = rooted(forms.ava_kinetics(tmp_path), AVA_KINETICS.name)
    built = subset.build(AVA_KINETICS, root, Selection((TRAIN,), classes=("17",)), "carry", renumber=True)
    dataset, folder = written(root, built)
    box = "0.100,0.200,0.500,0.900"
    assert (folder / "kinetics_train_v1.0.csv").read_text() == f"{TWICE},12.500000,{box},1\n{TWICE},20.000000,{box},1\n"
    assert (folder / "kinetics700_train.csv").read_text().splitlines()[1:] == [
        f"yoga,{TWICE},10,20,train", f"abseiling,{TWICE},15,25,train",
    ]  # fmt: skip
    assert parsers.read_label_map(folder / "ava_action_list_v2.2.pbtxt") == {1: "carry/hold (an object)"}
    assert not (folder / "ava_train_v2.2.csv").exists()
    assert dataset.splits[TRAIN].model_dump(exclude_none=True) == {"videos": 1, "clips": 2}
    [video] = videos(dataset, folder, Selection((TRAIN,)))
    assert [clip.name for clip in video.clips] == [f"{TWICE}_000010_000020", f"{TWICE}_000015_000025"]


def test_what_is_with_nobody_stays_unless_labels_decide(tmp_path: Path) -> None:
    root = rooted(forms.ava_kinetics(tmp_path), AVA_KINETICS.name)
    whole = subset.build(AVA_KINETICS, root, Selection((TRAIN, TEST)), "whole")
    assert f"{FILM},0903\n".encode() in whole.files["ava_train_v2.2.csv"]
    assert whole.files["kinetics_train_v1.0.csv"].count(b"\n") == 6
    assert whole.files["ava_test_v2.2.csv"] == (tmp_path / "ava_test_v2.2.csv").read_bytes()
    assert whole.splits[TEST] == {"videos": 2, "clips": 1}
    persons = subset.build(AVA_KINETICS, root, Selection((TRAIN, TEST), min_samples=1), "persons")
    assert b"0903" not in persons.files["ava_train_v2.2.csv"]
    assert EMPTY.encode() not in persons.files["kinetics_train_v1.0.csv"]
    assert list(persons.splits) == [TRAIN]


@pytest.mark.parametrize(
    ("chosen", "shares"),
    [
        (Selection((TRAIN,)), True),
        (Selection((TRAIN,), ids=frozenset([VideoId(CLIP), VideoId(OTHER)])), True),
        (Selection((TRAIN,), classes=("12",), ids=frozenset([VideoId(CLIP)])), True),
        (Selection((TRAIN,), classes=("12",), ids=frozenset([VideoId(FILM)])), False),  # not the second with nobody
        (Selection((TRAIN,), classes=("80",), ids=frozenset([VideoId(TWICE)])), False),  # not the one at 12.5
    ],
)
def test_key_frames_are_shared_where_they_are_the_same(tmp_path: Path, chosen: Selection, shares: bool) -> None:
    root = rooted(forms.ava_kinetics(tmp_path), AVA_KINETICS.name)
    dataset, _ = written(root, subset.build(AVA_KINETICS, root, chosen, "part"))
    assert dataset.clip_folders is not None
    expected = "ava-kinetics-v1.0/keyframes" if shares else "part/keyframes"
    assert {dataset.folders.key_frames, dataset.clip_folders.key_frames} == {expected}
    assert dataset.clip_folders.clips == "ava-kinetics-v1.0/clips"


# --- Speech ---


def test_segments_of_one_label(tmp_path: Path) -> None:
    root = rooted(forms.speech(tmp_path), SPEECH.name)
    dataset, folder = same_choice(SPEECH, root, Selection((TRAIN,), classes=("SPEECH_WITH_MUSIC",)), "music")
    assert (folder / "ava_speech_labels_v1.csv").read_text() == f"{SPEAKERS[0]},905.00,907.50,SPEECH_WITH_MUSIC\n"
    assert (folder / "ava_speech_file_names_v1.txt").read_text() == f"{SPEAKERS[0]}.webm\n"
    assert dataset.folders == SPEECH.folders
    same_choice(SPEECH, root, Selection((TRAIN,), balanced=2, seed=5), "two")
    with pytest.raises(ConfigInvalid, match="names and no ids"):
        subset.build(SPEECH, root, Selection((TRAIN,)), "music", renumber=True)


# --- ActiveSpeaker ---


def test_an_archive_stays_one_and_has_the_same_bytes_every_time(tmp_path: Path) -> None:
    root = rooted(forms.activespeaker(tmp_path), ACTIVESPEAKER.name)
    chosen = Selection((TRAIN, VAL), classes=("speaking_audible",))
    _, folder = same_choice(ACTIVESPEAKER, root, chosen, "audible")
    name = "ava_activespeaker_val_v1.0.tar.bz2"
    rows = parsers.read_activespeaker(folder / name)
    assert rows["label"].tolist() == ["SPEAKING_AUDIBLE"] * 2
    assert b"-OyDO1g74vc,900.08,0.100" in bz2.decompress((folder / name).read_bytes())
    assert subset.build(ACTIVESPEAKER, root, chosen, "audible").files[name] == (folder / name).read_bytes()
    # Neither the folder nor the times of the parent's members leave a trace.
    member = f"{SPEAKERS[1]}-activespeaker.csv"
    text = bz2.decompress((tmp_path / name).read_bytes()).split(b"\0" * 512)[0]
    assert b"ava_activespeaker_test_v1.0" in text
    parts, choice = selection.read(ACTIVESPEAKER, tmp_path, chosen)
    rows_text = "".join(f"{line}\n" for line in _lines(folder / name))
    (tmp_path / name).write_bytes(forms.archive({member: rows_text}))
    [file] = ACTIVESPEAKER.files_of(catalogue.Role.LABELS, (VAL,))
    assert excerpt.labels(tmp_path / name, file, choice, (VAL,), {}) == (folder / name).read_bytes()
    assert len(parts) == 2


def _lines(path: Path) -> list[str]:
    data = bz2.decompress(path.read_bytes())
    return [line.decode() for line in data[512:].split(b"\0")[0].splitlines()]


def test_balanced_faces_and_the_csv_of_one_film(tmp_path: Path) -> None:
    root = rooted(forms.activespeaker(tmp_path), ACTIVESPEAKER.name)
    same_choice(ACTIVESPEAKER, root, Selection((TRAIN, VAL), balanced=1, seed=2), "few")
    one = same_choice(ACTIVESPEAKER, root, Selection((TRAIN, VAL), ids=frozenset([VideoId(SPEAKERS[1])])), "one")
    assert list(one[0].splits) == [VAL]
    assert not (one[1] / "ava_activespeaker_train_v1.0.tar.bz2").exists()
    [file] = ACTIVESPEAKER.files_of(catalogue.Role.LABELS, (VAL,))
    path = tmp_path / f"{SPEAKERS[1]}-activespeaker.csv"
    path.write_text("".join(f"{line}\n" for line in _lines(one[1] / file.name)))
    _, choice = selection.read(ACTIVESPEAKER, tmp_path, Selection((VAL,), balanced=1))
    kept = excerpt.labels(path, file, choice, (VAL,), {}).decode().splitlines()
    assert len(kept) == 3
    assert set(kept) < set(path.read_text().splitlines())
    _, none = selection.read(ACTIVESPEAKER, tmp_path, Selection((TRAIN,)))
    assert excerpt.labels(tmp_path / file.name, file, none, (TRAIN,), {}) == b""


# --- Kinetics ---


def test_entries_of_json(tmp_path: Path, tinyjson: catalogue.Dataset) -> None:
    root = rooted(forms.kinetics_json(tmp_path), tinyjson.name)
    whole = json.loads((tmp_path / "train.json").read_text())
    dataset, folder = same_choice(tinyjson, root, Selection((TRAIN, TEST), classes=("yoga",)), "yoga")
    assert json.loads((folder / "train.json").read_text()) == {name: whole[name] for name in (CLIP, TWICE)}
    assert not (folder / "test.json").exists()
    assert dataset.folders.clips == "yoga"
    _, folder = same_choice(tinyjson, root, Selection((TRAIN, TEST), balanced=1, seed=1), "one")
    assert len(json.loads((folder / "train.json").read_text())) == 2
    _, folder = same_choice(tinyjson, root, Selection((TEST,)), "test")
    assert (folder / "test.json").read_bytes() == (tmp_path / "test.json").read_bytes()


def test_of_two_files_of_one_split_the_one_without_a_row_goes(tmp_path: Path) -> None:
    """A header alone would be a file that holds nothing of its split."""
    text = forms.JSON_MANIFEST.replace("kinetics_json", "kinetics").replace("[test]", "[train]")
    text = text.replace(".json", ".csv")
    (tmp_path / "two.yaml").write_text(text.replace(", test: {clips: 1}", ""))
    dataset = catalogue.load_file(tmp_path / "two.yaml")
    for name, video in (("train", CLIP), ("test", TWICE)):
        (tmp_path / f"{name}.csv").write_text(f"label,youtube_id,time_start,time_end,split\nyoga,{video},0,10,train\n")
    root = rooted(tmp_path, dataset.name)
    chosen = Selection((TRAIN,), ids=frozenset([VideoId(TWICE)]))
    own, folder = same_choice(dataset, root, chosen, "second")
    assert [file.name for file in own.files] == ["test.csv"]
    assert named(own, folder, Selection((TRAIN,))) == [TWICE]
    assert left(own, folder, Selection((TRAIN,)), "label") == [("yoga",)]
