"""The power goes: a disk in a file is copied while avakit writes to it, and the copy is what a machine finds again.

What the kernel had not written out yet is not in the copy, as it would not be on a disk. A writer that does not sync
is tried in the same way: files of no bytes under final names, or the trial shows nothing.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from avakit.tools import files
from tests import scale
from tests.integration.world import World

FILMS = 8
DISK_BYTES = 96 << 20
#: While the run goes on; then at once, and when the kernel may have written a part of what is left (its journal is
#: committed every 5 s, data is written out after 30 s).
EVERY_SECONDS, LATER_SECONDS = 1.0, (0.0, 7.0, 30.0)
pytestmark = [
    pytest.mark.storage_fault,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a disk needs root"),
    pytest.mark.skipif(shutil.which("mkfs.ext4") is None, reason="a disk of its own needs mkfs.ext4"),
    pytest.mark.skipif(not Path("/dev/loop-control").exists(), reason="this machine has no loop devices"),
]


@contextmanager
def mounted(image: Path) -> Iterator[Path]:
    """Mount a disk in a file for as long as the block lasts."""
    place = image.with_suffix(".mount")
    place.mkdir()
    if subprocess.run(["mount", "-o", "loop", image, place], check=False, capture_output=True).returncode:
        pytest.skip("this machine can't mount a disk in a file")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)
        place.rmdir()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    with path.open("wb") as stream:
        stream.truncate(DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", path], check=True)
    return path


def cut(image: Path, number: int, process: "subprocess.Popen[str] | None" = None) -> Path:
    """Copy the disk as it is; whoever writes to it is stopped for the moment that takes."""
    copy = image.with_name(f"cut{number}.img")
    if process is not None:
        os.killpg(process.pid, signal.SIGSTOP)
    try:
        subprocess.run(["cp", "--sparse=always", image, copy], check=True)
    finally:
        if process is not None:
            os.killpg(process.pid, signal.SIGCONT)
    return copy


def published(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(files.is_partial(part) for part in path.parts)
    }


def build(folder: Path, film: bytes) -> None:
    (folder / "films").mkdir()
    names = [f"film{number:07d}.mp4" for number in range(FILMS)]
    for number, name in enumerate(names):
        (folder / "films" / name).write_bytes(scale.padded(film, 200_000, number))
    scale.build(folder, folder, "http://127.0.0.1:9", names)


def look(root: Path, whole: dict[str, bytes], world: World) -> int:
    """Assert that nothing on this disk is torn, and that what its journal tells of is there; return how much is."""
    if not root.exists():
        return 0
    found = {name: data for name, data in published(root).items() if not name.startswith(".avakit/")}
    torn = [name for name, data in found.items() if whole[name] != data]
    assert not torn, f"empty or torn after a power cut: {torn}"
    if list(root.glob(".avakit/journal/*/*.jsonl")):
        ran = subprocess.run(
            world.command("verify", "--root", str(root), "--json"), capture_output=True, text=True, check=False
        )
        kinds = {row["kind"] for line in ran.stdout.splitlines() if (row := json.loads(line)).get("type") == "finding"}
        assert ran.returncode in (0, 4), ran.stderr
        assert kinds <= {"match", "unexpected"}, ran.stdout  # there and not recorded yet: the next run sees to it
    return len(found)


def test_what_is_there_after_a_power_cut_is_whole(tmp_path: Path, tiny_film: bytes, image: Path) -> None:
    build(tmp_path, tiny_film)
    world = World(tmp_path, None)  # type: ignore[arg-type] # nothing is asked of a server
    cuts = []
    with mounted(image) as disk:
        root = ("--root", str(disk / "data"), "--manifest", "many.yaml")
        world.run("fetch", "--from", "annotations", *root)
        with world.start("prepare", *root, "--folder", "films", "--sources", "folder", "--fps", "5") as process:
            while process.poll() is None:
                time.sleep(EVERY_SECONDS)
                cuts.append(cut(image, len(cuts), process))
            out, err = process.communicate()
        assert process.returncode == 0, out + err
        done = time.monotonic()
        for later in LATER_SECONDS:
            time.sleep(max(0.0, done + later - time.monotonic()))
            cuts.append(cut(image, len(cuts)))
        whole = published(disk / "data")
    counts = []
    for copy in cuts:
        with mounted(copy) as disk:
            counts.append(look(disk / "data", whole, world))
        copy.unlink()
    said = sum(not name.startswith(".avakit/") for name in whole)
    assert counts[-len(LATER_SECONDS)] == said, "all that was said to be done was on the disk at once"
    print(f"\npower cuts: {len(cuts)}, with {counts} of {said} files on the disk, none empty or torn")


def test_a_writer_that_does_not_sync_leaves_files_of_no_bytes(image: Path) -> None:
    """The control: a rename that is on the disk before its bytes are."""
    code = (
        "import os, sys\n"
        "for n in range(20):\n"
        "    with open(f'{sys.argv[1]}/.part', 'wb') as stream: stream.write(os.urandom(100_000))\n"
        "    os.rename(f'{sys.argv[1]}/.part', f'{sys.argv[1]}/file{n}')\n"
    )
    empty = []
    with mounted(image) as disk:
        (disk / "data").mkdir()
        os.sync()
        subprocess.run([sys.executable, "-S", "-c", code, disk / "data"], check=True)
        time.sleep(7.0)
        copy = cut(image, 0)
    with mounted(copy) as disk:
        empty = [path for path in (disk / "data").glob("file*") if not path.stat().st_size]
    print(f"\npower cut of a writer without fsync: {len(empty)} of 20 files have no bytes")
    assert empty, "the trial does not see what it is for"
