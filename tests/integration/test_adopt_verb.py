"""Trees of others, and roots without a journal, adopted for real."""

import json
import os
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from avakit import cli, cut, journal
from avakit.errors import ConfigInvalid, TransferFailed
from avakit.layout import MANIFEST
from avakit.manifest import items
from avakit.model import Span
from avakit.recipes import ClipRecipe
from avakit.tools import files, video
from avakit.tools.footage import Footage
from avakit.tools.readonce import HashedFile
from tests.faults import FaultyServer
from tests.integration import reels
from tests.integration import world as worlds
from tests.integration.world import CLIPS, DURATION, FILMS, FRAMES, START, World

FILM, MATROSKA, VARIED = FILMS
WINDOW = Span(Fraction(START), Fraction(DURATION))


def fingerprint(tree: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return what must not change of a tree: names, inodes, modes and bytes."""
    return {
        str(path.relative_to(tree)): (path.lstat().st_ino, path.lstat().st_mode, path.read_bytes())
        for path in sorted(tree.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def adopt(world: World, manifest: str, *words: str, expect: int = 0) -> None:
    """Adopt in this process, with the annotation files that the mirror serves."""
    notes = world.server.state.folder / "annotations"
    given = ("--manifest", str(world.folder / manifest), "--root", str(world.root), "--annotations", str(notes))
    assert cli.run(["adopt", *given, "--jobs", "1", *words]) == expect


def run(*words: str) -> None:
    """Run another verb in this process, on the root in the working folder."""
    assert cli.run(words) == 0


def present(world: World) -> dict[str, journal.Record]:
    return dict(journal.read(world.root).present)


def assert_of_the_published_form(root: Path) -> None:
    """Each line of its manifest is as the schema says, and names the command that adopted it."""
    valid = jsonschema.Draft202012Validator(json.loads(items.schema_text()))
    rows = [json.loads(line) for line in (root / MANIFEST).read_text().splitlines()]
    for row in rows:
        valid.validate(row)
    assert all(row["command"] in rows[0]["commands"] for row in rows[1:] if row["kind"] != "annotation")


def report(world: World) -> dict[str, Any]:
    newest = max((world.root / ".avakit/reports").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    content: dict[str, Any] = json.loads(newest.read_text())
    return content


@pytest.fixture
def ava(tmp_path: Path, server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(tmp_path)
    return worlds.build_ava(tmp_path, server)


@pytest.fixture
def kinetics(tmp_path: Path, server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(tmp_path)
    return worlds.build_kinetics(tmp_path, server)


def test_films_are_adopted_and_frames_come_from_them(ava: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The tree stays as it is, a second run does nothing, and what is damaged or elsewhere is named."""
    tree = ava.folder / "old"
    (tree / "trainval").mkdir(parents=True)
    for video_id in (FILM, MATROSKA):
        reel = reels.make(worlds.REELS, FILMS[video_id][0])
        shutil.copy(reel, tree / "trainval" / f"{video_id}{reel.suffix.upper()}")
    whole = (tree / "trainval" / f"{FILM}.MP4").read_bytes()
    (tree / f"{FILM}.mp4").write_bytes(whole[: len(whole) // 2])
    os.mkfifo(tree / f"{VARIED}.mp4")
    (tree / "zzzzzzzzzzz.mp4").write_bytes(whole)
    before = fingerprint(tree)
    adopt(ava, "tiny.yaml", "--from", str(tree), expect=3)  # the pipe
    shown = capsys.readouterr()
    assert "unsafe symlink" in shown.out
    assert f"left {tree / f'{FILM}.mp4'} [" in shown.err
    assert fingerprint(tree) == before
    film = ava.root / "tiny/videos" / f"{FILM}.mp4"
    assert film.samefile(tree / "trainval" / f"{FILM}.MP4")
    record = present(ava)[f"tiny/videos/{FILM}"]
    assert record.sha256 == files.sha256(film)
    source = record.facts["source"]
    assert (source["name"], source["how"]) == ("adopted", "linked")
    assert source["path"] == str(tree / "trainval" / f"{FILM}.MP4")
    assert record.facts["checks"] == {"decode": "demux"}
    assert_of_the_published_form(ava.root)
    told = report(ava)
    assert (told["missing_items"], told["left"]["not_in_dataset"]) == ([VARIED], 1)
    (tree / f"{VARIED}.mp4").unlink()
    adopt(ava, "tiny.yaml", "--from", str(tree), "--strict", expect=3)
    shown = capsys.readouterr()
    assert "2 cached, nothing to do -> exit 3" in shown.out
    assert "avakit: of tiny, 1 item without a file" in shown.err
    run("extract-frames", "--dataset", "tiny", "--ids", FILM)
    assert worlds.strips(ava.root / "tiny/rawframes" / FILM) == worlds.expected_strips(film)
    run("verify", "--jobs", "1")


def test_windows_and_frames_of_published_recipes(ava: World) -> None:
    """Of mmaction2 and SlowFast: 15 minutes (here 4 s) re-encoded, and frames under either name."""
    tree = ava.folder / "mmaction"
    for video_id, folder in ((FILM, "videos_15min"), (MATROSKA, "videos_15min"), (VARIED, "videos")):
        (tree / folder).mkdir(parents=True, exist_ok=True)
        reel = reels.make(worlds.REELS, FILMS[video_id][0])
        if folder == "videos":
            shutil.copy(reel, tree / folder / f"{video_id}.mp4")
        recipe = ClipRecipe(rate=Fraction(30), preset="ultrafast")
        to = tree / "videos_15min" / f"{video_id}.mp4"
        to.parent.mkdir(exist_ok=True)
        cut.clip(Footage(reel), to, span=WINDOW, recipe=recipe)
    late = tree / "videos_15min" / f"{MATROSKA}.mp4"
    late.unlink()
    cut.clip(Footage(reels.make(worlds.REELS, "25.mp4")), late,
             span=Span(Fraction(5), Fraction(DURATION + 1)), recipe=ClipRecipe(preset="ultrafast"))  # fmt: skip
    adopt(ava, "tiny.yaml", "--from", str(tree), expect=3)
    known = present(ava)
    assert set(known) == {f"tiny/windows/{FILM}", f"tiny/videos/{VARIED}"}
    window = known[f"tiny/windows/{FILM}"]
    assert window.path.endswith(".mp4")
    assert {name: window.facts[name] for name in ("origin", "span", "recipe", "origin_is_assumed")} == {
        "origin": str(-START), "span": [str(START), str(START + DURATION)], "recipe": "as found",
        "origin_is_assumed": True,
    }  # fmt: skip
    [refused] = report(ava)["failures"]
    assert (refused["item"], refused["reason"]) == (MATROSKA, "length")
    assert report(ava)["left"] == {"not_needed": 1}
    run("extract-frames", "--manifest", "tiny.yaml", "--ids", FILM)
    frames = ava.root / "tiny/rawframes" / FILM
    # At a constant 30 a second from second 6 on, frame k is the film's nearest to 6 + (k - 1) / 30.
    right = worlds.expected_strips(reels.make(worlds.REELS, FILMS[FILM][0]))
    assert sum(abs(a - b) <= 1 for a, b in zip(worlds.strips(frames), right, strict=True)) == FRAMES
    adopt_frames(ava, frames)


def adopt_frames(ava: World, frames: Path) -> None:
    """Adopt what was extracted, under the names of SlowFast, with one too few, and with one broken."""
    tree = ava.folder / "slowfast"
    for video_id in (FILM, MATROSKA, VARIED):
        (tree / video_id).mkdir(parents=True)
        for path in frames.iterdir():
            number = int(path.stem[4:])
            shutil.copy(path, tree / video_id / f"{video_id}_{number:06d}.jpg")
    (tree / MATROSKA / f"{MATROSKA}_000050.jpg").unlink()
    (tree / VARIED / f"{VARIED}_000120.jpg").write_bytes(b"\xff\xd8\xff" + b"\0" * 2000)
    (tree / FILM / "Thumbs.db").touch()
    shutil.rmtree(ava.root)
    before = fingerprint(tree)
    adopt(ava, "tiny.yaml", "--from", str(tree), expect=3)
    assert fingerprint(tree) == before
    record = present(ava)[f"tiny/rawframes/{FILM}"]
    assert (record.frames, record.facts["recipe"], record.facts["picture"]) == (
        FRAMES, "as found", {"width": 320, "height": 192},
    )  # fmt: skip
    assert [path.name for path in sorted((ava.root / record.path).iterdir())][:2] == ["img_00001.jpg", "img_00002.jpg"]
    refused = {row["item"]: row["reason"] for row in report(ava)["failures"]}
    assert refused == {MATROSKA: "length", VARIED: "decode"}
    run("verify", "--jobs", "1")


def test_a_root_without_its_journal_is_recorded_where_it_lies(ava: World) -> None:
    run("prepare", "--manifest", "tiny.yaml", "--ids", f"{FILM},{MATROSKA}", "--jobs", "1")
    (ava.root / "tiny/videos" / f"{MATROSKA}.mkv").unlink()
    stood = fingerprint(ava.root / "tiny")
    first = present(ava)
    shutil.rmtree(ava.root / ".avakit")
    adopt(ava, "tiny.yaml")
    assert fingerprint(ava.root / "tiny") == stood
    known = present(ava)
    assert set(known) == {
        f"tiny/videos/{FILM}", f"tiny/rawframes/{FILM}", f"tiny/windows/{MATROSKA}", f"tiny/rawframes/{MATROSKA}",
    }  # fmt: skip
    assert all((record.sha256, record.bytes) == (first[key].sha256, first[key].bytes) for key, record in known.items())
    assert {record.facts["source"]["how"] for record in known.values()} == {"in place"}
    assert known[f"tiny/windows/{MATROSKA}"].facts["origin"] == "0"


def test_clips_in_the_layouts_of_crawlers(kinetics: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Flat, in folders with blanks, with the id alone; damaged, short, too long, twice; copied where links can't be."""
    tree = kinetics.folder / "k400"
    one, two = (Footage(reels.make(worlds.REELS, reel)) for reel in CLIPS.values())
    fast = ClipRecipe(preset="ultrafast")
    (tree / "val" / "massaging person's head").mkdir(parents=True)
    head = tree / "val/massaging person's head/-clip-ok-01_000005_000008.mp4"
    cut.clip(one, head, span=Span(Fraction(5), Fraction(3)), recipe=fast)
    (tree / "val/-clip-ok-01_000005_000008.mp4").write_bytes(head.read_bytes()[:9000])
    cut.clip(two, tree / "clip_two__2.mp4", span=Span(Fraction(2), Fraction(3)), recipe=fast)
    cut.clip(two, tree / "clip_two__2_000002_000005.mp4", span=Span(Fraction(2), Fraction(1)), recipe=fast)
    cut.clip(one, tree / "-clip-ok-01_1_4.mp4", span=Span(Fraction(0), Fraction(6)), recipe=fast)
    adopt(kinetics, "tinetics.yaml", "--from", str(tree), expect=3)
    known = present(kinetics)
    massage = "tinetics/train/massaging_person's_head/-clip-ok-01_000005_000008"
    assert set(known) == {massage, "tinetics/train/abseiling/clip_two__2_000002_000005"}
    assert (
        known["tinetics/train/abseiling/clip_two__2_000002_000005"].facts["source"]["path"].endswith("/clip_two__2.mp4")
    )
    assert {row["item"]: row["reason"] for row in report(kinetics)["failures"]} == {
        "-clip-ok-01_000001_000004": "length"
    }
    assert set(report(kinetics)["left"]) == {"duplicate", "packets"} or "truncated" in report(kinetics)["left"]
    assert "k/videos/clip_two__2" in journal.read(kinetics.root).dropped
    capsys.readouterr()
    notes = kinetics.server.state.folder / "annotations"
    shutil.copytree(notes, kinetics.root / "annotations/tinetics")
    rows = {
        row["stage"]: row for row in kinetics.json("status", "--manifest", "tinetics.yaml") if row["type"] == "coverage"
    }
    assert rows["clip"]["present"] == 2
    kinetics.run("extract-frames", "--manifest", "tinetics.yaml", "--ids", "clip_two__2")


def test_what_stands_in_the_way_is_not_written_over(kinetics: World) -> None:
    tree = kinetics.folder / "old"
    tree.mkdir()
    video = reels.make(worlds.REELS, CLIPS["clip_two__2"])
    shutil.copy(video, tree / "clip_two__2.mp4")
    own = kinetics.root / "k/videos/clip_two__2.mp4"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"not a film, and dear to somebody")
    adopt(kinetics, "tinetics.yaml", "--from", str(tree), expect=3)
    assert own.read_bytes().startswith(b"not a film")
    assert report(kinetics)["failures"][0]["reason"] == "occupied"
    own.unlink()
    os.link(tree / "clip_two__2.mp4", own)  # as a kill between name and journal line leaves it
    adopt(kinetics, "tinetics.yaml", "--from", str(tree))
    assert present(kinetics)["k/videos/clip_two__2"].path == "k/videos/clip_two__2.mp4"


def test_files_that_cannot_be_linked_are_copied_when_asked(
    kinetics: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, where the system can be made to refuse links."""
    from avakit.adopt import bringing

    source, to = kinetics.folder / "a", kinetics.folder / "b"
    source.write_bytes(b"x" * 3_000_000)

    def refuse(self: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link", str(target), None, str(self))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    known = bringing.identity(source), files.sha256(source)
    assert bringing.bring(source, to, *known, may_copy=True) == "copied"
    assert to.read_bytes() == source.read_bytes()
    with pytest.raises(ConfigInvalid, match="--copy copies such files"):
        bringing.bring(source, kinetics.folder / "c", *known, may_copy=False)
    with pytest.raises(TransferFailed, match="other bytes"):
        bringing.bring(source, kinetics.folder / "c", known[0], "0" * 64, may_copy=True)
    source.write_bytes(b"y" * 3_000_001)
    with pytest.raises(TransferFailed, match="written to while"):
        bringing.bring(source, kinetics.folder / "c", *known, may_copy=True)
    assert not list(kinetics.folder.glob(".*partial*"))
    (kinetics.folder / "empty").mkdir()
    adopt(kinetics, "tinetics.yaml", "--from", str(kinetics.folder / "empty"), expect=2)
    assert "holds no video and no folder of frames" in capsys.readouterr().err
    assert cli.run(["adopt", "--manifest", str(kinetics.folder / "tinetics.yaml"), "--root", str(kinetics.root)]) in (
        2,
        65,
    )


@pytest.mark.parametrize("reel", ["25.mp4", "2997-open.mkv", "vp9.webm", "30-late.mkv"])
def test_a_file_is_hashed_while_its_packets_are_read(reel: str) -> None:
    """With the same result as by its path, and hardly a byte is read twice."""
    path = reels.make(worlds.REELS, reel)
    with HashedFile(path) as reader:
        assert video.examine(reader) == video.examine(path)
        assert reader._hashed > 0.9 * path.stat().st_size
        assert reader.sha256() == files.sha256(path)
