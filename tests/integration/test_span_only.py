"""The window of a film instead of the film, through the command line; and the film where that can't be."""

import json
import time
from typing import Any

from avakit.tools.leftovers import is_alive
from tests.faults import Fault, Injection
from tests.integration import world as worlds
from tests.integration.world import World

TINY = ("--manifest", "tiny.yaml", "--sources", "mirror", "--ids", "reel-mkv-02")
SPAN_ONLY = (*TINY, "--span-only")
WINDOW, FILM = "tiny/windows/reel-mkv-02.mkv", "tiny/videos/reel-mkv-02.mkv"
ADDRESS = "/videos/reel-mkv-02.mkv"


def media(world: World) -> set[str]:
    found = (path for path in (world.root / "tiny").rglob("*") if path.is_file() and path.suffix != ".jpg")
    return {str(path.relative_to(world.root)) for path in found}


def record(world: World, path: str) -> dict[str, Any]:
    """Return the newest record of a path."""
    lines = (json.loads(line) for file in world.root.rglob("*.jsonl") for line in file.read_text().splitlines())
    found: dict[str, Any] = max((line for line in lines if line.get("path") == path), key=lambda line: line["time"])
    return found


def test_a_download_is_of_the_window_and_counts_as_done(world: World) -> None:
    first = world.run("download", *SPAN_ONLY)
    assert "of the film only its window" in first.stderr
    assert "1 done -> exit 0" in first.stdout
    assert media(world) == {WINDOW}
    film = (world.server.state.folder / ADDRESS[1:]).stat().st_size
    facts = record(world, WINDOW)["facts"]
    assert facts["source"]["url"] == world.server.url + ADDRESS
    assert facts["source"]["bytes"] == film
    assert facts["source"]["fetched_bytes"] < film
    assert facts["source"]["etag"].startswith('"')
    assert facts["span"] == ["6", "10"]
    assert "1 cached, nothing to do" in world.run("download", *SPAN_ONLY).stdout
    world.run("verify")
    rows = world.json("status", *TINY[:2], "--ids", "reel-mkv-02")
    assert [(row["present"], row["reasons"]) for row in rows if row["stage"] == "video"] == [
        (0, [["not needed", "", 1]])
    ]


def test_a_later_need_for_the_whole_film_is_met(world: World) -> None:
    world.run("prepare", *SPAN_ONLY)
    frames = worlds.strips(world.root / "tiny/rawframes/reel-mkv-02")
    before = (world.root / WINDOW).read_bytes()
    assert "1 to make" in world.run("download", *TINY, "--whole", "-n").stdout
    assert "1 done, 2 cached" in world.run("prepare", *TINY, "--whole").stdout
    assert media(world) == {WINDOW, FILM}
    assert frames == worlds.expected_strips(world.root / FILM)
    (world.root / WINDOW).unlink()
    world.server.requests.clear()
    world.run("cut", "--dataset", "tiny", "--ids", "reel-mkv-02")
    assert (world.root / WINDOW).read_bytes() == before, "cut from the film it is the same, to the byte"
    assert "cached, nothing to do" in world.run("download", *SPAN_ONLY).stdout
    assert not world.server.requests


def test_prepare_makes_the_same_frames_either_way(world: World) -> None:
    world.run("prepare", *TINY, "--whole", "--root", "whole")
    done = world.json("prepare", *SPAN_ONLY)
    assert [(row["stage"], row["status"]) for row in done if row["type"] == "outcome"] == [
        ("video", "done"), ("window", "cached"), ("frames", "done"),
    ]  # fmt: skip
    for name in (WINDOW, *(f"tiny/rawframes/reel-mkv-02/img_{k:05d}.jpg" for k in (1, 60, 120))):
        assert (world.root / name).read_bytes() == (world.folder / "whole" / name).read_bytes()
    assert "3 cached, nothing to do" in world.run("prepare", *SPAN_ONLY).stdout
    world.run("verify")


def test_intermediates_are_dropped_as_ever(world: World) -> None:
    world.run("prepare", *SPAN_ONLY, "--drop", "videos,windows")
    assert media(world) == set()
    assert "1 cached, nothing to do" in world.run("prepare", *SPAN_ONLY, "--drop", "videos,windows").stdout


def test_the_whole_film_is_the_way_out_and_says_so(world: World) -> None:
    world.server.inject(ADDRESS, Fault.IGNORE_RANGE)
    result = world.run("prepare", *SPAN_ONLY)
    assert "the whole film was fetched" in result.stderr
    assert media(world) == {WINDOW, FILM}
    assert record(world, FILM)["facts"]["whole_because"].startswith(world.server.url)
    assert "3 cached, nothing to do" in world.run("prepare", *SPAN_ONLY).stdout
    world.run("verify")


def test_a_film_that_ends_inside_the_span_is_short_as_ever(world: World) -> None:
    text = (world.folder / "tiny.yaml").read_text()
    (world.folder / "tiny.yaml").write_text(text.replace("duration: 4", "duration: 9"))
    result = world.run("download", *SPAN_ONLY, expect=3)
    assert "1 short" in result.stdout
    assert record(world, FILM)["facts"]["whole_because"] == "it ends inside the span"


def test_a_film_that_is_gone_is_asked_for_once(world: World) -> None:
    world.run("fetch", *TINY[:2])
    (world.server.state.folder / ADDRESS[1:]).unlink()
    world.server.requests.clear()
    assert "not_found" in world.run("download", *SPAN_ONLY, "--no-space-check", expect=3).stdout
    assert [request.path for request in world.server.requests] == [ADDRESS]
    assert "nothing to do" in world.run("download", *SPAN_ONLY, expect=3).stdout


def test_the_window_of_another_span_is_fetched_anew(world: World) -> None:
    """Two datasets of one family: what the window does not hold is not taken from it."""
    world.run("download", *SPAN_ONLY)
    text = (world.folder / "tiny.yaml").read_text()
    (world.folder / "later.yaml").write_text(text.replace("name: tiny", "name: later").replace("tion: 4", "tion: 5"))
    later = ("--manifest", "later.yaml", *SPAN_ONLY[2:])
    world.run("prepare", *later)
    assert record(world, WINDOW)["facts"]["span"] == ["6", "11"]
    assert len(list((world.root / "tiny/rawframes/reel-mkv-02").iterdir())) == 150
    assert "1 cached, nothing to do" in world.run("download", *SPAN_ONLY).stdout, "it holds the shorter one, too"
    world.run("verify")


def test_a_kill_in_the_middle_leaves_nothing_behind(world: World) -> None:
    world.run("fetch", *TINY[:2])
    world.server.inject(ADDRESS, Injection(frozenset({Fault.STALL}), seconds=60))
    process = world.start("download", *SPAN_ONLY)
    deadline = time.monotonic() + 30
    while not list(world.root.glob("tiny/windows/.*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    started = worlds.descendants(process.pid)
    process.kill()
    process.communicate()
    while any(is_alive(pid) for pid in started):  # also until the dead are buried: the sweep spares a zombie's
        assert time.monotonic() < deadline
        time.sleep(0.05)
    world.server.heal(ADDRESS)
    world.run("download", *SPAN_ONLY)
    assert media(world) == {WINDOW}


def test_a_damaged_window_is_fetched_again(world: World) -> None:
    """Repair goes by the manifest: here it says so."""
    text = (world.folder / "tiny.yaml").read_text()
    (world.folder / "tiny.yaml").write_text(text + "span_only: true\n")
    world.run("prepare", *TINY)
    before = (world.root / WINDOW).read_bytes()
    (world.root / WINDOW).write_bytes(before[:-9])
    world.run("verify", expect=4)
    world.run("verify", "--repair")
    assert media(world) == {WINDOW}
    assert (world.root / WINDOW).read_bytes() == before


def test_a_plan_counts_the_span(world: World) -> None:
    text = (world.folder / "tiny.yaml").read_text() + "expect: {video_bytes: 8000000}\n"
    (world.folder / "tiny.yaml").write_text(text)
    world.run("fetch", *TINY[:2])

    def sizes(*words: str) -> dict[str, int]:
        rows = world.json("plan", *TINY, "--sample-heads", "0", *words)
        (disk,) = (row["needed_bytes"] for row in rows if row["type"] == "disk")
        return {row["stage"]: row["bytes"] for row in rows if row["type"] == "stage"} | {"disk": disk}

    assert sizes("--span-only") == {"video": 1_000_000, "window": 1_000_000, "frames": 0, "disk": 1_000_000}
    assert sizes("--whole") == {"video": 8_000_000, "window": 1_000_000, "frames": 0, "disk": 9_000_000}
    world.run("download", *SPAN_ONLY)
    measured = (world.root / WINDOW).stat().st_size
    assert sizes("--span-only", "--ids=-Reel_mp4-1")["video"] == measured, "for the other film as for this one"
    assert sizes("--whole", "--ids=-Reel_mp4-1")["video"] == 2 * 8_000_000


def test_a_plan_knows_the_span_of_films_whose_length_only_the_mirror_knows(world: World) -> None:
    world.run("fetch", *TINY[:2])

    def told() -> tuple[dict[str, tuple[int, str]], dict[str, Any]]:
        rows = world.json("plan", *TINY[:4], "--ids=-Reel_mp4-1", "--span-only")
        (disk,) = (row for row in rows if row["type"] == "disk")
        return {row["stage"]: (row["bytes"], row["figures"]) for row in rows if row["type"] == "stage"}, disk

    film = (world.server.state.folder / "videos/-Reel_mp4-1.mp4").stat().st_size
    stages, disk = told()
    eighth = (film // 8, "asked the mirror, an eighth of each film")
    assert (stages["video"], stages["window"]) == (eighth, eighth)
    assert disk["needed_bytes"] == film // 8
    assert (disk["is_known"], disk["fits"]) == (False, None), "nobody knows the frames"
    world.run("download", *SPAN_ONLY)
    source = record(world, WINDOW)["facts"]["source"]
    share = int(film * (source["fetched_bytes"] / source["bytes"]))
    assert told()[0]["video"] == (share, "asked the mirror, share measured here")
