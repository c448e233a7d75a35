"""File systems: found in what the kernel tells, and tried."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import avakit
from avakit.tools import mounts
from avakit.tools.mounts import Mount

MOUNTINFO = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /scratch rw,relatime shared:2 master:1 - lustre 10.0.0.1@tcp:/scr rw,flock
31 30 0:26 / /scratch/my\040data rw - nfs4 nas:/my\040data rw,vers=4.2
32 22 0:27 / /mnt rw - tmpfs tmpfs rw
33 22 0:28 / /mnt rw - xfs /dev/vdb rw
34 22 0:29 / /home rw
broken
"""


@pytest.mark.parametrize(
    ("path", "kind", "source"),
    [
        ("/", "ext4", "/dev/vda"),
        ("/var/lib", "ext4", "/dev/vda"),
        ("/scratch", "lustre", "10.0.0.1@tcp:/scr"),
        ("/scratches", "ext4", "/dev/vda"),
        ("/scratch/a/b", "lustre", "10.0.0.1@tcp:/scr"),
        ("/scratch/my data/x", "nfs4", "nas:/my data"),
        ("/mnt/x", "xfs", "/dev/vdb"),
        ("/home", "ext4", "/dev/vda"),
    ],
)
def test_the_mount_of_a_path(path: str, kind: str, source: str) -> None:
    found = mounts.find(mounts.parse(MOUNTINFO), path)
    assert found is not None
    assert (found.kind, found.source) == (kind, source)


def test_no_mount_is_no_answer() -> None:
    assert mounts.find([], "/x") is None
    assert mounts.find([Mount("/a", "ext4", "x")], "/ab") is None


def test_a_folder_that_is_not_there_lies_where_its_parent_does(tmp_path: Path) -> None:
    assert mounts.mount_of(tmp_path / "a/b") == mounts.mount_of(tmp_path)
    assert mounts.device(tmp_path / "a/b") == tmp_path.stat().st_dev


def test_trials_leave_nothing(tmp_path: Path) -> None:
    assert mounts.locks_hold(tmp_path)
    assert not mounts.folds_case(tmp_path)
    assert mounts.write_speed(tmp_path, max_bytes=1 << 20) > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_a_lock_that_does_nothing_is_found_out(tmp_path: Path) -> None:
    """As flock is on a Lustre mounted without it."""
    source, library = tmp_path / "flock.c", tmp_path / "flock.so"
    source.write_text("int flock(int file, int how) { return 0; }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    script = (
        "import sys; from pathlib import Path; from avakit.tools import mounts; print(mounts.locks_hold(Path('.')))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(Path(avakit.__file__).parents[1])},
    )  # fmt: skip
    assert found.stdout == "False\n"
