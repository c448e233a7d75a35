"""`avakit subset`: a part of a dataset is a dataset of its own, for every verb."""

import json
from pathlib import Path

from tests.integration.world import FILMS, World

MANIFEST = ".avakit/datasets/small.yaml"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def made(world: World) -> dict[str, bytes]:
    """Return everything that makes up the subset `small`."""
    return contents(world.root / "annotations" / "small") | contents(world.root / ".avakit" / "datasets")


def test_a_class_of_films_is_prepared_without_making_anything_twice(world: World) -> None:
    world.run("prepare", "--manifest", "tiny.yaml", "--ids=-Reel_mp4-1")
    world.run("subset", "small", "--dataset", "tiny", "--classes", "action 17", "--ids=-Reel_mp4-1,reel-mkv-02")
    folder = world.root / "annotations" / "small"
    parent = world.root / "annotations" / "tiny"
    rows = (parent / "tiny_val.csv").read_bytes().splitlines(keepends=True)
    assert (folder / "tiny_val.csv").read_bytes() == b"".join(
        row for row in rows if b",17," in row and b"reelvarie" not in row
    )
    assert (folder / "actions.pbtxt").read_text() == 'item {\n  name: "action 17"\n  id: 17\n}\n'
    assert (folder / "tiny_files.txt").read_text() == "-Reel_mp4-1.mp4\nreel-mkv-02.mkv\n"
    assert (folder / "tiny_excluded.csv").read_text() == "-Reel_mp4-1,0008\n"

    records = world.json("prepare", "--dataset", "small")
    states = {(r["item"], r["stage"]): r["status"] for r in records if r["type"] == "outcome"}
    assert {status for (item, _), status in states.items() if item == "-Reel_mp4-1"} == {"cached"}
    assert {status for (item, _), status in states.items() if item == "reel-mkv-02"} == {"done"}
    assert len(states) == 6
    world.run("verify")
    again = world.json("prepare", "--dataset", "tiny", "--ids", "reel-mkv-02")
    assert {r["status"] for r in again if r["type"] == "outcome"} == {"cached"}


def test_the_same_arguments_give_the_same_bytes_and_others_are_refused(world: World) -> None:
    arguments = ("subset", "small", "--dataset", "tiny", "--sample", "0.7", "--seed", "3", "--balanced", "4")
    world.run("fetch", "--manifest", "tiny.yaml")
    world.run(*arguments)
    first = made(world)
    world.run(*arguments)
    assert made(world) == first
    refused = world.run(*arguments[:-1], "2", expect=2)
    assert "small was made in another way (balanced was 4); take another name, or --replace it" in refused.stderr
    assert made(world) == first
    world.run(*arguments[:-1], "2", "--replace")
    assert made(world) != first
    world.run(*arguments, "--replace", "--output", "out.yaml")
    assert made(world).keys() == first.keys()
    assert made(world)["tiny_val.csv"] == first["tiny_val.csv"]
    assert (world.folder / "out.yaml").read_bytes() == first["small.yaml"] == made(world)["small.yaml"]
    world.run("verify")


def test_a_lost_or_damaged_file_is_made_again_from_the_parent(world: World) -> None:
    world.run("fetch", "--manifest", "tiny.yaml")
    world.run("subset", "small", "--dataset", "tiny", "--classes", "17", "--renumber")
    first = made(world)
    folder = world.root / "annotations" / "small"
    (folder / "tiny_val.csv").unlink()
    (folder / "renumbered_ids.csv").write_text("nonsense")
    broken = world.run("verify", expect=4)
    assert "renumbered_ids.csv" in broken.stdout
    world.run("verify", "--repair")
    assert made(world) == first
    (folder / "actions.pbtxt").unlink()
    world.run("fetch", "--dataset", "small")
    assert made(world) == first
    world.run("verify")
    (folder / "actions.pbtxt").unlink()
    labels = world.root / "annotations" / "tiny" / "tiny_val.csv"
    labels.write_text(labels.read_text().replace("0.100", "0.101"))
    refused = world.run("prepare", "--dataset", "small", expect=65)
    assert "tiny_val.csv: is not the file that was pinned" in refused.stderr
    world.run("fetch", "--dataset", "tiny", "--accept-changed")
    refused = world.run("prepare", "--dataset", "small", expect=65)
    assert "can't be made again: the annotation files of tiny are others" in refused.stderr


def test_new_ids_are_the_same_in_rows_and_label_map(world: World) -> None:
    world.run("fetch", "--manifest", "tiny.yaml")
    world.run("subset", "small", "--dataset", "tiny", "--renumber")
    folder = world.root / "annotations" / "small"
    assert (folder / "renumbered_ids.csv").read_text() == "old_id,new_id,name\n12,1,action 12\n17,2,action 17\n"
    rows = (world.root / "annotations" / "tiny" / "tiny_val.csv").read_text()
    expected = rows.replace(",12,0\n", ",1,0\n").replace(",17,1\n", ",2,1\n")
    assert (folder / "tiny_val.csv").read_text() == expected
    assert (folder / "actions.pbtxt").read_text().count("id: ") == 2
    videos = world.json("prepare", "--dataset", "small", "--classes", "action 17", "--dry-run")
    assert {record["item"] for record in videos if record["type"] == "target"} == set(FILMS)
    replaced = world.run("subset", "small", "--dataset", "tiny", "--replace")
    assert "1 files or folders of the former small are in .avakit/quarantine" in replaced.stderr
    assert not (folder / "renumbered_ids.csv").exists()
    assert (folder / "tiny_val.csv").read_text() == rows
    world.run("verify")


def test_key_frames_of_another_set_have_their_own_folder(world: World) -> None:
    """Rows are thinned out to two, so fewer seconds are annotated; a replaced subset forgets its key frames."""
    world.run("fetch", "--manifest", "tiny.yaml")
    one = ("subset", "small", "--dataset", "tiny", "--ids", "reel-mkv-02", "--balanced")
    world.run(*one, "1")
    extract = ("prepare", "--dataset", "small", "--key-frames")
    world.run(*extract)
    frames = world.root / "small" / "keyframes" / "reel-mkv-02"
    before = len(list(frames.iterdir()))
    assert before in (1, 2)
    world.run(*one, "3", "--replace")
    assert not frames.exists()
    world.run(*extract)
    assert len(list(frames.iterdir())) > before
    world.run("verify")
    world.run("subset", "whole", "--dataset", "tiny", "--ids", "reel-mkv-02")
    assert "key_frames: tiny/keys" in (world.root / ".avakit/datasets/whole.yaml").read_text()


def test_clips_that_the_parent_has_are_linked(clip_world: World) -> None:
    clip_world.run("prepare", "--manifest", "tinetics.yaml", "--drop", "videos")
    classes = '"passing American football (not in game)",massaging person\'s head'
    result = clip_world.run("subset", "small", "--dataset", "tinetics", "--classes", classes)
    assert "2 clips of tinetics are linked" in result.stdout
    theirs, ours = clip_world.root / "tinetics" / "train", clip_world.root / "small" / "train"
    assert sorted(path.name for path in ours.iterdir()) == [
        "massaging_person's_head", "passing_American_football_(not_in_game)",
    ]  # fmt: skip
    for path in ours.rglob("*.mp4"):
        assert path.samefile(theirs / path.relative_to(ours))
    header, *rows = (clip_world.root / "annotations" / "tinetics" / "train.csv").read_text().splitlines()
    assert (clip_world.root / "annotations" / "small" / "train.csv").read_text().splitlines() == [header, *rows[:2]]
    outcomes = clip_world.json("prepare", "--dataset", "small", "--drop", "videos")
    assert {r["status"] for r in outcomes if r["type"] == "outcome"} == {"cached"}
    clip_world.run("verify")
    clip_world.run("subset", "small", "--dataset", "tinetics", "--limit", "1", "--classes", "abseiling", "--replace")
    assert not list(ours.rglob("*head*.mp4"))
    clip_world.run("verify")


def test_a_subset_of_a_subset(clip_world: World) -> None:
    clip_world.run("fetch", "--manifest", "tinetics.yaml")
    clip_world.run("subset", "small", "--dataset", "tinetics", "--classes", "abseiling")
    clip_world.run("subset", "smaller", "--dataset", "small", "--ids", "clip_two__2")
    assert clip_world.json("plan", "--dataset", "smaller")[1]["count"] == 1
    for name in ("small", "smaller"):
        (clip_world.root / "annotations" / name / "train.csv").unlink()
    clip_world.run("fetch", "--dataset", "smaller")
    clip_world.run("verify")


def test_what_can_not_be_made(world: World, clip_world: World) -> None:
    world.run("fetch", "--manifest", "tiny.yaml")
    for name, why in (("ava-v2.2", "is a dataset already"), ("Small", "can't be a name"), ("tiny", "dataset already"),
                      ("kinetics", "has a folder"), ("annotations", "a folder of avakit's own")):  # fmt: skip
        assert why in world.run("subset", name, "--dataset", "tiny", expect=2).stderr
    assert "unknown class" in world.run("subset", "small", "--dataset", "tiny", "--classes", "swim", expect=2).stderr
    none = world.run("subset", "small", "--dataset", "tiny", "--min-samples", "1000", expect=65)
    assert "nothing of tiny is left" in none.stderr
    clip_world.run("fetch", "--manifest", "tinetics.yaml")
    assert "names and no ids" in clip_world.run("subset", "s", "--dataset", "tinetics", "--renumber", expect=2).stderr


def test_a_dry_run_and_json(world: World) -> None:
    early = world.run("subset", "small", "--manifest", "tiny.yaml", "--dry-run", expect=65)
    assert "not here yet; run `avakit fetch` first" in early.stderr
    world.run("fetch", "--manifest", "tiny.yaml")
    dry = world.run("subset", "small", "--dataset", "tiny", "--balanced", "2", "--dry-run", "--verbose")
    assert "class 17: 2 of 12 samples" in dry.stdout
    assert not (world.root / "annotations" / "small").exists()
    *classes, summary = world.json("subset", "small", "--manifest", "tiny.yaml", "--balanced", "2")
    assert [(c["class"], c["samples"], c["samples_before"]) for c in classes] == [(12, 2, 12), (17, 2, 12)]
    assert summary["rows"] == 4
    assert (world.root / MANIFEST).is_file()


def test_a_manifest_alone_says_how_its_files_are_made(world: World, tmp_path: Path) -> None:
    world.run("fetch", "--manifest", "tiny.yaml")
    world.run("subset", "small", "--dataset", "tiny", "--classes", "12", "--output", "mine.yaml")
    elsewhere = str(tmp_path / "elsewhere")
    alone = world.run("prepare", "--manifest", "mine.yaml", "--root", elsewhere, expect=65)
    assert "Made by: avakit subset small --dataset tiny --split val --classes 12" in alone.stderr
    given = world.root / "annotations" / "small"
    world.run("fetch", "--manifest", "mine.yaml", "--root", elsewhere, "--from", str(given))
    lock = json.loads((tmp_path / "elsewhere" / "annotations" / "small" / "sources.lock.json").read_text())
    assert all(pin["known"] for pin in lock.values())
