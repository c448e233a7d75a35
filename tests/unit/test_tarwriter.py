"""A tar as it is written: its bytes are those of GNU tar, and others read it."""

import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avakit.tools import tarwriter
from avakit.tools.tarwriter import Tar, TarShelf

FILES = {
    "img_00001.jpg": b"one",
    "img_00002.jpg": b"",
    "img_00003.png": bytes(range(256)) * 2,
    "img_100000.webp": b"x" * 9999,
}
NAME = st.from_regex(r"[A-Za-z0-9_-]{1,11}/img_[0-9]{5,6}\.(jpg|png|webp)", fullmatch=True)


def write(path: Path, folder: str, files: dict[str, bytes]) -> Tar:
    with TarShelf(path, folder) as shelf:
        for name, data in files.items():
            shelf.add(name, data)
        return shelf.finish()


def test_python_reads_what_was_written(tmp_path: Path) -> None:
    made = write(tmp_path / "a.tar", "-5KQ66BBWC4", FILES)
    with tarfile.open(tmp_path / "a.tar") as archive:
        members = archive.getmembers()
        assert {m.name: archive.extractfile(m).read() for m in members} == {  # type: ignore[union-attr]
            f"-5KQ66BBWC4/{name}": data for name, data in FILES.items()
        }
    assert {(m.mode, m.mtime, m.uid, m.gid, m.uname, m.gname, m.isreg()) for m in members} == {
        (0o644, 0, 0, 0, "", "", True)
    }
    assert [(m.name, m.offset_data, m.size) for m in members] == [(m.name, m.offset, m.size) for m in made.members]


def test_its_headers_are_read_back(tmp_path: Path) -> None:
    made = write(tmp_path / "a.tar", "x", FILES)
    assert tuple(tarwriter.members_of(tmp_path / "a.tar")) == made.members
    for place in (0, 130, 300):
        data = bytearray((tmp_path / "a.tar").read_bytes())
        data[place] ^= 1
        (tmp_path / "b.tar").write_bytes(data)
        with pytest.raises(ValueError, match=r"differs|invalid literal"):
            tarwriter.members_of(tmp_path / "b.tar")


def test_its_size_and_digest_are_those_of_the_file(tmp_path: Path) -> None:
    made = write(tmp_path / "a.tar", "x", FILES)
    data = (tmp_path / "a.tar").read_bytes()
    assert made.bytes == len(data) == tarwriter.size_of(made.members)
    assert made.sha256 == hashlib.sha256(data).hexdigest()
    assert len(data) % 10240 == 0


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    assert write(tmp_path / "a.tar", "x", FILES) == write(tmp_path / "b.tar", "x", FILES)
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_gnu_tar_writes_the_same_bytes(tmp_path: Path) -> None:
    """Whoever has the frames and no avakit can make the recorded tar."""
    gnu_tar(tmp_path, "--version")
    folder = tmp_path / "-5KQ66BBWC4"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    (tmp_path / "names").write_text("".join(f"-5KQ66BBWC4/{name}\n" for name in FILES))
    gnu_tar(
        tmp_path, "--format=ustar", "--mode=0644", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner",
        "--verbatim-files-from", "--files-from=names", "-cf", "gnu.tar",
    )  # fmt: skip
    write(tmp_path / "ours.tar", "-5KQ66BBWC4", FILES)
    assert (tmp_path / "ours.tar").read_bytes() == (tmp_path / "gnu.tar").read_bytes()


def test_gnu_tar_lists_and_unpacks_it(tmp_path: Path) -> None:
    write(tmp_path / "a.tar", "-5KQ66BBWC4", FILES)
    assert gnu_tar(tmp_path, "-tf", "a.tar").split() == [f"-5KQ66BBWC4/{name}" for name in FILES]
    gnu_tar(tmp_path, "-xf", "a.tar")
    unpacked = {path.name: path.read_bytes() for path in (tmp_path / "-5KQ66BBWC4").iterdir()}
    assert unpacked == FILES


def gnu_tar(folder: Path, *words: str) -> str:
    tar = shutil.which("tar")
    if (
        tar is None
        or "GNU" not in subprocess.run([tar, "--version"], capture_output=True, text=True, check=True).stdout
    ):
        pytest.skip("no GNU tar on this machine")
    done = subprocess.run([tar, *words], cwd=folder, capture_output=True, text=True, check=True)
    assert not done.stderr
    return done.stdout


READ = """
import json, sys, webdataset
samples = webdataset.WebDataset(sys.argv[1:], shardshuffle=False)
print(json.dumps([[s["__key__"], sorted(k for k in s if k[0] != "_"), len(s.get("jpg", b""))] for s in samples]))
"""


def test_webdataset_reads_several_as_one_stream(tmp_path: Path) -> None:
    """Its real library: each frame is a sample, and no two share a key."""
    for folder in ("-5KQ66BBWC4", "1j20qq1JyX4_000010_000020"):
        write(tmp_path / f"{folder}.tar", folder, {"img_00001.jpg": b"one", "img_00002.jpg": b"longer"})
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READ, "-5KQ66BBWC4.tar", "1j20qq1JyX4_000010_000020.tar"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == [
        ["-5KQ66BBWC4/img_00001", ["jpg"], 3], ["-5KQ66BBWC4/img_00002", ["jpg"], 6],
        ["1j20qq1JyX4_000010_000020/img_00001", ["jpg"], 3], ["1j20qq1JyX4_000010_000020/img_00002", ["jpg"], 6],
    ]  # fmt: skip


@given(NAME, st.integers(0, 8**11 - 1))
def test_any_header_is_read_back(name: str, size: int) -> None:
    block = tarwriter.header(name, size)
    assert len(block) == tarwriter.BLOCK
    found = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    assert (found.name, found.size, found.mode, found.mtime) == (name, size, 0o644, 0)


@given(st.lists(st.integers(0, 30_000), max_size=5))
def test_a_tar_of_any_sizes_ends_as_tars_do(sizes: list[int]) -> None:
    stream = io.BytesIO()
    for number, size in enumerate(sizes):
        stream.write(tarwriter.header(f"x/img_{number:05d}.jpg", size) + bytes(size) + tarwriter.padding(size))
    used = stream.tell()
    stream.write(tarwriter.ending(used))
    assert stream.tell() % 10240 == 0
    assert 1024 <= stream.tell() - used < 1024 + 10240
    stream.seek(0)
    with tarfile.open(fileobj=stream) as archive:
        assert [member.size for member in archive] == sizes


@pytest.mark.parametrize(("name", "size"), [("x" * 101, 1), ("", 1), ("x/img_00001.jpg", 8**11)])
def test_what_does_not_fit_into_a_header_is_refused(name: str, size: int) -> None:
    with pytest.raises(ValueError, match="does not fit into a plain tar"):
        tarwriter.header(name, size)


def test_an_empty_tar_is_one(tmp_path: Path) -> None:
    assert write(tmp_path / "a.tar", "x", {}).bytes == 10240
    with tarfile.open(tmp_path / "a.tar") as archive:
        assert archive.getmembers() == []
