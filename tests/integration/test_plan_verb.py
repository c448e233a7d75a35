"""What a dataset would take: from whom, how many bytes, how long, and whether the disk holds it."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.faults import Fault
from tests.integration.world import FILMS, World

TINY = ("--manifest", "tiny.yaml")


def by_type(rows: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["type"] == kind]


def bytes_of(world: World, *names: str) -> int:
    return sum((world.server.state.folder / "videos" / name).stat().st_size for name in names)


def expecting(world: World, expect: str) -> None:
    """Say in the manifest what a thing weighs on average."""
    manifest = world.folder / "tiny.yaml"
    manifest.write_text(manifest.read_text() + f"expect: {expect}\n")


def test_the_mirror_tells_how_long_its_films_are(world: World) -> None:
    world.run("fetch", *TINY)
    world.server.requests.clear()
    rows = world.json("plan", *TINY)
    total = bytes_of(world, "-Reel_mp4-1.mp4", "reel-mkv-02.mkv")
    (source,) = by_type(rows, "source")
    assert (source["source"], source["count"], source["figures"]) == ("mirror", 3, "asked the mirror")
    assert source["sample"] == {"asked": 3, "found": 2, "bytes": total // 2, "problem": ""}
    assert source["bytes"] == total // 2 * 3
    video = by_type(rows, "stage")[0]
    assert (video["bytes"], video["hours"]) == (source["bytes"], None), "no rate was measured here"
    assert {request.headers["range"] for request in world.server.requests} == {"bytes=0-0"}
    assert "has 2 of 3 that it was asked about" in world.run("plan", *TINY).stdout


def test_a_sample_is_small_and_can_be_left_out(world: World) -> None:
    world.run("fetch", *TINY)
    world.server.requests.clear()
    assert by_type(world.json("plan", *TINY, "--sample-heads", "1"), "source")[0]["sample"]["asked"] == 1
    assert len(world.server.requests) == 1
    (source,) = by_type(world.json("plan", *TINY, "--sample-heads", "0"), "source")
    assert (source["figures"], "sample" in source) == ("unknown", False)
    assert len(world.server.requests) == 1


def test_a_mirror_that_is_down_is_said(world: World) -> None:
    world.run("fetch", *TINY)
    said = world.run("plan", *TINY, "--mirror", "http://127.0.0.1:9/{id}.mp4").stdout
    assert re.search(r"mirror: asked first for 3 videos, unknown \(unknown\); .* the connection was refused", said)


def test_hours_come_from_what_was_delivered_here(world: World) -> None:
    world.run("prepare", *TINY, "--ids", "-Reel_mp4-1", "--drop", "videos,windows")
    rows = world.json("plan", *TINY, "--jobs", "2")
    video, _, frames = by_type(rows, "stage")
    assert video["count"] == frames["count"] == 2
    assert 0 < video["hours"] < 1
    assert frames["figures"] == "measured here"
    world.server.inject("/videos/reel-mkv-02.mkv", Fault.NOT_FOUND)
    (source,) = by_type(world.json("plan", *TINY, "--sample-heads", "0"), "source")
    assert source["figures"] == "measured here"
    assert source["bytes"] == 2 * bytes_of(world, "-Reel_mp4-1.mp4")


def test_each_source_has_its_share(world: World, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "reelvarie-3.mp4").write_bytes(b"film")
    world.run("fetch", *TINY)
    (world.folder / "tiny_files.txt").write_text("-Reel_mp4-1.mp4\n")
    world.run("fetch", *TINY, "--from", ".", "--accept-changed")
    rows = world.json("plan", *TINY, "--folder", "disk")
    shares = {row["source"]: (row["count"], row["bytes"], row["figures"]) for row in by_type(rows, "source")}
    film = bytes_of(world, "-Reel_mp4-1.mp4")
    assert shares == {
        "folder": (1, 0, "linked"), "mirror": (1, film, "asked the mirror"), "youtube": (1, 0, "unknown"),
    }  # fmt: skip
    (only,) = by_type(world.json("plan", *TINY, "--sources", "mirror", "--ids", "reel-mkv-02"), "source")
    assert (only["source"], only["count"]) == ("", 1), "it is on no list"


def test_what_can_not_fit_is_refused_before_it_begins(world: World) -> None:
    expecting(world, "{frame_bytes: 1000000000000}")
    world.run("fetch", *TINY)
    assert "IT DOES NOT FIT" in world.run("plan", *TINY, expect=74).stdout
    world.server.requests.clear()
    refused = world.run("prepare", *TINY, expect=74)
    assert "--no-space-check begins all the same" in refused.stderr
    assert refused.stdout.splitlines()[-1] == "avakit prepare: nothing could begin -> exit 74"
    assert {request.headers["range"] for request in world.server.requests} == {"bytes=0-0"}, "as plan asks"
    assert not (world.root / "tiny").exists()
    done = world.run("prepare", *TINY, "--ids", "-Reel_mp4-1", "--no-space-check").stdout
    assert done.splitlines()[-1] == "avakit prepare: 3 done -> exit 0"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_what_plan_refuses_prepare_refuses_too(world: World, tmp_path: Path) -> None:
    """Only the mirror knows that the film is longer than the disk."""
    world.run("fetch", *TINY)
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=True)
    try:
        (world.root / "tiny").mkdir()
        (world.root / "tiny/videos").symlink_to(small)
        tiny = (*TINY, "--ids", "reel-mkv-02")
        assert "IT DOES NOT FIT" in world.run("plan", *tiny, expect=74).stdout
        world.server.requests.clear()
        for verb in ("prepare", "download"):
            assert "--no-space-check" in world.run(verb, *tiny, expect=74).stderr
        assert [request.headers["range"] for request in world.server.requests] == ["bytes=0-0"] * 2
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_dropped_films_need_room_for_one_at_a_time(world: World) -> None:
    free = os.statvfs(world.folder).f_bavail * os.statvfs(world.folder).f_frsize
    expecting(world, f"{{video_bytes: {free // 2}}}")
    world.run("fetch", *TINY)
    plan = ("plan", *TINY, "--sample-heads", "0", "--jobs", "1")
    (disk,) = by_type(world.json(*plan, "--drop", "videos,windows"), "disk")
    assert disk["needed_bytes"] < free * 3 // 4


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_folder_linked_to_another_disk_counts_there(world: World, tmp_path: Path) -> None:
    expecting(world, "{frame_bytes: 10000}")
    world.run("fetch", *TINY)
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=1k", "tmpfs", str(small)], check=True)
    try:
        (world.root / "tiny").mkdir()
        (world.root / "tiny/rawframes").symlink_to(small)
        rows = by_type(world.json("plan", *TINY, expect=74), "disk")
        assert {Path(row["folder"]).name: row["fits"] for row in rows} == {"data": True, "rawframes": False}
        assert sum(row["needed_files"] for row in rows) == len(FILMS) * (3 + 120)
        said = world.run("prepare", *TINY, expect=74).stderr
        assert "rawframes has room for 0.00" in said
    finally:
        subprocess.run(["umount", str(small)], check=True)
