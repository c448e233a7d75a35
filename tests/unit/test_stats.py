"""What `stats` counts, against counts in plain Python."""

import csv
import math
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avakit import journal, stats
from avakit.datasets import selection
from avakit.errors import DataInvalid
from avakit.stats import clips, cooccurrence, counts, nominal
from tests.annotated import DATA, K400, TEST, TRAIN, V10, V22, VAL, Row, records, write_v10

# --- AVA, against brute force ---


def test_an_excerpt_of_the_published_labels(head: stats.Annotations) -> None:
    with (DATA / "ava_test_v1.0_head.csv").open() as file:
        rows = list(csv.reader(file))
    (row,) = records(counts.splits(head))
    assert row["labels"] == len(rows) == 60
    assert row["persons"] == len({tuple(cells[:6]) for cells in rows})
    assert row["key_frames"] == len({tuple(cells[:2]) for cells in rows})
    assert row["videos"] == len({cells[0] for cells in rows})
    assert row["classes"] == len({cells[6] for cells in rows})
    by_class = {row["class_id"]: row["labels"] for row in records(counts.classes(head))}
    assert len(by_class) == 80
    assert Counter(by_class) == Counter({int(k): n for k, n in Counter(cells[6] for cells in rows).items()})


_coordinates = st.sampled_from([("0.1", "0.2"), ("0.1", "0.9"), ("0.3", "0.8")])
_rows = st.sets(
    st.builds(
        lambda video, second, x, y, action: (video, second, x[0], y[0], x[1], y[1], action),
        st.sampled_from(["-idvideo__1", "00000000012", "NAN-nan-nan"]), st.sampled_from([904, 907, 1798]),
        _coordinates, _coordinates, st.integers(1, 6),
    ),
    min_size=1, max_size=40,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(train=_rows, test=_rows)
def test_every_count_is_that_of_brute_force(train: set[Row], test: set[Row]) -> None:
    with TemporaryDirectory() as folder:
        found = stats.read(V10, write_v10(Path(folder), {TRAIN: train, TEST: test}), (TRAIN, TEST))
    split_rows = {"train": train, "test": test, "all": [*train, *test]}
    for row in records(counts.splits(found)):
        rows = split_rows[row["split"]]
        assert row["videos"] == len({r[0] for r in rows})
        assert row["key_frames"] == row["segments"] == len({r[:2] for r in rows})
        assert row["labels"] == len(rows)
        assert row["classes"] == len({r[6] for r in rows})
        assert row["repeated"] == 0
        assert pd.isna(row["tracks"])
    for row in records(counts.classes(found)):
        having = [r for r in split_rows[row["split"]] if r[6] == row["class_id"]]
        assert row["labels"] == row["persons"] == len(having)
        assert row["videos"] == len({r[0] for r in having})
        assert row["key_frames"] == len({r[:2] for r in having})
    said = said_by_person(split_rows)
    sizes = Counter((key[0], len(actions)) for key, actions in said.items())
    assert {(r["split"], r["labels"]): r["persons"] for r in records(counts.labels_per_person(found))} == sizes
    check_pairs(cooccurrence.pairs(found), said)
    for row in records(counts.boxes(found)):
        areas = [area(key) for key in said if key[0] == row["split"]]
        if row["measure"] == "area":
            assert row["persons"] == len(areas)
            assert row["mean"] == pytest.approx(sum(areas) / len(areas), abs=1e-6)
            assert (row["min"], row["max"]) == pytest.approx((min(areas), max(areas)), abs=1e-6)


def said_by_person(split_rows: dict[str, Any]) -> dict[tuple[str, Any], set[int]]:
    said: dict[tuple[str, Any], set[int]] = defaultdict(set)
    for split in ("train", "test"):
        for row in split_rows[split]:
            said[split, row[:6]].add(row[6])
    return said


def area(key: tuple[str, Any]) -> float:
    x1, y1, x2, y2 = map(float, key[1][2:])
    return (x2 - x1) * (y2 - y1)


def check_pairs(table: pd.DataFrame, said: dict[tuple[str, Any], set[int]]) -> None:
    single = Counter(action for actions in said.values() for action in actions)
    both = Counter(pair for actions in said.values() for pair in combinations(sorted(actions), 2))
    assert {(r["id_a"], r["id_b"]): r["persons"] for r in records(table)} == both
    total = len(said)
    for row in records(table):
        a, b, together = single[row["id_a"]], single[row["id_b"]], row["persons"]
        assert (row["persons_a"], row["persons_b"]) == (a, b)
        expected = 1 if together == total else math.log(together * total / (a * b)) / -math.log(together / total)
        assert row["npmi"] == pytest.approx(expected, abs=1e-6)
        assert row["is_ranked"] == (together >= cooccurrence.MIN_PERSONS)


def test_persons_beyond_one_chunk_are_counted_all(head: stats.Annotations, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, persons = cooccurrence.matrix(head)
    monkeypatch.setattr(cooccurrence, "_CHUNK", 7)
    parts, again = cooccurrence.matrix(head)
    assert persons == again > 7
    assert (whole == parts).all()


def test_npmi_is_minus_one_for_never_and_nan_for_what_does_not_occur() -> None:
    import numpy as np

    values = cooccurrence.npmi(np.array([[2, 0, 0], [0, 2, 0], [0, 0, 0]]), 4)
    assert values[0, 1] == -1
    assert np.isnan(values[2]).all()


def test_rows_that_say_the_same_twice_are_labels_but_no_persons(head: stats.Annotations) -> None:
    twice = replace(head, rows=pd.concat([head.rows, head.rows.head(3)], ignore_index=True))
    (once,), (row,) = records(counts.splits(head)), records(counts.splits(twice))
    assert (row["labels"], row["repeated"]) == (63, 3)
    assert row["persons"] == once["persons"]
    assert counts.labels_per_person(twice).equals(counts.labels_per_person(head))


def test_groups_are_those_of_the_label_map(head: stats.Annotations) -> None:
    by_group = Counter(action.group for action in head.actions)
    assert by_group == {"pose": 14, "object": 49, "person interaction": 17}
    found = counts.groups(head)
    assert found["labels"].sum() == 60
    assert found["share"].sum() == pytest.approx(1, abs=1e-5)


def test_the_table_of_v2_0_has_groups_too() -> None:
    from avakit.stats.annotations import _groups

    assert _groups(DATA / "ava_action_list_v2.0.csv") == _groups(DATA / "ava_action_list_v2.2.pbtxt")
    assert _groups(DATA / "ava_action_list_v2.2_for_activitynet_2019.pbtxt") == {}


# --- v2.2: person ids, excluded timestamps, a split without labels ---


def test_a_split_without_labels_has_videos_alone(v22: Path) -> None:
    found = stats.read(V22, v22, (VAL, TEST))
    val, test, both = records(counts.splits(found))
    assert (val["videos"], test["videos"], both["videos"]) == (2, 131, 133)
    assert pd.isna(test["labels"])
    assert val["tracks"] == len(
        {(row.split(",")[0], row.split(",")[7]) for row in (v22 / "ava_val_v2.2.csv").read_text().split()}
    )
    assert set(counts.classes(found)["split"]) == {"val"}


def test_published_figures_stand_beside_the_counted_ones(v22: Path) -> None:
    found = stats.read(V22, v22, (VAL, TEST))
    table = {(r["split"], r["what"]): r for r in records(nominal.compare(found, counts.splits(found)))}
    assert (table["val", "videos"]["nominal"], table["val", "videos"]["difference"]) == (64, -62)
    assert table["val", "key_frames"]["nominal"] == 64 * 897 - 37
    assert table["val", "key_frames"]["why"]
    assert ("test", "key_frames") not in table
    assert table["test", "videos"]["why"] == ""
    assert table["all", "videos"]["nominal"] == 64 + 131
    assert table["all", "key_frames"]["nominal"] == 64 * 897 - 37


def test_192_films_are_57600_segments(tmp_path: Path) -> None:
    row: Row = ("-idvideo__1", 904, "0.1", "0.1", "0.2", "0.2", 1)
    found = stats.read(V10, write_v10(tmp_path, {TRAIN: [row], TEST: [row]}), (TRAIN, TEST))
    table = nominal.compare(found, counts.splits(found))
    assert table.loc[(table["split"] == "all") & (table["what"] == "segments"), "nominal"].tolist() == [57600]


def test_chosen_videos_alone(tmp_path: Path) -> None:
    rows: list[Row] = [(f"-idvideo__{i}", 904, "0.1", "0.1", "0.2", "0.2", 1 + i) for i in range(3)]
    folder = write_v10(tmp_path, {TEST: rows})
    for name in ("ava_file_names_trainval_v2.1.txt", "ava_speech_file_names_v1.txt"):
        (folder / name).write_text("-idvideo__0.mkv\n")
    videos = selection.videos(V10, folder, selection.Selection((TEST,), limit=2))
    found = stats.read(V10, folder, (TEST,), videos)
    assert found.ids == {TEST: ("-idvideo__0", "-idvideo__1")}
    assert len(found.rows) == 2
    tables = stats.gather(found, V10.layout(tmp_path), journal.State({}, {}))
    assert "nominal" not in [table.name for table in tables]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match=r"ava_action_list_v1\.0\.pbtxt: is missing"):
        stats.read(V10, tmp_path, (TEST,))


# --- Kinetics ---


def test_clips_are_counted_by_class_and_length(k400: Path) -> None:
    with (k400 / "validate.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = stats.read(K400, k400, (VAL, TEST))
    val, test, _ = records(clips.splits(found))
    assert (val["clips"], val["labels"], test["clips"], test["labels"]) == (30, 30, 30, 0)
    assert val["hours"] == round(300 / 3600, 2)
    labels = Counter(row["label"] for row in rows)
    assert {row["class"]: row["labels"] for row in records(clips.classes(found))} == labels
    assert [(r["split"], r["seconds"], r["clips"]) for r in records(clips.durations(found))] == [
        ("val", 10, 30), ("test", 10, 30),
    ]  # fmt: skip
