"""Frames in tars through the command line: made, packed, unpacked, killed in between, damaged, repaired."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from avakit import cli, execute, journal, packing
from avakit.layout import ROOT, SHA256SUMS, frame_index, frame_list
from avakit.tools import files
from tests import invariants
from tests.faults import FaultyServer
from tests.integration import world as worlds

#: A film whose id begins with `-`, and one of another container.
ONE, TWO = "-Reel_mp4-1", "reel-mkv-02"
FOLDER = f"tiny/rawframes/{ONE}"
TAR, LIST, INDEX = f"{FOLDER}.tar", frame_list(FOLDER), frame_index(FOLDER)
TINY = ("--dataset", "tiny", f"--ids={ONE},{TWO}")
PACK, UNPACK = ("--pack", "tar"), ("--unpack",)
NAMES = tuple(f"img_{number:05d}.jpg" for number in range(1, worlds.FRAMES + 1))

#: They tell of the form, too.
MANIFESTS = {SHA256SUMS, ROOT}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Prepare two films once, without workers; return the root."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "served").mkdir()
    with FaultyServer(folder / "served") as server, pytest.MonkeyPatch.context() as patch:
        worlds.build_ava(folder, server)
        patch.setattr(execute, "run", invariants.in_this_process)
        patch.setenv("AVAKIT_SHARED_DIR", str(folder / "shared"))
        patch.chdir(folder)
        assert cli.run(["prepare", "--manifest", "tiny.yaml", *TINY[2:]]) == 0
        yield folder / "data"


@pytest.fixture
def root(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of it, in the working folder; runs need no workers."""
    monkeypatch.setattr(execute, "run", invariants.in_this_process)
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(made, tmp_path / "data"))


def extract(*words: str, expect: int = 0) -> None:
    assert cli.run(["extract-frames", *TINY, *words]) == expect


def verify(*words: str, expect: int = 0) -> None:
    assert cli.run(["verify", *words]) == expect


def things(root: Path) -> dict[str, bytes]:
    """Return everything under a final name but what tells of runs."""
    return {name: data for name, (data, _) in invariants.good(root).items() if not name.startswith("annotations/")}


def frames_of(root: Path, folder: str = FOLDER) -> dict[str, bytes]:
    found = packing.open_frames(root, folder)
    return {name: found.read(name) for name in found.names}


def forget_frames(root: Path) -> None:
    """Have the frames never been made."""
    for path in (root / "tiny/rawframes", root / ".avakit/manifests"):
        shutil.rmtree(path)
    for path in root.glob(".avakit/journal/*/*.jsonl"):
        lines = [line for line in path.read_text().splitlines() if json.loads(line)["stage"] != "frames"]
        path.write_text("".join(f"{line}\n" for line in lines))


# --- there and back ---


def test_packed_and_unpacked_they_are_the_same_to_the_byte(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, record = things(root), journal.read(root).present[FOLDER]
    shutil.rmtree(root / "tiny/videos")
    shutil.rmtree(root / "tiny/windows")  # nothing can be decoded
    extract(*PACK)
    assert "packed as they were" in capsys.readouterr().err
    assert sorted(path.name for path in (root / "tiny/rawframes").iterdir()) == [f"{ONE}.tar", f"{TWO}.tar"]
    assert frames_of(root) == {name: before[f"{FOLDER}/{name}"] for name in NAMES}
    assert (root / LIST).read_bytes() == before[LIST], "the same list vouches for both"
    packed = journal.read(root).present[FOLDER]
    assert (packed.path, packed.bytes, packed.frames) == (TAR, (root / TAR).stat().st_size, worlds.FRAMES)
    assert packed.sha256 == files.sha256(root / TAR)
    assert packed.facts["pack"]["list"] == record.sha256
    tar = (root / TAR).read_bytes()
    extract(*PACK)
    assert "2 cached, nothing to do" in capsys.readouterr().out
    extract(*UNPACK)
    after = journal.read(root).present[FOLDER]
    assert {**after.__dict__, "time": ""} == {**record.__dict__, "time": ""}, "its record is the one it had"
    kept = {name: data for name, data in before.items() if not name.startswith(("tiny/videos", "tiny/windows"))}
    assert {name: data for name, data in things(root).items() if name not in MANIFESTS} == {
        name: data for name, data in kept.items() if name not in MANIFESTS
    }
    extract(*PACK)
    assert (root / TAR).read_bytes() == tar


def test_extracted_straight_into_a_tar_it_is_the_packed_one(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    extract(*PACK)
    packed = things(root)
    forget_frames(root)
    monkeypatch.setenv("AVAKIT_PACK", "tar")
    written: list[str] = []
    write = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", lambda path, data: (written.append(path.suffix), write(path, data))[1])
    extract()
    assert ".jpg" not in written, "no small file is ever made"
    assert {name: data for name, data in things(root).items() if name not in MANIFESTS} == {
        name: data for name, data in packed.items() if name not in MANIFESTS
    }
    verify()
    assert cli.run(["status", *TINY]) == 0
    assert "frames      2       2  100.0" in capsys.readouterr().out


def test_without_the_option_what_is_there_stays_as_it_is(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    extract(*PACK, f"--ids={ONE}")  # both, then: ids add up
    before = things(root)
    assert cli.run(["prepare", *TINY]) == 0
    assert "6 cached, nothing to do" in capsys.readouterr().out
    assert {k: v for k, v in things(root).items() if k not in MANIFESTS} == {
        k: v for k, v in before.items() if k not in MANIFESTS
    }


def test_the_settings_file_of_the_root_says_it_for_every_verb(root: Path) -> None:
    (root / "avakit.yaml").write_text("pack: tar\n")
    assert cli.run(["prepare", *TINY]) == 0
    assert (root / TAR).is_file()
    extract(*UNPACK)
    assert (root / FOLDER).is_dir()
    extract("--unpack", "--pack", "tar", expect=2)
    (root / "avakit.yaml").write_text("unpack: true\n")
    extract(expect=2)


def test_coreutils_and_tar_accept_what_is_published(root: Path) -> None:
    sha256sum, tar = shutil.which("sha256sum"), shutil.which("tar")
    if sha256sum is None or tar is None:
        pytest.skip("no sha256sum or tar on this machine")
    extract(*PACK)
    assert cli.run(["manifest"]) == 0
    lines = (root / ".avakit/manifests/SHA256SUMS").read_text()
    assert all(f"  {path}\n" in lines for path in (TAR, LIST, INDEX))
    subprocess.run([sha256sum, "-c", "--quiet", "--strict", ".avakit/manifests/SHA256SUMS"], cwd=root, check=True)
    elsewhere = root.parent / "look"
    (elsewhere / "tiny/rawframes").mkdir(parents=True)
    subprocess.run([tar, "-C", str(elsewhere / "tiny/rawframes"), "-xf", str(root / TAR)], check=True)
    subprocess.run([sha256sum, "-c", "--quiet", "--strict", str(root / LIST)], cwd=elsewhere, check=True)


def test_key_frames_are_packed_as_well(root: Path) -> None:
    extract("--key-frames", *PACK)
    folder = f"tiny/keys/{ONE}"
    assert list(frames_of(root, folder)) == ["img_00001.jpg", "img_00031.jpg", "img_00091.jpg"]
    verify()
    packed = frames_of(root, folder)
    extract("--key-frames", *UNPACK)
    assert frames_of(root, folder) == packed
    assert (root / folder).is_dir()
    assert (root / FOLDER).is_dir(), "of those the option said nothing"
    verify()


def test_the_plan_counts_files_and_the_dry_run_says_what_it_would_do(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def planned(*words: str) -> dict[tuple[str, str], tuple[int, int]]:
        capsys.readouterr()
        assert cli.run(["plan", *TINY, "--json", *words]) == 0
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        stages = [row for row in rows if row["type"] == "stage" and row["count"]]
        return {(row["stage"], row["source"]): (row["count"], row["files"]) for row in stages}

    assert planned(*PACK) == {("frames", "pack"): (2, 6)}
    extract("-n", *PACK)
    assert f"would keep frames {FOLDER} in a tar" in capsys.readouterr().out
    extract(*PACK)
    assert planned(*PACK) == {}
    assert planned("--pack", "folder") == {("frames", "unpack"): (2, 2 * worlds.FRAMES + 2)}
    forget_frames(root)
    assert planned(*PACK) == {("frames", ""): (2, 6)}
    assert planned() == {("frames", ""): (2, 2 * worlds.FRAMES + 2)}


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_without_inodes_holds_tars(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forget_frames(root)
    small = root / "tiny/rawframes"
    small.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=64m,nr_inodes=50", "tmpfs", str(small)]
    if subprocess.run(mounting, check=False, capture_output=True).returncode:
        pytest.skip("this machine can't mount a tmpfs")
    try:
        extract(expect=74)
        assert "keep frames in tars (--pack tar)" in capsys.readouterr().err
        extract(*PACK)
        assert len(frames_of(root)) == worlds.FRAMES
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


# --- what is damaged ---


def damage(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_a_flipped_bit_names_the_frame_and_repair_makes_a_tar_again(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extract(*PACK)
    before = things(root)
    member = packing.read_index(root / INDEX)[6]
    damage(root / TAR, member.offset + 99)
    damage(root / f"tiny/rawframes/{TWO}.tar", 3)
    verify("--quick")
    capsys.readouterr()
    verify(expect=4)
    out = capsys.readouterr().out
    assert f"* {TAR}  (differs: {ONE}/img_00007.jpg: sha256 " in out
    assert f"* tiny/rawframes/{TWO}.tar  (differs: {TWO}/img_00001.jpg: its header differs)" in out
    verify("--repair")
    assert {k: v for k, v in things(root).items() if "quarantine" not in k and k not in MANIFESTS} == {
        k: v for k, v in before.items() if k not in MANIFESTS
    }
    moved = {path.name for path in (root / ".avakit/quarantine").rglob("*") if ONE in path.name}
    assert moved == {f"{ONE}.tar", f"{ONE}.sha256", f"{ONE}.times.json", f"{ONE}.idx"}
    verify()


def cut(path: Path) -> None:
    os.truncate(path, 100_000)


def lengthen(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"x")


def link(path: Path) -> None:
    path.rename(path.with_name(".moved"))
    path.symlink_to(".moved")


@pytest.mark.parametrize(
    ("path", "change", "quick", "full"),
    [
        (TAR, cut, f"* {TAR}  (differs: 100000 bytes, recorded ", "it is cut off in"),
        (TAR, lengthen, f"* {TAR}  (differs: ", "1 bytes follow its end"),
        (TAR, files.remove, f"- {TAR}  (missing)", f"- {TAR}  (missing)"),
        (TAR, link, f"! {TAR}  (unsafe: a symbolic link)", f"! {TAR}  (unsafe: a symbolic link)"),
        (INDEX, lengthen, f"* {INDEX}  (differs: sha256 ", f"* {INDEX}  (differs: sha256 "),
        (INDEX, files.remove, f"- {INDEX}  (missing)", f"- {INDEX}  (missing)"),
        (LIST, lengthen, f"* {LIST}  (differs: sha256 ", f"* {LIST}  (differs: sha256 "),
    ],
    ids=["cut", "longer", "gone", "link", "index", "no index", "list"],
)
def test_whatever_is_done_to_a_tar_or_beside_it_is_found_at_once(
    root: Path, path: str, change: Callable[[Path], None], quick: str, full: str, capsys: pytest.CaptureFixture[str]
) -> None:
    extract(*PACK)
    change(root / path)
    capsys.readouterr()
    verify("--quick", expect=4)
    assert quick in capsys.readouterr().out
    verify(expect=4)
    assert full in capsys.readouterr().out


@pytest.mark.parametrize("change", [files.remove, lengthen], ids=["gone", "longer"])
def test_an_index_is_told_from_its_tar_again(root: Path, change: Callable[[Path], None]) -> None:
    """Nothing is decoded for it, and nothing moved."""
    extract(*PACK)
    before = things(root)
    change(root / INDEX)
    verify("--repair")
    assert not list((root / ".avakit/quarantine").rglob(f"{ONE}*"))
    assert things(root)[INDEX] == before[INDEX]
    shutil.rmtree(root / "tiny/videos")
    shutil.rmtree(root / "tiny/windows")
    (root / INDEX).unlink()
    extract()
    assert things(root)[INDEX] == before[INDEX]
    damage(root / TAR, 3)
    (root / INDEX).unlink()
    extract(expect=3)


@pytest.mark.parametrize("lost", [TAR, INDEX, LIST])
def test_what_is_gone_is_made_again(root: Path, lost: str) -> None:
    extract(*PACK)
    before = things(root)
    (root / lost).unlink()
    extract(*PACK)
    assert {k: v for k, v in things(root).items() if k not in MANIFESTS} == {
        k: v for k, v in before.items() if k not in MANIFESTS
    }
    verify()


@pytest.mark.parametrize(
    ("words", "change", "told"),
    [
        (PACK, lambda root: damage(root / FOLDER / NAMES[3], 99), f"{FOLDER}/{NAMES[3]} is not as recorded"),
        (PACK, lambda root: (root / FOLDER / NAMES[3]).unlink(), f"does not hold the frames of its list: {NAMES[3]}"),
        (PACK, lambda root: (root / FOLDER / "mine").touch(), "does not hold the frames of its list: mine"),
        (PACK, lambda root: lengthen(root / LIST), f"{LIST} is not as recorded"),
        (UNPACK, lambda root: damage(root / TAR, 600), f"{ONE}/img_00001.jpg: sha256 "),
        (UNPACK, lambda root: lengthen(root / INDEX), f"{INDEX} is not as recorded"),
    ],
    ids=["flipped", "gone", "added", "list", "tar", "index"],
)
def test_what_is_damaged_is_not_put_into_another_form(
    root: Path, words: tuple[str, ...], change: Callable[[Path], object], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if words is UNPACK:
        extract(*PACK)
    change(root)
    before = {k: v for k, v in things(root).items() if ONE in k}
    extract(*words, expect=3)
    said = capsys.readouterr()
    assert told in said.err
    assert "verify --repair" in said.err
    assert "Traceback" not in said.err
    assert {k: v for k, v in things(root).items() if ONE in k} == before
    assert packing.open_frames(root, f"tiny/rawframes/{TWO}"), "the other film is done"


def test_another_s_file_under_such_a_name_is_left_alone(root: Path) -> None:
    extract(*PACK)
    (root / FOLDER).mkdir()
    (root / FOLDER / "mine.txt").write_text("mine")
    extract(*PACK)
    assert (root / FOLDER / "mine.txt").read_text() == "mine"
    shutil.rmtree(root / FOLDER)
    extract(*UNPACK)
    (root / TAR).write_bytes(b"mine")
    (root / INDEX).write_text("v1.2 0\n")
    extract(*UNPACK)
    assert (root / TAR).read_bytes() == b"mine"
    verify(expect=4)


# --- kills ---

RUN = """
import sys
from avakit import cli, execute
from tests.invariants import in_this_process
execute.run = in_this_process
sys.exit(cli.run(sys.argv[1:]))
"""
#: The call before or after which SIGKILL comes, and a part of the path it is about.
KILLS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "pack: the tar is not on the disk": (PACK, "fsync", ".partial.tar"),
    "pack: the index has no name": (PACK, "rename", INDEX),
    "pack: the index has": (PACK, "renamed", INDEX),
    "pack: the tar has no name": (PACK, "rename", TAR),
    "pack: the tar has": (PACK, "renamed", TAR),
    "pack: half a line": (PACK, "append", ".jsonl"),
    "pack: the folder stands": (PACK, "rename", f"/.{ONE}."),
    "pack: the folder is aside": (PACK, "renamed", f"/.{ONE}."),
    "unpack: the folder has no name": (UNPACK, "rename", FOLDER),
    "unpack: the folder has": (UNPACK, "renamed", FOLDER),
    "unpack: half a line": (UNPACK, "append", ".jsonl"),
    "unpack: the tar stands": (UNPACK, "rename", ".partial.tar"),
    "unpack: the tar is aside": (UNPACK, "renamed", ".partial.tar"),
    "extract: the tar has no name": (("extract", *PACK), "rename", TAR),
    "extract: the tar has": (("extract", *PACK), "renamed", TAR),
    "extract: half a line": (("extract", *PACK), "append", ".jsonl"),
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the libc that fails."""
    if shutil.which("cc") is None:
        pytest.skip("a libc that fails needs a C compiler")
    path = tmp_path_factory.mktemp("library") / "faultydisk.so"
    source = Path(__file__).parents[1] / "faultydisk.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", path, source, "-ldl"], check=True)
    return path


def faulty(root: Path, library: Path, call: str, path: str, *words: str, number: int = 0) -> tuple[int, str]:
    """Run `extract-frames` of one film on a disk that fails, or until it is killed; return code and words."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AVAKIT_PACK")} | {
        "LD_PRELOAD": str(library), "FAULTY_CALL": call, "FAULTY_PATH": path, "FAULTY_ERRNO": str(number),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", RUN, "extract-frames", "--dataset", "tiny", f"--ids={ONE}", *words], env=environment,
        cwd=root.parent, start_new_session=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("words", [("extract", *PACK), PACK], ids=["extract", "pack"])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_disk_that_is_full_stops_the_run_and_leaves_nothing(
    root: Path, library: Path, call: str, words: tuple[str, ...]
) -> None:
    if words[0] == "extract":
        forget_frames(root)
        words = words[1:]
    before = {k: v for k, v in things(root).items() if ".avakit" not in k}
    code, told = faulty(root, library, call, ".partial.tar", *words, number=errno.ENOSPC)
    assert code == 74, told
    assert "No space left" in told
    assert "Traceback" not in told
    assert {k: v for k, v in things(root).items() if ".avakit" not in k} == before
    assert not [path for path in root.rglob(".*") if files.is_partial(path.name)]
    extract(*words)
    verify()


@pytest.mark.parametrize("moment", KILLS)
def test_killed_at_any_moment_nothing_is_lost_and_the_same_command_goes_on(
    root: Path, library: Path, moment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words, call, path = KILLS[moment]
    frames = frames_of(root)
    extract(*PACK)
    packed = things(root)
    if words is not UNPACK:
        extract(*UNPACK)
    if words[0] == "extract":
        forget_frames(root)
        words = words[1:]
    expected = packed
    if words is UNPACK:
        copy = Path(shutil.copytree(root, root.parent / "copy"))
        extract("--root", str(copy), f"--ids={ONE}", *UNPACK)
        expected = things(copy)
    code, told = faulty(root, library, call, path, *words)
    assert code == -9, told
    capsys.readouterr()
    assert cli.run(["verify"]) in (0, 4)
    assert not [line for line in capsys.readouterr().out.splitlines() if line.startswith(("-", "*", "!"))]
    if FOLDER in journal.read(root).present:
        assert frames_of(root) == frames, "one of the two forms is whole"
    extract(*words)
    assert {k: v for k, v in things(root).items() if k not in MANIFESTS} == {
        k: v for k, v in expected.items() if k not in MANIFESTS
    }
    assert not [path for path in root.rglob(".*") if files.is_partial(path.name)]
    verify()
