"""What `stats` and `check` count of AVA-Kinetics, Speech, ActiveSpeaker and Kinetics as JSON."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from avakit import check, journal, stats
from avakit.datasets import catalogue
from avakit.model import Stage
from avakit.stats import clips, counts, coverage, faces, nominal, overlap
from tests import forms
from tests.annotated import K400, TEST, TRAIN, V22, VAL, records
from tests.forms import CLIP, EMPTY, FILM, SPEAKERS, TWICE
from tests.unit.test_forms_choice import ACTIVESPEAKER, AVA_KINETICS, SPEECH, tinyjson

__all__ = ["tinyjson"]


def names(dataset: catalogue.Dataset, found: stats.Annotations, root: Path) -> list[str]:
    return [table.name for table in stats.gather(found, dataset.layout(root), journal.read(root))]


# --- AVA-Kinetics ---


def test_films_and_clips_are_counted_together(tmp_path: Path) -> None:
    """Rows as they stand, those without a clip too; pieces of three seconds are of films alone."""
    found = stats.read(AVA_KINETICS, forms.ava_kinetics(tmp_path), (TRAIN, TEST))
    train, test, both = records(counts.splits(found))
    assert {key: train[key] for key in ("videos", "key_frames", "segments", "persons", "tracks", "labels")} == {
        "videos": 6, "key_frames": 9, "segments": 3, "persons": 8, "tracks": 2, "labels": 10,
    }  # fmt: skip
    assert (test["videos"], test["key_frames"], test["segments"]) == (2, 3, 2)
    assert pd.isna(test["labels"])
    assert (both["videos"], both["key_frames"], both["labels"]) == (7, 12, 10)
    assert found.labelled == [TRAIN]
    assert {row["class_id"]: row["labels"] for row in records(counts.classes(found)) if row["labels"]} == {
        12: 2, 17: 4, 80: 4,
    }  # fmt: skip
    assert [(row["labels"], row["persons"]) for row in records(counts.labels_per_person(found))] == [(1, 6), (2, 2)]
    shared = {row["what"]: row["shared"] for row in records(overlap.between(found))}
    assert shared == {"videos": 1}
    assert names(AVA_KINETICS, found, tmp_path / "root")[:4] == ["splits", "nominal", "groups", "classes"]


def test_a_split_with_nobody_in_it(tmp_path: Path) -> None:
    """The test files of AVA-Kinetics name key frames, and nothing else."""
    found = stats.read(AVA_KINETICS, forms.ava_kinetics(tmp_path), (TEST,))
    [row] = records(counts.splits(found))
    assert (row["videos"], row["key_frames"], len(found.rows)) == (2, 3, 0)
    assert names(AVA_KINETICS, found, tmp_path / "root") == ["splits", "nominal"]
    compared = {
        row["what"]: (row["nominal"], row["counted"]) for row in records(nominal.compare(found, _splits(found)))
    }
    assert compared == {"videos": (64192, 2)}


def _splits(found: stats.Annotations) -> pd.DataFrame:
    return counts.splits(found)


def test_a_video_of_two_splits_is_no_loss(tmp_path: Path) -> None:
    """`EMPTY` has clips in train and in test: the sum of both is one more than all."""
    found = stats.read(AVA_KINETICS, forms.ava_kinetics(tmp_path), (TRAIN, TEST))
    facts = {split: AVA_KINETICS.splits[split].model_copy(update={"videos": n}) for split, n in ((TRAIN, 6), (TEST, 2))}
    dataset = AVA_KINETICS.model_copy(update={"splits": facts})
    found = replace(found, dataset=dataset)
    rows = records(nominal.compare(found, counts.splits(found)))
    assert [(row["split"], row["difference"], row["why"]) for row in rows] == [
        ("train", 0, ""), ("test", 0, ""), ("all", -1, "what is in two splits is counted once"),
    ]  # fmt: skip


def test_what_became_of_films_and_of_clips(tmp_path: Path) -> None:
    """Of clips the clip is asked for, then its video; of films the window, then the film."""
    found = stats.read(AVA_KINETICS, forms.ava_kinetics(tmp_path), (TRAIN,))
    root = tmp_path / "root"
    for key, stage, item, status in (
        (f"ava/windows/{FILM}", Stage.WINDOW, FILM, "done"),
        (f"kinetics/videos/{CLIP}", Stage.VIDEO, CLIP, "unavailable"),
        (f"ava-kinetics-v1.0/clips/train/yoga/{TWICE}_000010_000020", Stage.CLIP, f"{TWICE}_000010_000020", "done"),
        (f"kinetics/videos/{EMPTY}", Stage.VIDEO, EMPTY, "transient"),
    ):
        path = f"{key}.mkv" if status == "done" else ""
        journal.append(root, journal.Record(key, stage, item, AVA_KINETICS.name, status, path=path))
    fates = coverage.fates(found, AVA_KINETICS.layout(root), journal.read(root))
    videos, labels = records(coverage.splits(found, fates))
    assert [videos[fate] for fate in coverage.FATES] == [2, 0, 1, 1, 2]
    assert [labels[fate] for fate in coverage.FATES] == [6, 0, 2, 0, 2]


def test_key_frames_in_common_with_ava(tmp_path: Path, v22: Path) -> None:
    (tmp_path / "k").mkdir()
    own = stats.read(AVA_KINETICS, forms.ava_kinetics(tmp_path / "k"), (TRAIN,))
    (v22 / "ava_val_v2.2.csv").write_text(f"{FILM},0902,0.1,0.1,0.2,0.2,1,0\n{FILM},0904,0.1,0.1,0.2,0.2,1,0\n")
    rows = records(overlap.between(own, [stats.read(V22, v22, (VAL,))]))
    assert [(row["what"], row["count"], row["other_count"], row["shared"]) for row in rows] == [
        ("videos", 6, 1, 1), ("key_frames", 9, 2, 1),
    ]  # fmt: skip


# --- Speech ---


def test_segments_of_sound(tmp_path: Path) -> None:
    found = stats.read(SPEECH, forms.speech(tmp_path), (TRAIN,))
    [row] = records(clips.splits(found))
    assert row == {"split": "train", "videos": 2, "segments": 8, "labels": 8, "classes": 4, "hours": 0.0}
    table = {row["class"]: (row["labels"], row["videos"], row["share"]) for row in records(clips.classes(found))}
    assert table == {
        "CLEAN_SPEECH": (3, 2, 0.375), "NO_SPEECH": (3, 2, 0.375), "SPEECH_WITH_MUSIC": (1, 1, 0.125),
        "SPEECH_WITH_NOISE": (1, 1, 0.125),
    }  # fmt: skip
    lengths = [(row["seconds"], row["segments"]) for row in records(clips.durations(found))]
    assert lengths == [(1.1, 4), (2.5, 4)]
    assert names(SPEECH, found, tmp_path / "root") == ["splits", "nominal", "classes", "durations"]
    root = tmp_path / "root"
    key = f"ava/videos/{SPEAKERS[1]}"
    journal.append(root, journal.Record(key, Stage.VIDEO, SPEAKERS[1], SPEECH.name, "unavailable"))
    fates = coverage.fates(found, SPEECH.layout(root), journal.read(root))
    assert [row["unavailable"] for row in records(coverage.splits(found, fates))] == [1, 4]
    lost = {row["class"]: row["unavailable"] for row in records(coverage.classes(found, fates))}
    assert lost == {"CLEAN_SPEECH": 2, "NO_SPEECH": 2, "SPEECH_WITH_MUSIC": 0, "SPEECH_WITH_NOISE": 0}


def test_sound_shares_films_with_others_and_segments_with_sound_alone(tmp_path: Path, k400: Path) -> None:
    """A segment of sound is no clip of Kinetics, whatever seconds both may have."""
    for name in ("speech", "faces"):
        (tmp_path / name).mkdir()
    own = stats.read(SPEECH, forms.speech(tmp_path / "speech"), (TRAIN,))
    others = [
        own, stats.read(ACTIVESPEAKER, forms.activespeaker(tmp_path / "faces"), (TRAIN, VAL)),
        stats.read(K400, k400, (VAL,)),
    ]  # fmt: skip
    rows = [
        (r["other_dataset"], r["other_split"], r["what"], r["shared"]) for r in records(overlap.between(own, others))
    ]
    assert rows == [
        ("ava-speech-v1.0", "train", "videos", 2), ("ava-speech-v1.0", "train", "segments", 8),
        ("ava-activespeaker-v1.0", "train", "videos", 1), ("ava-activespeaker-v1.0", "val", "videos", 1),
        ("kinetics-400", "val", "videos", 0),
    ]  # fmt: skip


# --- ActiveSpeaker ---


def test_faces(tmp_path: Path) -> None:
    found = stats.read(ACTIVESPEAKER, forms.activespeaker(tmp_path), (TRAIN, VAL))
    train, val, both = records(faces.splits(found))
    assert train == {
        "split": "train", "videos": 1, "frames": 3, "tracks": 2, "faces": 6, "classes": 3, "faces_per_frame": 2.0,
    }  # fmt: skip
    assert val["faces"] == 6
    assert (both["videos"], both["frames"], both["tracks"], both["faces"]) == (2, 6, 4, 12)
    table = [(r["split"], r["class"], r["labels"], r["tracks"]) for r in records(faces.classes(found))]
    assert table[:3] == [
        ("train", "NOT_SPEAKING", 2, 2), ("train", "SPEAKING_AUDIBLE", 2, 2), ("train", "SPEAKING_NOT_AUDIBLE", 2, 2),
    ]  # fmt: skip
    sizes = {(r["split"], r["measure"]): (r["faces"], r["mean"]) for r in records(counts.boxes(found))}
    assert sizes["val", "area"] == (6, pytest.approx(0.28))
    assert sizes["train", "width"] == (6, pytest.approx(0.4))
    assert names(ACTIVESPEAKER, found, tmp_path / "root") == ["splits", "nominal", "classes", "boxes", "overlap"]
    rows = records(overlap.between(found, [found]))
    assert [(r["split"], r["other_split"], r["count"], r["shared"]) for r in rows if r["what"] == "faces"] == [
        ("train", "val", 6, 0), ("train", "train", 6, 6), ("train", "val", 6, 0), ("val", "train", 6, 0),
        ("val", "val", 6, 6),
    ]  # fmt: skip


def test_labels_that_do_not_occur_are_listed(tmp_path: Path) -> None:
    forms.activespeaker(tmp_path)
    path = tmp_path / "ava_activespeaker_train_v1.0.tar.bz2"
    row = f"{SPEAKERS[0]},902.00,0.1,0.1,0.5,0.5,NOT_SPEAKING,{SPEAKERS[0]}_0900_0960:1\n"
    path.write_bytes(forms.archive({f"x/{SPEAKERS[0]}-activespeaker.csv": row}))
    found = stats.read(ACTIVESPEAKER, tmp_path, (TRAIN,))
    assert {r["class"]: r["labels"] for r in records(faces.classes(found))} == {
        "NOT_SPEAKING": 1, "SPEAKING_AUDIBLE": 0, "SPEAKING_NOT_AUDIBLE": 0
    }  # fmt: skip


# --- Kinetics as JSON ---


def test_clips_of_json(tmp_path: Path, tinyjson: catalogue.Dataset) -> None:
    found = stats.read(tinyjson, forms.kinetics_json(tmp_path), (TRAIN, TEST))
    train, test, _ = records(clips.splits(found))
    assert (train["clips"], train["labels"], test["clips"], test["labels"]) == (3, 3, 1, 0)
    assert {row["class"]: row["labels"] for row in records(clips.classes(found))} == {"abseiling": 1, "yoga": 2}
    assert names(tinyjson, found, tmp_path / "root") == ["splits", "nominal", "classes", "durations", "overlap"]


# --- check ---


def across(dataset: catalogue.Dataset, folder: Path) -> tuple[list[str], list[str]]:
    checked = check.check(dataset, folder, list(dataset.splits))
    problems, notes = check.across(dataset, [each for each in checked if not each.problems], folder)
    return [problem.removeprefix(f"{folder}/") for problem in problems], notes


def test_one_key_frame_in_two_splits_is_a_problem_and_two_of_one_video_are_a_note(tmp_path: Path) -> None:
    forms.ava_kinetics(tmp_path)
    dataset = AVA_KINETICS.model_copy(
        update={"splits": {TRAIN: AVA_KINETICS.splits[TRAIN], TEST: AVA_KINETICS.splits[TEST]}}
    )
    problems, notes = across(dataset, tmp_path)
    assert problems == []
    assert notes == [
        "1 videos have clips in kinetics_train_v1.0.csv and in kinetics_test_v1.0.csv",
        "kinetics_train_v1.0.csv: 6 key frames, 1 of them in two clips",
        "kinetics_train_v1.0.csv: 2 key frames lie in no clip, such as clip_lonely at 99.0, -clip-two_2 at 77.0",
        "kinetics_test_v1.0.csv: 1 key frames, 0 of them in two clips",
    ]
    (tmp_path / "kinetics_test_v1.0.csv").write_text(f"{EMPTY},15.5\n{TWICE},20.000000\n")
    problems, _ = across(dataset, tmp_path)
    where = f"kinetics_test_v1.0.csv, line 2: video_id '{TWICE}', seconds 20.0"
    assert problems == [f"{where}: this key frame is in kinetics_train_v1.0.csv as well"]


def test_a_film_of_two_archives_is_a_problem_without_a_line(tmp_path: Path) -> None:
    forms.activespeaker(tmp_path)
    train, val = (f"ava_activespeaker_{split}_v1.0.tar.bz2" for split in ("train", "val"))
    (tmp_path / val).write_bytes((tmp_path / train).read_bytes())
    problems, _ = across(ACTIVESPEAKER, tmp_path)
    assert problems == [f"{val}: video_id '{SPEAKERS[0]}' is in {train} as well"]
