"""`--key-frames` where films have annotated seconds, and clips annotated instants (AVA-Kinetics)."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import simplejpeg

from avakit import journal
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


def test_a_clip_goes_on_for_two_seconds_after_its_key_frame(both_world: World) -> None:
    """So it gives all its key frames without its video, the one at its very end, too; and mmaction2 what it reads."""
    both_world.run("prepare", "--manifest", "tinyboth.yaml", "--drop", "videos")
    assert not list((both_world.root / "k" / "videos").iterdir())
    lasts = {}
    for path in (both_world.root / "both" / "clips").rglob("*.mp4"):
        with av.open(str(path)) as clip:
            stream = clip.streams.video[0]
            lasts[path.stem] = Fraction(stream.frames) / stream.average_rate
    assert lasts == {
        "-clip-ok-01_000001_000004": Fraction(88, 25),  # 2.516 s + 2 s - 1 s, in whole frames
        "clip_two__2_000002_000005": 5,
        "clip_two__2_000004_000007": Fraction(123, 30),
    }
    records = {each.item: each for each in journal.read(both_world.root).present.values() if each.stage == "clip"}
    assert records["clip_two__2_000002_000005"].facts["span"] == ["2", "7"]
    both_world.run("extract-frames", "--dataset", "tinyboth", "--key-frames")
    keys = both_world.root / "both" / "keys"
    assert {path.name: list(shown(path)) for path in keys.iterdir()} == {name: list(KEYS[name]) for name in KEYS}
    rows = both_world.json("prepare", "--dataset", "tinyboth", "--key-frames", "--drop", "videos")
    assert {row["status"] for row in rows if row["type"] == "outcome"} == {"cached"}
    both_world.run("verify")
    both_world.run("extract-frames", "--dataset", "tinyboth", "--ids", "clip_two__2")
    frames = both_world.root / "k" / "rawframes"
    assert {path.name: len(list(path.iterdir())) for path in frames.iterdir()} == {
        "clip_two__2_000002_000005": 150, "clip_two__2_000004_000007": 123,
    }  # fmt: skip


def test_a_clip_without_its_margin_is_cut_again(both_world: World) -> None:
    """As one of an earlier avakit is, or of a subset with fewer key frames."""
    both_world.run("prepare", "--manifest", "tinyboth.yaml")
    key = "both/clips/val/yoga/clip_two__2_000002_000005"
    record = journal.read(both_world.root).present[key]
    earlier = {name: value for name, value in record.facts.items() if name != "span"}
    journal.append(both_world.root, replace(record, facts=earlier, time=journal.now()))
    rows = both_world.json("cut", "--dataset", "tinyboth")
    assert [(row["item"], row["status"]) for row in rows if row["type"] == "outcome" and row["status"] != "cached"] == [
        ("clip_two__2_000002_000005", "done")
    ]
    assert journal.read(both_world.root).present[key].facts["span"] == ["2", "7"]


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
