"""`verify --timing`: what frames show is checked again from the films they were made from."""

import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from avakit import checksums, journal, packing
from avakit.frames import Shown
from avakit.journal import Record
from avakit.layout import frame_list, frame_times
from avakit.model import Stage
from avakit.tools import files
from tests.faults import FaultyServer
from tests.integration import world
from tests.integration.world import World

FRAMES = "tiny/rawframes/-Reel_mp4-1"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("timing")
    with FaultyServer(folder / "served") as server:
        tiny = world.build_ava(folder, server)
        tiny.run("prepare", "--manifest", "tiny.yaml")
        yield tiny


def _record(root: Path, key: str) -> Record:
    return journal.read(root).present[key]


def _said(tiny: World, *words: str, expect: int = 0) -> str:
    result = tiny.run("verify", "--timing", "--quick", *words, expect=expect)
    return result.stdout + result.stderr


def test_what_was_made_is_right(made: World) -> None:
    assert "timing: 3 right, 0 wrong, 0 can't be checked" in _said(made)


@pytest.mark.parametrize(
    "options",
    [
        ["--timing", "onscreen"],
        ["--timing", "fair"],
        ["--key-frames", "--around", "2"],
        ["--pack", "tar", "--fps", "7"],
    ],
)
def test_so_is_what_other_rules_made(made: World, options: list[str]) -> None:
    made.run("extract-frames", "--dataset", "tiny", "--ids=-Reel_mp4-1", *options)
    assert " 0 wrong, 0 can't" in _said(made)


def test_annotated_instants_of_clips_are_kept_and_checked(tmp_path: Path) -> None:
    with FaultyServer(tmp_path / "served") as server:
        both = world.build_ava_kinetics(tmp_path, server)
        both.run("prepare", "--manifest", "tinyboth.yaml", "--key-frames")
        assert " 0 wrong, 0 can't" in _said(both)
        clips = [each for each in journal.read(both.root).present.values() if each.stage is Stage.FRAMES]
        kept = [Shown.decode((both.root / frame_times(each.path)).read_bytes()).instants for each in clips]
        assert {Fraction("2.516"), Fraction("3.333333")} <= {s for each in kept for s in each.values()}


def test_a_frame_that_shows_another_instant_is_named(made: World) -> None:
    """As by a wrong program: list, times and journal agree with each other, and not with the film."""
    record, root = _record(made.root, FRAMES), made.root
    path = root / frame_times(FRAMES)
    before = path.read_bytes()
    shown = Shown.decode(before)
    seconds = (*shown.seconds[:39], shown.seconds[38], *shown.seconds[40:])
    _believe(root, record, replace(shown, seconds=seconds).encode())
    try:
        assert "timing: number 40 shows" in _said(made, expect=4)
        lines = made.json("verify", "--timing", "--quick", expect=4)
        assert [line["kind"] for line in lines if line.get("path") == FRAMES] == ["match", "differs"]
    finally:
        _believe(root, record, before)


def test_a_picture_of_another_instant_is_named(made: World) -> None:
    """The first is among those that are made again."""
    record, root = _record(made.root, FRAMES), made.root
    first, later = root / FRAMES / "img_00001.jpg", root / FRAMES / "img_00100.jpg"
    before, listing = first.read_bytes(), root / frame_list(FRAMES)
    text = listing.read_text()
    first.write_bytes(later.read_bytes())
    digests = packing.listed(root, FRAMES) | {"img_00001.jpg": files.sha256(first)}
    listing.write_text(checksums.text((f"{FRAMES}/{name}", digest) for name, digest in digests.items()))
    size = record.bytes - len(before) + first.stat().st_size
    other = replace(record, sha256=files.sha256(listing), bytes=size, time="")
    journal.append(root, journal.removal(record, journal.REPLACED), other)
    try:
        assert "timing: img_00001.jpg is not the picture that its source frame gives" in _said(made, expect=4)
    finally:
        first.write_bytes(before)
        listing.write_text(text)
        journal.append(root, journal.removal(record, journal.REPLACED), replace(record, time=""))


def test_without_the_film_it_says_that_it_can_not_tell(made: World) -> None:
    made.run("prepare", "--dataset", "tiny", "--drop", "videos,windows")
    said = _said(made)
    assert " 0 right, 0 wrong, " in said
    assert "can't be checked: tiny/windows/-Reel_mp4-1.mkv is not there" in said


def _believe(root: Path, record: Record, data: bytes) -> None:
    path = root / frame_times(record.path)
    path.write_bytes(data)
    timing = {**record.facts["timing"], "times_sha256": files.sha256(path)}
    journal.append(root, replace(record, facts={**json.loads(json.dumps(record.facts)), "timing": timing}, time=""))
