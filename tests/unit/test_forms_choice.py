"""Which rows, videos and clips the filters leave of AVA-Kinetics, Speech, ActiveSpeaker, and Kinetics as JSON."""

from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from avakit.datasets import catalogue, selection
from avakit.datasets import splits as reading
from avakit.datasets.choice import count_samples
from avakit.datasets.selection import Selection, videos
from avakit.errors import ConfigInvalid, DataInvalid
from avakit.model import Span, Split, VideoId
from tests import forms
from tests.annotated import TEST, TRAIN, VAL
from tests.forms import CLIP, EMPTY, FILM, LONELY, OTHER, SPEAKERS, TWICE

AVA_KINETICS, ACTIVESPEAKER, SPEECH = (
    catalogue.load(f"{name}-v1.0") for name in ("ava-kinetics", "ava-activespeaker", "ava-speech")
)


@pytest.fixture
def tinyjson(tmp_path: Path) -> catalogue.Dataset:
    path = tmp_path / "tinyjson.yaml"
    path.write_text(forms.JSON_MANIFEST)
    return catalogue.load_file(path)


def left(dataset: catalogue.Dataset, folder: Path, chosen: Selection, *columns: str) -> list[tuple[Any, ...]]:
    """Return columns of the rows that a selection leaves of its first split."""
    parts, choice = selection.read(dataset, folder, chosen)
    return list(choice.rows(parts[0])[list(columns)].itertuples(index=False, name=None))


def named(dataset: catalogue.Dataset, folder: Path, chosen: Selection) -> list[str]:
    return [str(video.id) for video in videos(dataset, folder, chosen)]


# --- AVA-Kinetics ---


def test_films_and_clips_are_read_together(tmp_path: Path) -> None:
    """A second with nobody stays, a key frame that no clip holds does not, and one in two clips is one row."""
    forms.ava_kinetics(tmp_path)
    found = left(AVA_KINETICS, tmp_path, Selection((TRAIN,)), "video_id", "timestamp")
    assert list(dict.fromkeys(found)) == [
        (FILM, 902), (FILM, 903), (OTHER, 902), (CLIP, 11.033333), (TWICE, 12.5), (TWICE, 20), (EMPTY, 3),
    ]  # fmt: skip
    assert len(found) == 10
    part = reading.read(AVA_KINETICS, tmp_path, TRAIN, {})
    assert part.ids == (FILM, OTHER, CLIP, TWICE, EMPTY)
    assert part.key_clips is not None
    held = part.key_clips[["video_id", "timestamp", "start", "label"]].itertuples(index=False, name=None)
    assert sorted(held) == [
        (TWICE, 12.5, 10, "yoga"), (TWICE, 20, 10, "yoga"), (TWICE, 20, 15, "abseiling"),
        (EMPTY, 3, 0, "yoga"), (CLIP, 11.033333, 5, "yoga"),
    ]  # fmt: skip


def test_films_have_windows_and_videos_of_clips_their_clips(tmp_path: Path) -> None:
    forms.ava_kinetics(tmp_path)
    film, other, clip, twice, empty = videos(AVA_KINETICS, tmp_path, Selection((TRAIN,)))
    assert (film.key_seconds, film.file_name, film.clips) == ((902, 903), f"{FILM}.mkv", ())
    assert other.key_seconds == (902,)
    assert film.span == other.span == Span(Fraction(900), Fraction(901))
    assert [(c.name, c.key_seconds) for v in (clip, twice, empty) for c in v.clips] == [
        (f"{CLIP}_000005_000015", (Fraction("11.033333"),)),
        (f"{TWICE}_000010_000020", (Fraction("12.5"), Fraction(20))),
        (f"{TWICE}_000015_000025", (Fraction(20),)),
        (f"{EMPTY}_000000_000010", (Fraction(3),)),
    ]
    assert twice.span == Span(Fraction(10), Fraction(15))
    assert not clip.key_seconds


def test_a_clip_chosen_for_one_key_frame_keeps_all_of_its_own(tmp_path: Path) -> None:
    """Its folder of key frames is then the same for every run, as that of a film is."""
    forms.ava_kinetics(tmp_path)
    [twice] = videos(AVA_KINETICS, tmp_path, Selection((TRAIN,), classes=("80",), ids=frozenset([VideoId(TWICE)])))
    assert [(clip.label, clip.key_seconds) for clip in twice.clips] == [
        ("yoga", (Fraction("12.5"), 20)), ("abseiling", (20,)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (Selection((TRAIN,), classes=("12",)), [FILM, CLIP]),
        (Selection((TRAIN,), classes=("Carry/hold_(an object)",)), [TWICE]),
        (Selection((TRAIN,), min_samples=1), [FILM, OTHER, CLIP, TWICE]),
        (Selection((TRAIN,), min_samples=3), [FILM, OTHER, CLIP, TWICE]),
        (Selection((TRAIN,), min_samples=5), []),
        (Selection((TRAIN, TEST)), [FILM, OTHER, CLIP, TWICE, EMPTY, "--205wugM18"]),
        (Selection((TRAIN, TEST), limit=3), [FILM, OTHER, CLIP]),
        (Selection((TEST,), classes=("12",)), []),
        (Selection((TEST,), balanced=4), []),
        (Selection((TEST,), sample=1.0), ["--205wugM18", EMPTY]),
    ],
)
def test_what_is_chosen_of_both(tmp_path: Path, chosen: Selection, expected: list[str]) -> None:
    """Nobody is no sample, so classes leave out `EMPTY`, and test as a whole. 80 is on four persons."""
    assert named(AVA_KINETICS, forms.ava_kinetics(tmp_path), chosen) == expected


def test_an_id_whose_key_frame_lies_in_no_clip_is_said_to_be_one(tmp_path: Path) -> None:
    """It is in the file, so "not in the dataset" would send its reader searching."""
    forms.ava_kinetics(tmp_path)
    for ids, said in (
        ([LONELY], r"^in ava-kinetics-v1\.0 \(train\), but with no key frame that lies in a clip: clip_lonely$"),
        (
            [LONELY, "nobody-here"],
            r"^not in ava-kinetics-v1\.0 \(train\): nobody-here\nin ava-kinetics-v1\.0 \(train\), but",
        ),
    ):
        with pytest.raises(ConfigInvalid, match=said):
            named(AVA_KINETICS, tmp_path, Selection((TRAIN,), ids=frozenset(map(VideoId, ids))))


def test_samples_are_counted_over_films_and_clips(tmp_path: Path) -> None:
    """The lonely key frames (17 twice) have no clip, so they count for nothing."""
    forms.ava_kinetics(tmp_path)
    columns = reading.columns_of(AVA_KINETICS)
    part = reading.read(AVA_KINETICS, tmp_path, TRAIN, {})
    assert part.rows is not None
    assert count_samples([part.rows], columns) == {12: 2, 80: 4, 17: 2}
    assert columns is reading.AVA


@pytest.mark.parametrize("seed", range(4))
def test_balanced_takes_persons_whole(tmp_path: Path, seed: int) -> None:
    forms.ava_kinetics(tmp_path)
    chosen = Selection((TRAIN,), balanced=1, seed=seed)
    found = left(AVA_KINETICS, tmp_path, chosen, "video_id", "timestamp", "action_id")
    assert max(Counter(row[2] for row in found).values()) == 1
    assert {row[2] for row in found if row[0] in (FILM, CLIP)} in ({12, 80}, set())
    assert {row[2] for row in found} == {12, 17, 80}


def test_key_frames_none_of_which_lies_in_a_clip(tmp_path: Path) -> None:
    forms.ava_kinetics(tmp_path)
    (tmp_path / "kinetics_train_v1.0.csv").write_text(f"{LONELY},99.0\n")
    with pytest.raises(DataInvalid, match=r"kinetics_train_v1\.0\.csv: holds no key frame that lies in a clip$"):
        videos(AVA_KINETICS, tmp_path, Selection((TRAIN,)))


# --- Speech ---


def test_speech_is_chosen_by_the_names_of_its_labels(tmp_path: Path) -> None:
    forms.speech(tmp_path)
    chosen = Selection((TRAIN,), classes=("speech with music",))
    assert named(SPEECH, tmp_path, chosen) == [SPEAKERS[0]]
    assert left(SPEECH, tmp_path, chosen, "start", "end", "label") == [(905.0, 907.5, "SPEECH_WITH_MUSIC")]
    [film] = videos(SPEECH, tmp_path, chosen)
    assert (film.file_name, film.key_seconds, film.clips) == (f"{SPEAKERS[0]}.webm", (), ())
    with pytest.raises(ConfigInvalid, match=r"^unknown class 'music': did you mean 'SPEECH_WITH_MUSIC'\?$"):
        videos(SPEECH, tmp_path, Selection((TRAIN,), classes=("music",)))


def test_samples_of_speech_are_segments(tmp_path: Path) -> None:
    forms.speech(tmp_path)
    rows = left(SPEECH, tmp_path, Selection((TRAIN,), min_samples=2), "label")
    assert Counter(row[0] for row in rows) == {"NO_SPEECH": 3, "CLEAN_SPEECH": 3}
    rows = left(SPEECH, tmp_path, Selection((TRAIN,), balanced=2, seed=3), "label")
    assert Counter(row[0] for row in rows) == {
        "NO_SPEECH": 2, "CLEAN_SPEECH": 2, "SPEECH_WITH_MUSIC": 1, "SPEECH_WITH_NOISE": 1,
    }  # fmt: skip


# --- ActiveSpeaker ---


def test_faces_are_samples_of_their_track_at_an_instant(tmp_path: Path) -> None:
    """Two faces of one instant are two samples, although their boxes are the same here."""
    forms.activespeaker(tmp_path)
    found = left(ACTIVESPEAKER, tmp_path, Selection((TRAIN, VAL), balanced=1), "timestamp", "label", "entity_id")
    assert sorted(row[1] for row in found) == ["NOT_SPEAKING", "SPEAKING_AUDIBLE", "SPEAKING_NOT_AUDIBLE"]
    assert named(ACTIVESPEAKER, tmp_path, Selection((TRAIN, VAL), min_samples=4)) == list(SPEAKERS)
    assert named(ACTIVESPEAKER, tmp_path, Selection((TRAIN, VAL), min_samples=5)) == []
    assert len(left(ACTIVESPEAKER, tmp_path, Selection((TRAIN,)), "label")) == 6


# --- Kinetics as JSON ---


def test_clips_of_json(tmp_path: Path, tinyjson: catalogue.Dataset) -> None:
    """Fractions of a second stay what the file says; a split may have no labels."""
    forms.kinetics_json(tmp_path)
    found = videos(tinyjson, tmp_path, Selection((TRAIN, TEST)))
    assert [(c.video_id, c.label, c.span.start, c.span.end) for v in found for c in v.clips] == [
        (CLIP, "yoga", 5, 15), (TWICE, "yoga", 10, 20), (EMPTY, "abseiling", Fraction(1, 2), Fraction(21, 2)),
        (LONELY, "", 3, 13),
    ]  # fmt: skip
    assert named(tinyjson, tmp_path, Selection((TRAIN, TEST), classes=("Yoga",), limit=1)) == [CLIP]
    assert Counter(row[0] for row in left(tinyjson, tmp_path, Selection((TRAIN,), balanced=1), "label")) == {
        "yoga": 1, "abseiling": 1,
    }  # fmt: skip
    assert named(tinyjson, tmp_path, Selection((TEST,), min_samples=1)) == []
    assert Split.TEST in tinyjson.splits
