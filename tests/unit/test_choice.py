"""Which samples and videos the filters leave, and in which order they apply."""

from collections import Counter
from pathlib import Path

import pytest

from avakit.cli import setup
from avakit.datasets import selection
from avakit.datasets.selection import Selection, videos
from avakit.errors import AvakitError, DataInvalid
from avakit.model import Split
from tests.unit.test_selection import DATA, K400, TEST, TRAIN, V22, VAL, ava, ids, k400

__all__ = ["ava", "k400"]


def boxes(folder: Path, chosen: Selection, split: Split) -> list[tuple[str, int, int]]:
    """Return id, second and action of the rows that a selection leaves of a split."""
    parts, choice = selection.read(V22, folder, chosen)
    [part] = [part for part in parts if part.split is split]
    rows = choice.rows(part)
    return list(zip(rows["video_id"], rows["timestamp"], rows["action_id"], strict=True))


def test_only_classes_with_enough_samples(ava: Path) -> None:
    """Action 80 has four person boxes in train; 12 has one there, and three with those of val."""
    assert boxes(ava, Selection((TRAIN,), min_samples=2), TRAIN) == [
        ("_-Z6wFjXtGQ", 902, 80), ("-5KQ66BBWC4", 1798, 80), ("-5KQ66BBWC4", 902, 80), ("-5KQ66BBWC4", 903, 80),
    ]  # fmt: skip
    assert ids(videos(V22, ava, Selection((TRAIN, VAL), min_samples=3, classes=("12",)))) == [
        "_-Z6wFjXtGQ", "5BDj0ow5hnA",
    ]  # fmt: skip
    assert videos(V22, ava, Selection((TRAIN, VAL, TEST), min_samples=5)) == []


def test_a_box_that_repeats_a_label_is_one_sample(ava: Path) -> None:
    path = ava / "ava_val_v2.2.csv"
    path.write_text(path.read_text() * 3)
    assert videos(V22, ava, Selection((VAL,), min_samples=3)) == []
    assert len(boxes(ava, Selection((VAL,), min_samples=2), VAL)) == 6


def test_balanced_keeps_a_person_with_all_labels_or_not_at_all(ava: Path) -> None:
    """The person of second 902 is the only one who bends (12), so it takes the one place of action 80."""
    expected = [("_-Z6wFjXtGQ", 902, 12), ("_-Z6wFjXtGQ", 902, 80), ("_-Z6wFjXtGQ", 903, 1)]
    for seed in range(5):
        assert boxes(ava, Selection((TRAIN,), balanced=1, seed=seed), TRAIN) == expected
    assert len(boxes(ava, Selection((TRAIN,), balanced=4), TRAIN)) == 6


def test_balanced_counts_each_split_by_itself(ava: Path) -> None:
    chosen = Selection((TRAIN, VAL), balanced=1)
    assert len(boxes(ava, chosen, VAL)) == 1
    assert boxes(ava, chosen, VAL) == boxes(ava, Selection((VAL,), balanced=1), VAL)


def test_a_film_chosen_for_one_sample_keeps_its_seconds(ava: Path) -> None:
    [video] = videos(V22, ava, Selection((TRAIN,), balanced=1))
    assert (video.id, video.key_seconds) == ("_-Z6wFjXtGQ", (902, 903))


def test_a_share_of_the_unlabelled_films(ava: Path) -> None:
    tenth, half = (ids(videos(V22, ava, Selection((TEST,), sample=share))) for share in (0.1, 0.5))
    assert set(tenth) < set(half)
    assert 0 < len(tenth) < len(half) < 131
    assert ids(videos(V22, ava, Selection((TEST,), sample=0.5, seed=1))) != half
    assert videos(V22, ava, Selection((TEST,), balanced=9)) == []


def test_the_share_comes_before_the_limit(ava: Path) -> None:
    half = ids(videos(V22, ava, Selection((TEST,), sample=0.5)))
    assert ids(videos(V22, ava, Selection((TEST,), sample=0.5, limit=3))) == half[:3]


def test_balanced_clips(k400: Path) -> None:
    """The first 30 rows of val are of few classes; the clips of videos that stay are thinned out, too."""
    whole = Counter(clip.label for video in videos(K400, k400, Selection((VAL,))) for clip in video.clips)
    found = videos(K400, k400, Selection((VAL,), balanced=5))
    counts = Counter(clip.label for video in found for clip in video.clips)
    assert counts == {label: min(5, n) for label, n in whole.items()}
    assert videos(K400, k400, Selection((TEST,), balanced=5)) == []
    assert len(videos(K400, k400, Selection((VAL, TEST), min_samples=1))) == 30


def test_both_spellings_of_a_class_are_meant(k400: Path) -> None:
    rows = "label,youtube_id,time_start,time_end,split\n"
    (k400 / "train.csv").write_text(rows + "passing American football,a0000000001,0,10,train\n")
    (k400 / "validate.csv").write_text(rows + "passing american football,a0000000002,0,10,val\n")
    found = videos(K400, k400, Selection((TRAIN, VAL), classes=("Passing_American_football",)))
    assert ids(found) == ["a0000000001", "a0000000002"]


# --- classes from a file ---


def chosen_classes(*words: str) -> tuple[str, ...]:
    given = {"dataset": "ava-v2.2", "manifest": None, "root": Path("nowhere"), "classes": (words,)}
    return setup.choose(given).selection.classes


def test_classes_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text('# what I want\n12\n\nbend/bow (at the waist)\n"lift/pick up"\nget up, then fall\n12\n')
    expected = ("80", "12", "bend/bow (at the waist)", "lift/pick up", "get up, then fall")
    assert chosen_classes("80", f"@{path}") == expected
    assert chosen_classes("80", str(path)) == expected


def test_classes_from_a_label_map() -> None:
    """The 60 classes that are evaluated: `--classes @…_for_activitynet_2019.pbtxt`."""
    assert len(chosen_classes(f"@{DATA / 'ava_action_list_v2.2_for_activitynet_2019.pbtxt'}")) == 60


def test_a_file_of_classes_that_names_none(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="is missing"):
        chosen_classes(f"@{tmp_path / 'none.txt'}")
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(AvakitError, match="names no class"):
        chosen_classes(f"@{tmp_path / 'empty.txt'}")
