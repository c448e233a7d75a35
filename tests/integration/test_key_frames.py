"""`--key-frames` where films have annotated seconds, and clips annotated instants (AVA-Kinetics)."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import simplejpeg

from demo import films
from tests.integration import reels
from tests.integration.world import World

KEYS = {
    "-Reel_mp4-1": {31: "7", 61: "8"},
    "-clip-ok-01_000001_000004": {46: "2.516"},
    "clip_two__2_000002_000005": {41: "3.333333", 91: "5"},
    "clip_two__2_000004_000007": {31: "5", 64: "6.1"},
}


def shown(folder: Path) -> dict[int, int]:
    """Return the source index that each frame of a folder shows, by number."""
    pictures = {int(path.stem.removeprefix("img_")): path.read_bytes() for path in folder.iterdir()}
    return {n: films.read_strip(simplejpeg.decode_jpeg(data, "GRAY")[:, :, 0]) for n, data in sorted(pictures.items())}


def nearest(video: Path, instants: dict[int, str]) -> dict[int, int]:
    begins, _ = reels.times(video)
    return {number: reels.nearest(begins, Fraction(instant)) for number, instant in instants.items()}


def stages_of(world: World) -> dict[str, dict[str, Any]]:
    lines = world.json("plan", "--dataset", "tinyboth", "--key-frames")
    return {line["stage"]: line for line in lines if line["type"] == "stage"}


def video_of(world: World, name: str) -> Path:
    place = world.server.state.folder / ("videos" if name == "-Reel_mp4-1" else "youtube")
    return place / f"{name[:11]}.mp4"


def test_each_key_frame_shows_the_source_frame_nearest_to_its_instant(both_world: World) -> None:
    """In one run from the first byte; prepare makes frames because they were asked for."""
    planned = both_world.json("plan", "--manifest", "tinyboth.yaml", "--key-frames", expect=65)
    assert planned == []
    both_world.run("fetch", "--manifest", "tinyboth.yaml")
    stages = stages_of(both_world)
    assert {stage: line["count"] for stage, line in stages.items()} == {"video": 3, "window": 1, "clip": 3, "frames": 4}
    assert stages["frames"]["files"] == 4 + 7
    both_world.run("prepare", "--dataset", "tinyboth", "--key-frames")
    keys = both_world.root / "both" / "keys"
    assert sorted(path.name for path in keys.iterdir()) == sorted(KEYS)
    for name, instants in KEYS.items():
        assert shown(keys / name) == nearest(video_of(both_world, name), instants), name
    assert {line["count"] for line in stages_of(both_world).values()} == {0}
    both_world.run("verify")
    narrow = both_world.json("verify", "--dataset", "tinyboth", "--ids", "clip_two__2")
    paths = {line["path"] for line in narrow if line["type"] == "finding"}
    assert {path for path in paths if not path.startswith("annotations/")} == {
        "k/videos/clip_two__2.mp4", "both/keys/clip_two__2_000002_000005", "both/keys/clip_two__2_000004_000007",
        "both/clips/val/yoga/clip_two__2_000002_000005.mp4", "both/clips/val/vault/clip_two__2_000004_000007.mp4",
    }  # fmt: skip
    (keys / "clip_two__2_000002_000005" / "img_00041.jpg").write_bytes(b"")
    both_world.run("verify", expect=4)
    both_world.run("verify", "--repair")
    name = "clip_two__2_000002_000005"
    assert shown(keys / name) == nearest(video_of(both_world, name), KEYS[name])


def test_a_clip_file_alone_gives_the_key_frames_inside_it(both_world: World) -> None:
    """The instant at the very end of a clip is in its video alone, which is had again for it; then it goes again."""
    both_world.run("prepare", "--manifest", "tinyboth.yaml", "--drop", "videos")
    assert not list((both_world.root / "k" / "videos").iterdir())
    records = both_world.json("extract-frames", "--dataset", "tinyboth", "--key-frames", expect=75)
    states = {r["item"]: (r["status"], r["reason"]) for r in records if r["type"] == "outcome"}
    assert states == {
        "-Reel_mp4-1": ("done", ""),
        "-clip-ok-01_000001_000004": ("done", ""),
        "clip_two__2_000002_000005": ("transient", "not_downloaded"),
        "clip_two__2_000004_000007": ("done", ""),
    }
    keys = both_world.root / "both" / "keys"
    assert list(shown(keys / "clip_two__2_000004_000007")) == [31, 64]
    outcomes = both_world.json("prepare", "--dataset", "tinyboth", "--key-frames", "--drop", "videos")
    assert {(r["item"], r["stage"]) for r in outcomes if r["type"] == "outcome" and r["status"] == "done"} == {
        ("clip_two__2", "video"), ("clip_two__2_000002_000005", "frames"),
    }  # fmt: skip
    name = "clip_two__2_000002_000005"
    assert shown(keys / name) == nearest(video_of(both_world, name), KEYS[name])
    assert not list((both_world.root / "k" / "videos").iterdir())
    both_world.run("verify")


def test_a_subset_with_fewer_key_frames_has_a_folder_of_its_own(both_world: World) -> None:
    both_world.run("prepare", "--manifest", "tinyboth.yaml")
    both_world.run("subset", "small", "--dataset", "tinyboth", "--classes", "17")
    folder = both_world.root / "annotations" / "small"
    assert (folder / "keys.csv").read_text().count("\n") == 2
    assert not (folder / "films.csv").exists()
    assert (folder / "names.txt").read_text() == ""
    both_world.run("check", "--dataset", "small")
    outcomes = both_world.json("prepare", "--dataset", "small", "--key-frames")
    states = {(r["item"], r["stage"]): r["status"] for r in outcomes if r["type"] == "outcome"}
    assert {status for (_, stage), status in states.items() if stage != "frames"} == {"cached"}
    keys = both_world.root / "small" / "keyframes"
    assert {path.name: list(shown(path)) for path in keys.iterdir()} == {
        "-clip-ok-01_000001_000004": [46], "clip_two__2_000002_000005": [91], "clip_two__2_000004_000007": [31],
    }  # fmt: skip
    both_world.run("verify")
    both_world.run("subset", "whole", "--dataset", "tinyboth", "--ids=-clip-ok-01")
    assert "key_frames: both/keys" in (both_world.root / ".avakit/datasets/whole.yaml").read_text()


def test_labels_of_no_single_frame_are_refused_in_one_sentence(clip_world: World) -> None:
    for verb in ("prepare", "extract-frames"):
        refused = clip_world.run(verb, "--dataset", "ava-speech-v1.0", "--key-frames", expect=2)
        assert refused.stderr.count("\n") == 1
        assert "ava-speech-v1.0 has no key frames; its labels are not of single frames" in refused.stderr
