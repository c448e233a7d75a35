"""Bags, as bagit-python sees them: whole ones pass, and each of them fails after each tamper."""

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import bagit
import pytest

from avakit.cli import run
from avakit.layout import MANIFEST, ROOT, SHA256SUMS
from tests import roots

VIDEO = "k/videos/-dashed_id1.mp4"
FRAME = f"{roots.FOLDER}/img_00002.jpg"
TAR = f"{roots.TARRED}.tar"


def make(tmp_path: Path, *words: str) -> Path:
    if not (tmp_path / "root").exists():
        roots.build(tmp_path / "root")
    target = tmp_path / "bag"
    assert run(["manifest", "--root", str(tmp_path / "root"), "--bagit", str(target), *words]) == 0
    return target


def is_valid(bag: Path) -> bool:
    try:
        bagit.Bag(str(bag)).validate()
    except bagit.BagError:
        return False
    return True


@pytest.mark.parametrize("words", [(), ("--copy",)])
def test_a_bag_of_all_kinds_is_accepted(tmp_path: Path, words: tuple[str, ...]) -> None:
    bag = make(tmp_path, *words)
    assert is_valid(bag)
    payload = {str(path.relative_to(bag / "data")) for path in (bag / "data").rglob("*") if path.is_file()}
    assert {VIDEO, FRAME, TAR, MANIFEST, SHA256SUMS, ROOT, f"annotations/{roots.DATASET}/val.csv"} <= payload
    assert len(payload) == 17
    info = bagit.Bag(str(bag)).info
    assert info["Payload-Oxum"] == f"{sum((bag / 'data' / path).stat().st_size for path in payload)}.{len(payload)}"
    assert info["External-Identifier"] == f"sha256:{(bag / 'data' / ROOT).read_text()[:64]}"
    assert info["Bag-Software-Agent"].startswith("avakit ")
    assert (bag / "data" / VIDEO).samefile(tmp_path / "root" / VIDEO) is (not words)
    lists = [str(path.relative_to(bag / "data")) for path in (bag / "data").rglob("*dashed*.sha256")]
    if shutil.which("sha256sum"):  # the payload is a root that others check without bagit
        subprocess.run(["sha256sum", "-c", "--quiet", ROOT, SHA256SUMS, *lists], cwd=bag / "data", check=True)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def leave(path: Path, text: str = "mine\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def swap(bag: Path) -> None:
    first, second = bag / "data" / VIDEO, bag / "data" / TAR
    first.rename(bag / "aside")
    second.rename(first)
    (bag / "aside").rename(second)


def link_elsewhere(bag: Path) -> None:
    leave(bag.parent / "elsewhere", "other bytes\n")
    (bag / "data" / VIDEO).unlink()
    (bag / "data" / VIDEO).symlink_to(bag.parent / "elsewhere")


def drop_line(bag: Path) -> None:
    path = bag / "manifest-sha256.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


TAMPERS: dict[str, Callable[[Path], None]] = {
    "a bit of a video": lambda bag: flip(bag / "data" / VIDEO),
    "a bit of a frame": lambda bag: flip(bag / "data" / FRAME),
    "a bit of a tar": lambda bag: flip(bag / "data" / TAR),
    "a bit of a frame list": lambda bag: flip(next((bag / "data").rglob("*.sha256"))),
    "a bit of SHA256SUMS": lambda bag: flip(bag / "data" / SHA256SUMS),
    "a video cut": lambda bag: cut(bag / "data" / VIDEO),
    "a video emptied": lambda bag: os.truncate(bag / "data" / VIDEO, 0),
    "a frame deleted": lambda bag: (bag / "data" / FRAME).unlink(),
    "an extra file": lambda bag: leave(bag / "data" / "k/videos/other.mp4"),
    "an extra partial": lambda bag: leave(bag / "data" / "k/videos/.x.host.1.00000000.partial.mp4"),
    "a file renamed": lambda bag: (bag / "data" / FRAME).rename(bag / "data" / roots.FOLDER / "img_00009.jpg"),
    "a letter's case": lambda bag: (bag / "data" / FRAME).rename(bag / "data" / roots.FOLDER / "IMG_00002.jpg"),
    "two swapped": swap,
    "a link to other bytes": link_elsewhere,
    "a digest edited": lambda bag: edit(bag / "manifest-sha256.txt", "data/k/videos", "data/k/video"),
    "a line dropped": drop_line,
    "the manifest cut": lambda bag: cut(bag / "manifest-sha256.txt"),
    "the manifest deleted": lambda bag: (bag / "manifest-sha256.txt").unlink(),
    "bag-info edited": lambda bag: edit(bag / "bag-info.txt", "prepared by", "made by"),
    "the oxum edited": lambda bag: edit(bag / "bag-info.txt", "Payload-Oxum: ", "Payload-Oxum: 1"),
    "the version edited": lambda bag: edit(bag / "bagit.txt", "1.0", "0.97"),
    "bagit.txt deleted": lambda bag: (bag / "bagit.txt").unlink(),
    "the tag manifest edited": lambda bag: edit(bag / "tagmanifest-sha256.txt", "bag-info.txt", "bag-inf0.txt"),
}


@pytest.mark.parametrize("tamper", TAMPERS.values(), ids=TAMPERS)
def test_a_bag_that_was_tampered_with_is_rejected(tmp_path: Path, tamper: Callable[[Path], None]) -> None:
    bag = make(tmp_path, "--copy")
    assert is_valid(bag)
    tamper(bag)
    assert not is_valid(bag)


@pytest.mark.parametrize("path", [VIDEO, FRAME, TAR, f".avakit/manifests/frames/{roots.TARRED}.idx"])
@pytest.mark.parametrize("how", ["missing", "longer", "link"])
def test_a_file_that_is_not_as_recorded_refuses_the_bag(
    tmp_path: Path, path: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    roots.build(tmp_path / "root")
    file = tmp_path / "root" / path
    if how == "longer":
        file.write_bytes(file.read_bytes() + b"!")
    else:
        file.rename(tmp_path / "aside")
        if how == "link":
            file.symlink_to(tmp_path / "aside")
    assert run(["manifest", "--root", str(tmp_path / "root"), "--bagit", str(tmp_path / "bag")]) == 4
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert path.rpartition("/")[0] in told
    assert {each.name for each in tmp_path.iterdir()} <= {"root", "aside", "shared"}


def test_across_disks_files_are_copied_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(path), None, str(target))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    bag = make(tmp_path)
    assert is_valid(bag)
    assert "14 files were copied: no hard link can lead there" in capsys.readouterr().err


def test_no_bag_is_made_where_something_is_or_among_the_data(tmp_path: Path) -> None:
    bag = make(tmp_path)
    before = sorted(bag.rglob("*"))
    words = ["manifest", "--root", str(tmp_path / "root"), "--bagit"]
    assert run([*words, str(bag)]) == 73
    assert sorted(bag.rglob("*")) == before
    assert run([*words, str(tmp_path / "root/k/bag")]) == 2
    assert run([*words, str(tmp_path / "root/exports/bag")]) == 0


def test_a_dataset_nobody_recorded_makes_no_bag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    roots.build(tmp_path / "root")
    words = ["--root", str(tmp_path / "root"), "--bagit", str(tmp_path / "bag"), "--json", "--dataset", "kinetics-600"]
    assert run(["manifest", *words]) == 65
    assert not (tmp_path / "bag").exists()
    assert "kinetics-600" in capsys.readouterr().err


def test_the_bag_is_told_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = make(tmp_path, "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["paths"]["bagit"] == str(bag)
    assert told["bag"]["files"] == 17
    assert told["bag"]["root_sha256"] == told["root_sha256"]
