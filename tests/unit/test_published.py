"""What was published beside what is counted: a reason only where it is the reason."""

from pathlib import Path

import pandas as pd
import pytest

from avakit import check, published
from avakit.datasets import catalogue
from avakit.datasets.catalogue import Dataset, Role
from avakit.model import Split
from avakit.stats import annotations as reading
from avakit.stats import clips, counts, nominal
from tests.annotated import DATA, TEST, TRAIN, V10, VAL, Row, records, write_v10

TWICE = "six videos give two clips each"
HEADER = "label,youtube_id,time_start,time_end,split\n"
ROW = "yoga,---0dWlqevI,19,29,val\n"


def compared(name: str, *found: tuple[Split, dict[str, int]]) -> dict[str, tuple[int, int, str]]:
    dataset = catalogue.load(name)
    checked = [
        check.Checked(file, Path(file.name), numbers)
        for split, numbers in found
        for file in dataset.files_of(Role.LABELS, (split,))
    ]
    return {row.name: (row.published, row.counted, row.reason) for row in published.compare(dataset, checked)}


@pytest.mark.parametrize(("counted", "reason"), [(29994, TWICE), (30000, ""), (34946, ""), (29993, "")])
def test_a_reason_explains_one_count(counted: int, reason: str) -> None:
    found = compared("kinetics-600", (VAL, {"rows": 30000, "videos": counted, "clips": 30000}))
    assert found == {"clips": (30000, 30000, ""), "videos": (30000, counted, reason)}


def test_published_totals_of_ava_are_rounded() -> None:
    halves = [(split, {"labels": 105_500, "persons": 48_100, "segments": 28_000}) for split in (TRAIN, TEST)]
    found = compared("ava-v1.0", *halves)
    assert found["labels"][:2] == (210_000, 211_000)
    assert found["persons"][:2] == (96_000, 96_200)
    assert found["segments"][:2] == (57_600, 56_000)
    assert all("announcement" in reason for _, _, reason in found.values())
    assert compared("ava-v1.0", (TRAIN, {"labels": 150_000})) == {}
    wrong = compared("ava-v1.0", *((split, {"labels": 900_000}) for split in (TRAIN, TEST)))
    assert wrong == {"labels": (210_000, 1_800_000, "")}


@pytest.mark.parametrize(("name", "total"), [("ava-v2.1", 1_580_000), ("ava-v2.2", 1_620_000)])
def test_labels_of_the_test_split_were_never_released(name: str, total: int) -> None:
    published_labels, counted, reason = compared(name, (TRAIN, {"labels": 837_318}), (VAL, {"labels": 237_140}))[
        "labels"
    ]
    assert (published_labels, counted) == (total, 1_074_458)
    assert "never released" in reason


def test_totals_of_active_speakers_and_of_the_first_kinetics() -> None:
    found = compared("ava-activespeaker-v1.0", (TRAIN, {"faces": 2_680_000, "tracks": 30_000}), (VAL, {}))
    assert found == {}
    found = compared(
        "ava-activespeaker-v1.0", *((split, {"faces": 1_825_000, "tracks": 19_500}) for split in (TRAIN, VAL))
    )
    assert {name: row[:2] for name, row in found.items()} == {
        "faces": (3_650_000, 3_650_000), "tracks": (39_000, 39_000)
    }  # fmt: skip
    files = ((TRAIN, {"clips": 246_534}), (VAL, {"clips": 19_906}), (TEST, {"clips": 38_685}))
    assert compared("kinetics-400", *files)["clips"][:2] == (306_245, 305_125)


def test_what_is_counted_for_them(tmp_path: Path) -> None:
    row: Row = ("-idvideo__1", 904, "0.1", "0.1", "0.2", "0.2", 1)
    rows = [row, (*row[:6], 2), (row[0], 907, *row[2:])]
    write_v10(tmp_path, {TEST: rows})
    [file] = V10.files_of(Role.LABELS, (TEST,))
    numbers = check.check_file(V10, tmp_path / file.name, file).counts
    assert (numbers["labels"], numbers["persons"], numbers["segments"]) == (3, 2, 2)


def kinetics(folder: Path, names: list[str]) -> tuple[Dataset, list[check.Checked]]:
    """Return Kinetics-600 with a val file of so many classes."""
    dataset = catalogue.load("kinetics-600")
    rows = [f"{name},{number:011d},1,11,val\n" for number, name in enumerate(names)]
    (folder / "validate.csv").write_text(HEADER + "".join(rows))
    return dataset, check.check(dataset, folder, [VAL])


def test_a_file_of_another_dataset_is_worth_a_note(tmp_path: Path) -> None:
    dataset, checked = kinetics(tmp_path, [f"class {number}" for number in range(601)])
    assert published.notes(dataset, checked) == [
        "validate.csv: names 601 classes, and kinetics-600 has 600; is it a file of another dataset?",
        "validate.csv: matches no copy that is known; official files are refreshed, and copies drift",
    ]


def test_a_known_copy_of_the_right_classes_is_worth_none(tmp_path: Path) -> None:
    dataset, checked = kinetics(tmp_path, ["yoga"])
    assert len(published.notes(dataset, checked)) == 1
    label_map = catalogue.load("ava-v2.2").files_of(Role.LABEL_MAP)[0]
    known = check.Checked(label_map, DATA / "ava_action_list_v2.2.pbtxt", {"classes": 80})
    assert published.notes(catalogue.load("ava-v2.2"), [known]) == []


# --- the table of `stats` ---


def kinetics_table(val: int, test: int) -> dict[tuple[str, str], dict[str, object]]:
    """Return the nominal table of Kinetics-600 as it would be if the files had so many videos."""
    dataset = catalogue.load("kinetics-600")
    rows = pd.DataFrame(columns=["split", "label", "video_id", "start", "end"])
    found = reading.Annotations(dataset, (VAL, TEST), (), {}, rows, rows, frozenset(), {})
    numbers = [("val", val, 30000), ("test", test, 72924), ("all", val + test, 30000 + test)]
    table = nominal.compare(found, pd.DataFrame(numbers, columns=["split", "videos", "clips"]))
    return {(row["split"], row["what"]): row for row in records(table)}


def test_stats_sets_the_published_figure_beside_the_counted_one() -> None:
    table = kinetics_table(29994, 72924)
    row = table["val", "videos"]
    assert (row["nominal"], row["difference"], row["why"]) == (30000, -6, TWICE)
    assert (table["all", "videos"]["nominal"], table["all", "videos"]["why"]) == (30000 + 72924, TWICE)
    assert kinetics_table(34946, 72924)["val", "videos"]["why"] == "the file names more than were published"


def test_stats_knows_published_totals(tmp_path: Path) -> None:
    row: Row = ("-idvideo__1", 904, "0.1", "0.1", "0.2", "0.2", 1)
    found = reading.read(V10, write_v10(tmp_path, {TRAIN: [row], TEST: [row]}), (TRAIN, TEST))
    table = {(row["split"], row["what"]): row for row in records(nominal.compare(found, counts.splits(found)))}
    assert {what: table["all", what]["nominal"] for what in ("segments", "labels", "persons")} == {
        "segments": 57_600, "labels": 210_000, "persons": 96_000
    }  # fmt: skip
    assert table["test", "classes"]["nominal"] == 80
    assert (
        table["all", "labels"]["why"]
        == "the file names fewer: it is a part, or was refreshed to leave out what is gone"
    )
    assert len(table) == len(nominal.compare(found, counts.splits(found)))
    assert clips.ALL == counts.ALL
