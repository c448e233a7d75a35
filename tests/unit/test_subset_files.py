"""What a subset consists of: the parent's own bytes, and new ids that agree in every file."""

import csv
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avakit import subset
from avakit.datasets import catalogue, derived, excerpt, parsers, selection
from avakit.datasets.selection import Selection, videos
from avakit.errors import ConfigInvalid, DataInvalid
from tests.unit.test_selection import DATA, K400, TEST, TRAIN, V22, VAL, ava, ids, k400

__all__ = ["ava", "k400"]

ACTIONS = parsers.read_label_map(DATA / "ava_action_list_v2.2.pbtxt")
FILMS = ["_-Z6wFjXtGQ", "-5KQ66BBWC4", "5BDj0ow5hnA"]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(FILMS), st.integers(902, 906), st.sampled_from(["0.1", "0.100", "0.25"]),
        st.sampled_from([1, 12, 17, 80]), st.integers(0, 2),
    ),
    min_size=1, max_size=40,
)  # fmt: skip
CLASSES = st.lists(st.sampled_from(["1", "12", "17", "80"]), unique=True, max_size=3)


def rooted(folder: Path, dataset: str = "ava-v2.2") -> Path:
    """Return a root with the annotation files of a folder."""
    root = folder / "root"
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder, root / "annotations" / dataset, ignore=shutil.ignore_patterns("root"), dirs_exist_ok=True)
    return root


def written(root: Path, built: subset.Subset) -> tuple[catalogue.Dataset, Path]:
    """Write a subset, and return its dataset and the folder of its files."""
    shutil.rmtree(root / "annotations" / built.name, ignore_errors=True)
    subset.write(root, built)
    subset.keep(root, built)
    return catalogue.load_file(root / ".avakit" / "datasets" / f"{built.name}.yaml"), root / "annotations" / built.name


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, CLASSES, st.one_of(st.none(), st.integers(1, 3)), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_rows_of_ava(
    ava: Path,
    rows: list[tuple[str, int, str, int, int]],
    classes: list[str],
    balanced: int | None,
    renumber: bool,
    end: str,
) -> None:
    """Kept rows are lines of the parent, in its order; new ids are the old ones by way of the written list."""
    lines = [f"{i},{ts:04d},{x},0.2,0.3,0.9,{action},{person}" for i, ts, x, action, person in rows]
    (ava / "ava_train_v2.2.csv").write_bytes("".join(line + end for line in lines).encode())
    root = rooted(ava)
    chosen = Selection((TRAIN,), classes=tuple(classes), balanced=balanced)
    if classes and not {row[3] for row in rows} & set(map(int, classes)):
        with pytest.raises(DataInvalid, match=r"nothing of ava-v2\.2 is left"):
            subset.build(V22, root, chosen, "part", renumber=renumber)
        return
    built = subset.build(V22, root, chosen, "part", renumber=renumber)
    dataset, folder = written(root, built)
    kept = built.files["ava_train_v2.2.csv"].decode()
    assert kept.count("\r\n") == (kept.count("\n") if end == "\r\n" else 0)
    names = parsers.read_label_map(folder / "ava_action_list_v2.2.pbtxt")
    back = {number: number for number in names}
    if renumber:
        with (folder / subset.NEW_IDS).open() as stream:
            back = {int(row["new_id"]): int(row["old_id"]) for row in csv.DictReader(stream)}
        assert sorted(back) == list(range(1, len(back) + 1))
        assert list(back.values()) == sorted(back.values())
    assert names == {new: ACTIONS[old] for new, old in back.items()}
    cells = [line.split(",") for line in kept.splitlines()]
    old = [",".join([*row[:6], str(back[int(row[6])]), row[7]]) for row in cells]
    remaining = iter(lines)
    assert all(line in remaining for line in old)
    parts, choice = selection.read(V22, root / "annotations" / "ava-v2.2", chosen)
    assert len(old) == len(choice.rows(parts[0])) == built.rows
    assert {line.split(",")[6] for line in old} <= (set(classes) or {"1", "12", "17", "80"})
    if balanced is not None:
        assert all(count <= balanced for count in built.samples.values())
    assert ids(videos(dataset, folder, Selection((TRAIN,)))) == list(choice.ids)


def test_the_sixty_classes_of_the_challenge(ava: Path) -> None:
    """Both label maps shrink to the same entries; lists hold the films that are left."""
    (ava / "extra.pbtxt").write_bytes((DATA / "ava_action_list_v2.2_for_activitynet_2019.pbtxt").read_bytes())
    sixty = parsers.read_label_map(ava / "extra.pbtxt")
    (ava / "extra.pbtxt").rename(ava / "ava_action_list_v2.2_for_activitynet_2019.pbtxt")
    root = rooted(ava)
    chosen = Selection((TRAIN, VAL, TEST), classes=tuple(map(str, sixty)))
    dataset, folder = written(root, subset.build(V22, root, chosen, "sixty", renumber=True))
    assert list(dataset.splits) == [TRAIN, VAL]
    maps = [parsers.read_label_map(folder / file.name) for file in dataset.files_of(catalogue.Role.LABEL_MAP)]
    assert [list(found) for found in maps] == [list(range(1, 61))] * 2
    assert maps[0] == maps[1] == dict(enumerate(sixty.values(), 1))
    names = (folder / "ava_file_names_trainval_v2.1.txt").read_text().splitlines()
    assert sorted(names) == ["-5KQ66BBWC4.mkv", "5BDj0ow5hnA.mp4", "_-Z6wFjXtGQ.mkv"]
    excluded = (folder / "ava_val_excluded_timestamps_v2.2.csv").read_text().splitlines()
    assert excluded == ["5BDj0ow5hnA,1038", "5BDj0ow5hnA,1058", "5BDj0ow5hnA,1065"]


def test_films_without_labels(ava: Path) -> None:
    root = rooted(ava)
    built = subset.build(V22, root, Selection((TEST,), sample=0.2, seed=1), "fifth")
    dataset, folder = written(root, built)
    found = videos(dataset, folder, Selection((TEST,)))
    whole = videos(V22, root / "annotations" / "ava-v2.2", Selection((TEST,), sample=0.2, seed=1))
    assert found == whole
    assert dataset.splits[TEST].videos == len(found)
    assert dataset.folders == V22.folders


def test_key_frames_are_shared_only_where_the_seconds_are_the_same(ava: Path) -> None:
    root = rooted(ava)
    same = subset.build(V22, root, Selection((TRAIN,), limit=1), "same")
    other = subset.build(V22, root, Selection((TRAIN,), classes=("80",)), "other")
    assert written(root, same)[0].folders == V22.folders
    assert written(root, other)[0].folders.key_frames == "other/keyframes"


def test_version_one_with_tabs_and_with_a_header(tmp_path: Path) -> None:
    v10 = catalogue.load("ava-v1.0")
    head = (DATA / "ava_test_v1.0_head.csv").read_text()
    (tmp_path / "ava_action_list_v1.0.pbtxt").write_bytes((DATA / "ava_action_list_v2.2.pbtxt").read_bytes())
    (tmp_path / "ava_file_names_trainval_v2.1.txt").write_text("_-Z6wFjXtGQ.mkv\n")
    (tmp_path / "ava_speech_file_names_v1.txt").write_text("053oq2xB3oU.webm")
    header = "video_id,middle_frame_timestamp,x1,y1,x2,y2,action_id,status\n"
    counts = []
    for text in (head, head.replace(",", "\t"), header + head.replace("\n", ",ok\n")):
        (tmp_path / "ava_test_v1.0.csv").write_text(text)
        root = rooted(tmp_path, "ava-v1.0")
        built = subset.build(v10, root, Selection((TEST,), classes=("12",), balanced=3), "bend")
        dataset, folder = written(root, built)
        kept = (folder / "ava_test_v1.0.csv").read_text().splitlines()
        assert set(kept) <= set(text.splitlines())
        assert len(videos(dataset, folder, Selection((TEST,)))) == 1
        counts.append([line.replace("\t", ",").removesuffix(",ok") for line in kept if line + "\n" != header])
    assert counts[0] == counts[1] == counts[2]
    assert len(counts[0]) == 3


def test_clips_keep_their_lines(k400: Path) -> None:
    root = rooted(k400, "kinetics-400")
    built = subset.build(K400, root, Selection((TRAIN, VAL, TEST), balanced=4), "few")
    dataset, folder = written(root, built)
    assert list(dataset.splits) == [TRAIN, VAL]
    for name in ("train.csv", "validate.csv"):
        whole, kept = ((place / name).read_bytes().splitlines() for place in (k400, folder))
        assert kept[0] == whole[0]
        assert len(kept) < len(whole)
        assert [line for line in whole if line in set(kept)] == kept
    assert videos(dataset, folder, Selection((TRAIN, VAL))) == videos(
        K400, root / "annotations" / "kinetics-400", Selection((TRAIN, VAL), balanced=4)
    )
    assert dataset.folders.clips == "few"
    with pytest.raises(ConfigInvalid, match="names and no ids"):
        subset.build(K400, root, Selection((VAL,)), "few", renumber=True)


def test_the_list_of_classes_of_version_two() -> None:
    data = (DATA / "ava_action_list_v2.0.csv").read_bytes()
    part = excerpt.label_map(data, {12, 80}, {12: 1, 80: 2})
    assert [line.split(b",")[0] for line in part.splitlines()] == [b"label_id", b"1", b"2"]
    assert excerpt.label_map(data, None, {}) == data


def test_a_whole_label_map_is_untouched() -> None:
    for name in ("ava_action_list_v2.2.pbtxt", "ava_action_list_v2.2_for_activitynet_2019.pbtxt"):
        data = (DATA / name).read_bytes()
        assert excerpt.label_map(data, None, {}) == data


def test_the_command_in_the_notes(ava: Path) -> None:
    root = rooted(ava)
    chosen = Selection((TRAIN,), classes=("80", "Bend/bow (at the waist)"), sample=0.9, seed=4, limit=1)
    built = subset.build(V22, root, chosen, "noted", renumber=True)
    expected = "avakit subset noted --dataset ava-v2.2 --split train --classes 1,80 --sample 0.9 --seed 4 --limit 1"
    assert derived.command(built.recipe) == expected + " --renumber"
    again = subset.build(V22, root, subset.selection_of(built.recipe), "noted", renumber=True)
    assert again == built


def test_every_manifest_survives_being_written(tmp_path: Path) -> None:
    """A subset's manifest is its parent's with some keys replaced: what is written is what was read."""
    for name in catalogue.names():
        parent = catalogue.load(name)
        files = {file.name: (file, "0" * 64) for file in parent.files}
        counts = {split: {"videos": 1} for split in parent.splits}
        recipe = {"name": "x", "parent": name, "renumber": False, "selection": {
            "splits": [], "ids": None, "classes": ["a, b"], "min_samples": 2, "balanced": None, "sample": None,
            "seed": 0, "limit": None,
        }}  # fmt: skip
        path = tmp_path / "x.yaml"
        path.write_text(derived.manifest(parent, "x", files, counts, recipe, shares=True))
        read = catalogue.load_file(path)
        assert derived.is_derived(read)
        assert not derived.is_derived(parent)
        assert read.sources == parent.sources
        assert (read.frames, read.clips, read.span, read.key_seconds) == (
            parent.frames, parent.clips, parent.span, parent.key_seconds,
        )  # fmt: skip
        assert """--classes '"a, b"' --min-samples 2""" in read.notes[0]
