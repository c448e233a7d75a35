"""Clips out of archives: the CVDF's mirror in small, with everything that is wrong with it."""

import hashlib
import io
import json
import tarfile
import time
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from avakit import cut, journal
from avakit.archives import listing
from avakit.archives.part import Part, Shelf, place, read
from avakit.layout import Layout
from avakit.model import Clip, Span, Split, VideoId
from avakit.recipes import ClipRecipe, FrameRecipe
from avakit.shards import Shard
from avakit.tools import files, http
from avakit.tools.leftovers import is_alive
from tests.faults import Fault, FaultyServer, Injection
from tests.integration import reels
from tests.integration import world as worlds
from tests.integration.world import World
from tests.manifests import KINETICS

FOOTBALL, HEAD = "passing American football (not in game)", "massaging person's head"
#: name -> (label, the reel it is cut from); none is on "YouTube" but the first two.
CLIPS = {
    "-clip-ok-01_000001_000004": (FOOTBALL, "25.mp4"),
    "clip_two__2_000002_000005": ("abseiling", "varied.mp4"),
    "gone_gone_4_000003_000006": ("abseiling", "30.mp4"),
    "gone_gone_5_000000_000003": (HEAD, "30.mp4"),
}
FIRST, SECOND, THIRD, FOURTH = CLIPS
MANIFEST = (
    KINETICS
    + """
name: packed
title: A tiny dataset whose clips lie in archives
family: tinetics
splits: {train: {clips: 4}}
archives:
ARCHIVES
sources:
  - type: archive
  - {type: youtube, url: "URL/youtube/{id}.mp4"}
layout: {videos: k/videos, windows: k/windows, clips: packed, frames: k/rawframes, key_frames: k/keys}
stages: [video, clip]
max_unavailable: 0.3
expect: {clip_bytes: 1000}
"""
)
MIXED = '  - {splits: [train], list: "URL/train/k_path.txt", count: 2, clips: 4, holds: all classes mixed}\n'
OVERLAY = '  - {splits: [train], url: "URL/replacement.tgz", overlay: true, holds: good ones}\n'
BY_NAME = '  - {splits: [train], list: "URL/train/k_path.txt", count: 3, clips: 4, class_by: name, holds: one class}\n'
PACKED = ("--manifest", "packed.yaml")


@pytest.fixture(scope="session")
def clips() -> dict[str, bytes]:
    """Cut the clips, as somebody else did."""
    made = {}
    for name, (_, reel) in CLIPS.items():
        path = worlds.REELS / f"{name}.mp4"
        start = Fraction(int(name[12:18]))
        cut.clip(
            reels.make(worlds.REELS, reel), path, span=Span(start, Fraction(3)), recipe=ClipRecipe(preset="ultrafast")
        )
        made[name] = path.read_bytes()
    return made


def pack(path: Path, members: Mapping[str, bytes], *, mode: str = "w:gz") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as opened:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            opened.addfile(entry, io.BytesIO(data))


def build(folder: Path, server: FaultyServer, archives: str, parts: Mapping[str, Mapping[str, bytes]]) -> World:
    """Put annotations, archives, their list, two videos and the manifest in place."""
    served, url = server.state.folder, server.url.rstrip("/")
    (served / "annotations").mkdir()
    rows = [f"{label},{name[:11]},{int(name[12:18])},{int(name[19:])},train\n" for name, (label, _) in CLIPS.items()]
    (served / "annotations/train.csv").write_text("label,youtube_id,time_start,time_end,split\n" + "".join(rows))
    (served / "youtube").mkdir()
    for name in (FIRST, SECOND):
        video = reels.make(worlds.REELS, CLIPS[name][1])
        (served / "youtube" / f"{name[:11]}.mp4").write_bytes(video.read_bytes())
    for name, members in parts.items():
        pack(served / "train" / name, {f"{member}.mp4": data for member, data in members.items()})
    (served / "train").mkdir(exist_ok=True)
    (served / "train/k_path.txt").write_text("".join(f"{url}/train/{name}\n" for name in parts))
    (folder / "packed.yaml").write_text(MANIFEST.replace("ARCHIVES", archives).replace("URL", url))
    return World(folder, server)


@pytest.fixture
def packed(tmp_path: Path, server: FaultyServer, clips: dict[str, bytes]) -> World:
    """Build a mirror with two mixed archives, in the names of which stand blanks."""
    parts = {"part 0.tar.gz": dict(list(clips.items())[:2]), "part 1.tar.gz": dict(list(clips.items())[2:])}
    return build(tmp_path, server, MIXED, parts)


def asked(world: World, start: str) -> list[str]:
    return [request.path for request in world.server.state.requests if request.path.startswith(start)]


def published(world: World) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in (world.root / "packed").rglob("*.mp4")}


def leftovers(world: World) -> list[str]:
    return [str(path) for path in world.root.rglob("*") if files.is_partial(path.name)]


def records(world: World) -> dict[str, dict[str, Any]]:
    lines = [line for path in world.root.glob(".avakit/journal/*/*.jsonl") for line in path.read_text().splitlines()]
    return {record["item"]: record for record in map(json.loads, lines) if record["stage"] == "clip"}


def test_all_clips_come_from_the_archives_and_no_video_is_asked_for(packed: World, clips: dict[str, bytes]) -> None:
    done = packed.run("prepare", *PACKED)
    assert "avakit prepare: 4 done -> exit 0" in done.stdout
    assert published(packed) == clips
    assert (packed.root / "packed/train" / "passing_American_football_(not_in_game)" / f"{FIRST}.mp4").is_file()
    assert sorted(asked(packed, "/train/part")) == ["/train/part%200.tar.gz", "/train/part%201.tar.gz"]
    assert not asked(packed, "/youtube")
    assert not leftovers(packed), "an archive is dropped when it was read"
    record = records(packed)[FIRST]
    archive = (packed.server.state.folder / "train/part 0.tar.gz").read_bytes()
    assert record["facts"]["recipe"] == "as delivered"
    source = record["facts"]["source"]
    assert (source["name"], source["member"]) == ("archive", f"{FIRST}.mp4")
    assert source["url"].endswith("/train/part%200.tar.gz")
    assert source["sha256"] == hashlib.sha256(archive).hexdigest()
    before = len(packed.server.state.requests)
    assert "4 cached, nothing to do -> exit 0" in packed.run("prepare", "--dataset", "packed").stdout
    assert len(packed.server.state.requests) == before
    assert packed.run("verify").stdout.startswith("avakit verify: 5 match")
    [video, clip] = packed.json("status", "--dataset", "packed")
    assert (clip["present"], video["reasons"]) == (4, [["not needed", "", 4]])
    # Second 0 of the file is the clip's start: the strips in the frames are those of the film.
    packed.run("extract-frames", "--dataset", "packed", "--ids=gone_gone_4")
    begins, _ = reels.times(worlds.REELS / "30.mp4")
    shown = worlds.strips(packed.root / "k/rawframes" / THIRD)
    assert shown == [reels.nearest(begins, 3 + Fraction(k, 30)) for k in range(90)]


def test_a_clip_that_vanished_and_comes_back_with_other_bytes_is_no_conflict(
    packed: World, clips: dict[str, bytes]
) -> None:
    packed.run("prepare", *PACKED)
    next((packed.root / "packed").rglob(f"{FIRST}.mp4")).unlink()
    pack(packed.server.state.folder / "train/part 0.tar.gz", {f"{FIRST}.mp4": clips[SECOND]})
    packed.run("prepare", *PACKED, "--sources", "archive")
    assert published(packed)[FIRST] == clips[SECOND]
    state = journal.read(packed.root)
    assert (state.conflicts, state.lost) == ({}, {})


def test_a_few_ids_are_no_reason_to_fetch_archives(packed: World) -> None:
    """A part of a thousand clips is not fetched for one, unless it is asked for."""
    text = (packed.folder / "packed.yaml").read_text().replace("count: 2, clips: 4", "count: 2, clips: 40")
    (packed.folder / "packed.yaml").write_text(text)
    done = packed.run("prepare", *PACKED, "--ids", "clip_two__2")
    assert "archives left out: 1 of 40 clips in 2 archives" in done.stderr
    assert asked(packed, "/youtube/clip_two__2")
    assert not asked(packed, "/train/part")
    named = ("--sources", "archive", "--ids", "gone_gone_4")
    assert "1 of 40 clips in 2 archives" in packed.run("prepare", *PACKED, *named, "--dry-run").stdout
    packed.run("prepare", *PACKED, *named)
    assert set(published(packed)) == {SECOND, THIRD}


def test_plan_and_dry_run_agree_before_and_after_archives_were_read(
    tmp_path: Path, server: FaultyServer, clips: dict[str, bytes]
) -> None:
    world = build(tmp_path, server, MIXED, {"part_0.tar.gz": {THIRD: clips[THIRD]}, "part_1.tar.gz": {}})
    world.run("fetch", *PACKED)
    dry = world.run("prepare", *PACKED, "-n").stdout
    assert (dry.count("would take clip packed/train/"), "4 to make" in dry) == (4, True)
    world.run("prepare", *PACKED, "--sources", "archive", "--max-unavailable", "100")
    dry = world.run("prepare", *PACKED, "-n").stdout
    assert (dry.count("would make video"), dry.count("would make clip"), "6 to make" in dry) == (3, 3, True)
    shown = world.run("plan", *PACKED).stdout
    assert "avakit plan: 6 things to make" in shown
    assert "archives:" not in dry + shown, "none is left to be read"
    (world.root / "packed/train/abseiling" / f"{THIRD}.mp4").unlink()
    shown = world.run("plan", *PACKED).stdout
    assert "archives: 1 of 2 clips in 1 archives" in shown
    assert "avakit plan: 7 things to make" in shown
    assert [line.split()[:3] for line in shown.splitlines() if line.startswith("clip")] == [
        ["clip", "(archive)", "1"], ["clip", "3", "3.0"]
    ]  # fmt: skip
    assert "7 to make" in world.run("prepare", *PACKED, "-n").stdout
    rows = world.json("plan", *PACKED)
    assert [(row["source"], row["count"]) for row in rows if row.get("stage") == "clip"] == [("archive", 1), ("", 3)]


def test_plan_tells_of_archives(packed: World) -> None:
    packed.run("fetch", *PACKED)
    shown = packed.run("plan", *PACKED).stdout
    assert "archives: 4 of 4 clips in 2 archives of http" in shown
    assert "about 4 kB to fetch" in shown or "about 4.0 kB to fetch" in shown
    assert "avakit plan: 4 things" in shown, "no video is needed"
    assert not asked(packed, "/train")


def test_only_the_archive_of_a_wanted_class_is_fetched(
    tmp_path: Path, server: FaultyServer, clips: dict[str, bytes]
) -> None:
    parts: dict[str, dict[str, bytes]] = {}
    for name, data in clips.items():
        parts.setdefault(f"{CLIPS[name][0]}.tar.gz", {})[name] = data
    world = build(tmp_path, server, BY_NAME, parts)
    world.run("prepare", *PACKED, "--classes", FOOTBALL)
    assert asked(world, "/train/")[1:] == ["/train/passing%20American%20football%20%28not%20in%20game%29.tar.gz"]
    world.run("prepare", *PACKED)
    assert published(world) == clips


def test_a_list_in_the_order_of_classes(tmp_path: Path, server: FaultyServer, clips: dict[str, bytes]) -> None:
    """The nth archive is the nth class; a list of another length tells nothing, and nothing is fetched by guessing."""
    labels = sorted({label for label, _ in CLIPS.values()})
    parts = {
        f"k_{number:03d}.tar.gz": {name: clips[name] for name in clips if CLIPS[name][0] == label}
        for number, label in enumerate(labels, 1)
    }
    world = build(tmp_path, server, BY_NAME.replace("class_by: name", "class_by: order"), parts)
    world.run("prepare", *PACKED, "--classes", HEAD)
    assert asked(world, "/train/")[1:] == ["/train/k_002.tar.gz"]
    assert set(published(world)) == {FOURTH}
    listed = server.state.folder / "train/k_path.txt"
    listed.write_text("".join(listed.read_text().splitlines(keepends=True)[:2]))
    done = world.run("prepare", *PACKED, "--sources", "archive", "--max-unavailable", "100")
    assert "names 2 archives, one per class, but there are 3 classes" in done.stderr
    assert set(published(world)) == {FOURTH}


def test_clips_of_the_overlay_take_the_place_of_others(
    tmp_path: Path, server: FaultyServer, clips: dict[str, bytes]
) -> None:
    """Also of those that look sound; and what the overlay has is not looked for in the parts."""
    served = server.state.folder
    pack(served / "replacement.tgz", {f"replacement_for_corrupted/{FIRST}.mp4": clips[FIRST]}, mode="w")
    world = build(tmp_path, server, MIXED + OVERLAY, {"part_0.tar.gz": clips | {FIRST: clips[SECOND]}, "part_1": {}})
    world.run("prepare", *PACKED, "--jobs", "1")
    assert published(world) == clips
    record = records(world)[FIRST]
    assert record["facts"]["source"]["url"].endswith("/replacement.tgz")
    server.state.requests.clear()
    (world.root / "packed/train/abseiling" / f"{THIRD}.mp4").unlink()
    world.run("verify", "--repair")
    assert asked(world, "/") == ["/train/k_path.txt", "/train/part_0.tar.gz"], "it is known which archive holds it"
    assert published(world) == clips


def test_an_overlay_that_can_not_be_had_stops_the_run(
    tmp_path: Path, server: FaultyServer, clips: dict[str, bytes]
) -> None:
    world = build(tmp_path, server, MIXED + OVERLAY, {"part_0.tar.gz": clips})
    stopped = world.run("prepare", *PACKED, expect=3)
    assert "replacement.tgz, whose clips replace others, can't be had" in stopped.stderr
    assert not asked(world, "/youtube")
    assert not published(world)


@pytest.mark.parametrize(("fault", "code"), [(Fault.FORBIDDEN, 75), (Fault.HTML_AS_VIDEO, 3)])
def test_without_its_list_a_run_does_not_turn_to_youtube(packed: World, fault: Fault, code: int) -> None:
    packed.server.inject("/train/k_path.txt", fault)
    stopped = packed.run("prepare", *PACKED, expect=code)
    assert "--sources youtube" in stopped.stderr
    assert not asked(packed, "/youtube")


def test_what_archives_lack_or_spoil_comes_from_the_next_source(
    tmp_path: Path, server: FaultyServer, clips: dict[str, bytes]
) -> None:
    """A damaged clip, one of another length, one that is not there: each is told of where no source has it."""
    bad = {FIRST: clips[FIRST][: len(clips[FIRST]) // 2], FOURTH: (worlds.REELS / "30.mp4").read_bytes()}
    bad[SECOND] = clips[SECOND]
    world = build(tmp_path, server, MIXED, {"part_0.tar.gz": bad, "part_1.tar.gz": {}})
    done = world.run("prepare", *PACKED, "--max-unavailable", "100", expect=3)
    assert set(published(world)) == {FIRST, SECOND}
    assert records(world)[FIRST]["facts"]["recipe"] != "as delivered"
    shown = world.json("prepare", *PACKED, "--sources", "archive", "--max-unavailable", "100", expect=3)
    details = {row["item"]: (row["status"], row["reason"], row["detail"]) for row in shown if row["type"] == "outcome"}
    assert details["gone_gone_5"][:2] == ("corrupt", "length")
    assert "the clip in the archive: it lasts 12.000 s, its row 3.000 s" in details["gone_gone_5"][2]
    assert details["gone_gone_4"][:2] == ("unavailable", "not_found")
    assert "no archive of http" in details["gone_gone_4"][2]
    assert len(asked(world, "/train/part")) == 2, "an archive that was read is not fetched again for nothing"
    assert "after archive" in done.stderr


def test_a_short_clip_is_kept_and_marked(tmp_path: Path, server: FaultyServer, clips: dict[str, bytes]) -> None:
    path = tmp_path / "short.mp4"
    cut.clip(worlds.REELS / "30.mp4", path, span=Span(Fraction(3), Fraction(2)), recipe=ClipRecipe(preset="ultrafast"))
    world = build(tmp_path, server, MIXED, {"part_0.tar.gz": clips | {THIRD: path.read_bytes()}})
    done = world.run("prepare", *PACKED, "--max-unavailable", "100")
    assert "3 done, 1 short -> exit 0" in done.stdout
    assert "the clip ends 1.000 s before its row does" in done.stderr


def test_a_truncated_archive_gives_what_it_has(tmp_path: Path, server: FaultyServer, clips: dict[str, bytes]) -> None:
    world = build(tmp_path, server, MIXED, {"part_0.tar.gz": clips})
    archive = server.state.folder / "train/part_0.tar.gz"
    whole = archive.read_bytes()
    archive.write_bytes(whole[: -len(clips[FOURTH]) // 2])
    done = world.run("prepare", *PACKED, "--sources", "archive", expect=3)
    assert "archive part_0.tar.gz: corrupt truncated" in done.stderr
    assert "part_0.tar.gz: the archive can't be read" in done.stderr
    assert set(published(world)) == {FIRST, SECOND, THIRD}
    archive.write_bytes(whole)
    world.run("prepare", *PACKED)
    assert published(world) == clips


def test_killed_in_an_archive_the_same_command_goes_on(packed: World, clips: dict[str, bytes]) -> None:
    """What was published is not extracted again, what was read not fetched, what was begun is resumed."""
    noise = {f"xxxxxxxxxx{n}_000000_000003.mp4": bytes(100) for n in range(3)}
    random = hashlib.shake_256(b"noise").digest(12 << 20)
    served = packed.server.state.folder
    pack(served / "train/part 1.tar.gz", {**noise, "big": random} | {f"{n}.mp4": clips[n] for n in (THIRD, FOURTH)})
    packed.server.inject("/train/part 1.tar.gz", Injection(frozenset({Fault.STALL}), times=1))
    process = packed.start("prepare", *PACKED, "--jobs", "1")
    deadline = time.monotonic() + 20
    while not any("part%201" in side.read_text() for side in packed.root.glob("packed/.*.json")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    started = worlds.descendants(process.pid)
    process.kill()
    process.communicate()
    assert not worlds.wait_until_gone(started)
    while any(is_alive(pid) for pid in started):  # until init has taken notice
        assert time.monotonic() < deadline + 20
        time.sleep(0.05)
    done = packed.run("prepare", *PACKED)
    assert "2 done" in done.stdout
    assert published(packed) == clips
    assert len(asked(packed, "/train/part%200")) == 1
    [_, again] = [r for r in packed.server.state.requests if r.path == "/train/part%201.tar.gz"]
    assert again.status == 206
    assert not leftovers(packed)
    packed.run("verify")


def test_shards_divide_the_archives(packed: World, clips: dict[str, bytes]) -> None:
    """Each shard fetches its own archives, takes whatever is wanted of them, and waits for those of the others."""
    url = packed.server.url.rstrip("/")
    of_first = [name for name in ("0", "1") if Shard(0, 2).takes(f"{url}/train/part%20{name}.tar.gz")]
    codes = []
    for shard in ("0/2", "1/2", "0/2"):
        process = packed.start("prepare", *PACKED, "--shard", shard)
        out, err = process.communicate()
        codes.append(process.returncode)
        assert process.returncode in (0, 75), out + err
        if shard == "0/2" and len(codes) == 1:
            # Where both are its own they are asked for side by side, in either order.
            assert sorted(asked(packed, "/train/part")) == [f"/train/part%20{name}.tar.gz" for name in of_first]
    assert codes[1:] == [0, 0]
    assert published(packed) == clips
    assert len(asked(packed, "/train/part")) == 2
    assert not asked(packed, "/youtube")


def test_download_takes_clips_where_archives_have_them(packed: World, clips: dict[str, bytes]) -> None:
    pack(packed.server.state.folder / "train/part 0.tar.gz", {f"{FIRST}.mp4": clips[FIRST]})
    done = packed.run("download", *PACKED)
    assert "4 done -> exit 0" in done.stdout
    assert set(published(packed)) == {FIRST, THIRD, FOURTH}
    assert [path.name for path in (packed.root / "k/videos").iterdir()] == ["clip_two__2.mp4"]
    assert "nothing to do" in packed.run("download", *PACKED).stdout


def test_archives_come_first_or_not_at_all(packed: World) -> None:
    refused = packed.run("prepare", *PACKED, "--sources", "youtube,archive", expect=2)
    assert "name archive before mirror and youtube" in refused.stderr


# --- one archive by itself ---

EntryOf = Callable[[str, bytes], tarfile.TarInfo]
CLIP = Clip(VideoId("gone_gone_4"), Span(Fraction(3), Fraction(3)), Split.TRAIN, "abseiling")


def shelf_in(root: Path) -> Shelf:
    layout = Layout(root, "packed", "k/videos", "k/windows", "packed", "k/rawframes", "k/keys", FrameRecipe())
    return Shelf(layout, "packed", http.Options(tries=1, backoff_seconds=0.0))


def part_of(server: FaultyServer, name: str) -> Part:
    url = server.url.rstrip("/")
    return Part(f"{url}/{name}", f"{url}/list.txt", 1, "", {THIRD: CLIP})


def test_an_archive_that_was_whole_when_the_run_was_killed_is_not_fetched_again(
    tmp_path: Path, server: FaultyServer, clips: dict[str, bytes]
) -> None:
    shelf, part = shelf_in(tmp_path / "root"), part_of(server, "part_0.tar.gz")
    pack(server.state.folder / "part_0.tar.gz", {f"{THIRD}.mp4": clips[THIRD]})
    data = (server.state.folder / "part_0.tar.gz").read_bytes()
    target = place(part, shelf.layout)
    dead = target.with_name(f".{target.stem}.{files.host()}.4194999.01234567.partial.tar")
    dead.parent.mkdir(parents=True)
    dead.write_bytes(data)
    facts = {"url": part.url, "etag": "", "last_modified": "", "content_type": "", "bytes": len(data), "is_whole": True}
    lines = ({"url": part.url, "etag": ""}, {**facts, "sha256": hashlib.sha256(data).hexdigest()})
    files.side_file(dead).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    report = read(part, shelf)
    assert report.failure is None
    assert [outcome.item for outcome in report.outcomes] == [THIRD]
    assert not server.state.requests
    assert not list(target.parent.glob(".*"))


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_hostile_members_are_refused_and_the_good_one_is_taken(
    tmp_path: Path, server: FaultyServer, clips: dict[str, bytes], mode: str
) -> None:
    """X15, A14: nothing is written anywhere but the wanted clip under its own name."""
    name = f"{THIRD}.mp4"
    path = server.state.folder / "part"
    with tarfile.open(path, mode) as opened:

        def add(member: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"", link: str = "") -> None:
            entry = tarfile.TarInfo(member)
            entry.type, entry.linkname, entry.size = kind, link, len(data)
            opened.addfile(entry, io.BytesIO(data))

        add("folder", tarfile.DIRTYPE)
        add("folder.mp4/", tarfile.DIRTYPE)
        add(f"._{name}", data=b"apple")
        for outside in (f"/etc/{name}", f"../../{name}", f"a/../../{name}", f"C:\\{name}"):
            add(outside, data=clips[THIRD])
        add("innocent.mp4", tarfile.SYMTYPE, link="/etc/passwd")
        add("other_name_.mp4", data=b"x")
        add("README", data=b"x")
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            add(f"clip_two__2_00000{kind.decode()}_000009.mp4", kind, link=f"../{name}")
        add(f"empty/{name}")
        add(f"home/somebody/v1-0/train/{name}", data=clips[THIRD])
    shelf = shelf_in(tmp_path / "root")
    report = read(part_of(server, "part"), shelf)
    assert report.failure is None
    assert not report.refused, "of several files of one name the first good one counts"
    [outcome] = report.outcomes
    assert [path.relative_to(shelf.layout.root) for path in tmp_path.rglob("*.mp4")] == [Path(outcome.path)]
    assert shelf.layout.absolute(outcome.path).read_bytes() == clips[THIRD]
    [index] = listing.indexes(shelf.layout.root).values()
    assert index.foreign == 3
