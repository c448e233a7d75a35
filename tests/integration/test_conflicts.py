"""Journals that contradict each other are told and settled; what is rightly made again makes none."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from avakit import journal
from avakit.journal import Record
from avakit.layout import JOURNAL
from tests.integration import reels
from tests.integration import world as worlds
from tests.integration.world import World

FILM = "-Reel_mp4-1"
TINY = ("--manifest", "tiny.yaml", f"--ids={FILM}")
VIDEO, WINDOW, FRAMES = f"tiny/videos/{FILM}.mp4", f"tiny/windows/{FILM}.mkv", f"tiny/rawframes/{FILM}"


def serve_another_film(world: World) -> None:
    """Have the mirror deliver other bytes under the same name."""
    served = world.server.state.folder / "videos" / f"{FILM}.mp4"
    served.unlink()
    shutil.copy(reels.make(worlds.REELS, "25.mp4"), served)


def lines(root: Path) -> list[dict[str, str]]:
    found = [json.loads(line) for path in (root / JOURNAL).rglob("*.jsonl") for line in path.read_bytes().splitlines()]
    return sorted(found, key=lambda line: line["time"])


def removals(root: Path) -> list[tuple[str, str]]:
    return [(line["key"], line["reason"]) for line in lines(root) if line["status"] == "removed"]


def present(root: Path) -> dict[str, Record]:
    return dict(journal.read(root).present)


def contradict(root: Path, path: str, second: str) -> Record:
    """Put a journal in place that another node wrote: the same path, with other bytes."""
    record = next(each for each in journal.read(root).present.values() if each.path == path)
    other = replace(record, sha256="f" * 64, time=record.time[:17] + second + record.time[19:])
    folder = root / ".avakit/journal" / record.dataset
    line = {name: value for name, value in vars(other).items() if value} | {"schema": 1}
    (folder / "20261121T070000000000-node2-77.jsonl").write_text(json.dumps(line) + "\n")
    return record


def test_what_vanished_and_comes_back_with_other_bytes_is_no_conflict(world: World) -> None:
    world.run("prepare", *TINY)
    before = present(world.root)
    serve_another_film(world)
    (world.root / VIDEO).unlink()
    (world.root / WINDOW).unlink()
    shutil.rmtree(world.root / FRAMES)
    world.run("prepare", *TINY)
    after = journal.read(world.root)
    keys = [each.rpartition(".")[0] for each in (VIDEO, WINDOW)] + [FRAMES]
    assert all(after.present[key].sha256 != before[key].sha256 for key in keys)
    assert after.conflicts == {}
    assert [removal for removal in removals(world.root) if removal[1] == "vanished"] == [(k, "vanished") for k in keys]
    world.run("verify")


def test_what_vanished_and_can_not_be_had_again_is_still_missed(world: World) -> None:
    world.run("download", *TINY)
    (world.root / VIDEO).unlink()
    (world.server.state.folder / "videos" / f"{FILM}.mp4").unlink()
    world.run("download", *TINY, "--sources", "mirror", expect=3)
    assert f"- {VIDEO}  (missing: vanished" in world.run("verify", expect=4).stdout


def test_frames_that_are_replaced_packed_and_unpacked_are_no_conflict(world: World) -> None:
    world.run("prepare", *TINY)
    (world.root / f".avakit/manifests/frames/{FRAMES}.sha256").unlink()
    world.run("prepare", *TINY)
    world.run("extract-frames", *TINY, "--pack", "tar")
    world.run("extract-frames", *TINY, "--unpack")
    assert [reason for _, reason in removals(world.root)] == ["replaced"] * 3
    assert journal.read(world.root).conflicts == {}


def test_a_changed_annotation_file_is_no_conflict(world: World) -> None:
    world.run("fetch", "--manifest", "tiny.yaml")
    served = world.server.state.folder / "annotations/tiny_val.csv"
    served.write_text(served.read_text() + "reel-mkv-02,0006,0.100,0.200,0.500,0.900,12,2\n")
    (world.root / "annotations/tiny/tiny_val.csv").unlink()
    world.run("fetch", "--manifest", "tiny.yaml", "--accept-changed")
    assert removals(world.root) == [("annotations/tiny/tiny_val.csv", "replaced")]
    assert journal.read(world.root).conflicts == {}


def test_two_roots_that_were_filled_apart_and_joined_are_a_conflict(world: World) -> None:
    """As two shards that published different bytes of one film; the disk has those that were copied last."""
    world.run("download", *TINY)
    serve_another_film(world)
    world.run("download", *TINY, "--root", "other")
    shutil.copytree(world.folder / "other", world.root, dirs_exist_ok=True)
    (conflict,) = journal.read(world.root).conflicts.values()
    checked = world.run("verify", expect=4).stdout
    assert (
        f"! {VIDEO}  (conflict: recorded as sha256 {conflict[0].sha256[:12]}… at {conflict[0].time} in tiny/" in checked
    )
    assert f"and as sha256 {conflict[1].sha256[:12]}… at {conflict[1].time} in tiny/" in checked
    run = world.run("download", *TINY, expect=4)
    assert f"! {VIDEO}  (conflict: recorded as" in run.stderr
    assert run.stdout.rstrip().endswith(f"-> exit 4 (conflict: {VIDEO})")
    world.run("journal", "compact")
    assert journal.read(world.root).conflicts == {VIDEO: conflict}, "no compaction settles it"
    world.run("verify", "--repair")
    assert journal.read(world.root).conflicts == {}
    world.run("download", *TINY)


@pytest.mark.parametrize("second", ["00", "59"])
def test_what_lies_on_the_disk_settles_a_conflict(world: World, second: str) -> None:
    """Whichever of the records is the newer one."""
    world.run("prepare", *TINY)
    record = contradict(world.root, FRAMES, second)
    assert FRAMES in journal.read(world.root).conflicts
    world.run("verify", "--repair")
    state = journal.read(world.root)
    assert (state.conflicts, state.present[FRAMES].sha256) == ({}, record.sha256)
    assert not list(world.root.glob(f".avakit/quarantine/*/{FRAMES}"))


def test_what_no_journal_tells_of_is_quarantined_and_made_again(world: World) -> None:
    world.run("download", *TINY)
    record = contradict(world.root, VIDEO, "59")  # by a clock that may be ahead of ours
    (world.root / VIDEO).write_bytes(b"\0" * record.bytes)
    world.run("verify", "--repair", "--quick")
    state = journal.read(world.root)
    assert (state.conflicts, state.present[record.key].sha256) == ({}, record.sha256)
    assert [path.read_bytes()[:4] for path in world.root.glob(f".avakit/quarantine/*/{VIDEO}")] == [b"\0" * 4]
