"""The lines of `sha256sum`, in both directions; and the manifest that is made of them."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from avakit import checksums, manifest
from avakit.errors import DataInvalid
from avakit.journal import Record, State, merge
from avakit.model import Stage

EMPTY = hashlib.sha256(b"").hexdigest()
DIGESTS = st.binary(max_size=8).map(lambda data: hashlib.sha256(data).hexdigest())
# Any character that a path of ours may hold: no control characters, and none that can't be encoded.
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="/\\"), min_size=1)
PATHS = st.lists(NAMES.filter(lambda name: name not in (".", "..")), min_size=1, max_size=3).map("/".join)

needs_sha256sum = pytest.mark.skipif(shutil.which("sha256sum") is None, reason="there is no sha256sum here")


def check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sha256sum", "-c", "--strict", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


@given(st.dictionaries(PATHS, DIGESTS))
@example({"a line separator\u2028 is part of a name": EMPTY})
def test_what_is_written_is_read_back(digests: dict[str, str]) -> None:
    assert dict(checksums.parse(checksums.text(digests.items()))) == digests


def test_the_order_is_that_of_bytes() -> None:
    written = checksums.text([("é", EMPTY), ("a", EMPTY), ("B", EMPTY), ("-5", EMPTY)])
    assert [path for path, _ in checksums.parse(written)] == ["-5", "B", "a", "é"]


def test_windows_line_ends_and_capitals_are_read() -> None:
    assert list(checksums.parse(f"{EMPTY.upper()}  a.jpg\r\n{EMPTY}  b.jpg")) == [("a.jpg", EMPTY), ("b.jpg", EMPTY)]


def test_nothing_is_an_empty_list() -> None:
    assert list(checksums.parse("")) == []
    assert checksums.text([]) == ""


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ("", "line 2 is not"),
        ("hello", "line 2 is not"),
        (f"{EMPTY} a.jpg", "line 2 is not"),
        (f"{EMPTY} *a.jpg", "line 2 is not"),
        (f"{EMPTY[:-1]}  a.jpg", "line 2 is not"),
        (f"{EMPTY}  ", "line 2 is not"),
        (f"\\{EMPTY}  a\\nb.jpg", "line 2 is not"),
        (f"{EMPTY}  /etc/passwd", "outside the root"),
        (f"{EMPTY}  ../a.jpg", "outside the root"),
        (f"{EMPTY}  a/../../b.jpg", "outside the root"),
    ],
)
def test_a_line_of_another_form_is_refused_by_its_number(row: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        list(checksums.parse(f"{EMPTY}  a.jpg\n{row}\n"))


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        pairs = list(checksums.parse(text))
    except ValueError:
        return
    assert all(not path.startswith("/") and ".." not in path.split("/") for path, _ in pairs)


@needs_sha256sum
def test_sha256sum_accepts_our_lines_and_sees_a_changed_byte(tmp_path: Path) -> None:
    names = ["-5KQ66BBWC4.mkv", "with blanks (and, more).mp4", "é.jpg", "*.jpg"]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    lines = checksums.text((name, hashlib.sha256(name.encode()).hexdigest()) for name in names)
    (tmp_path / "SHA256SUMS").write_text(lines)
    assert check(tmp_path, "SHA256SUMS").returncode == 0
    (tmp_path / names[1]).write_bytes(b"other")
    broken = check(tmp_path, "--quiet", "SHA256SUMS")
    assert broken.returncode == 1
    assert broken.stdout.startswith(names[1])


def a_root(root: Path) -> State:
    """Make a root with one video and one folder of two frames."""
    folder = "ava/rawframes/-5KQ66BBWC4"
    (root / "ava/videos").mkdir(parents=True)
    (root / folder).mkdir(parents=True)
    (root / "ava/videos/-5KQ66BBWC4.mp4").write_bytes(b"film")
    frames = {f"{folder}/img_0000{number}.jpg": bytes([number]) for number in (1, 2)}
    for path, data in frames.items():
        (root / path).write_bytes(data)
    text = checksums.text((path, hashlib.sha256(data).hexdigest()) for path, data in frames.items())
    listing = root / f".avakit/manifests/frames/{folder}.sha256"
    listing.parent.mkdir(parents=True)
    listing.write_text(text)
    facts = {"item": "-5KQ66BBWC4", "dataset": "ava-v2.2", "status": "done"}
    return merge([
        Record(
            "ava/videos/-5KQ66BBWC4", Stage.VIDEO, path="ava/videos/-5KQ66BBWC4.mp4", bytes=4,
            sha256=hashlib.sha256(b"film").hexdigest(), **facts,
        ),
        Record(
            folder, Stage.FRAMES, path=folder, bytes=2, frames=2, sha256=hashlib.sha256(text.encode()).hexdigest(),
            **facts,
        ),
        Record("ava/videos/gone", Stage.VIDEO, "gone", "ava-v2.2", "unavailable", "removed"),
    ])  # fmt: skip


@needs_sha256sum
def test_sha256sum_accepts_the_manifest_and_the_frame_lists(tmp_path: Path) -> None:
    written = manifest.write(tmp_path, a_root(tmp_path))
    assert written.read_text().count("\n") == 2
    assert check(tmp_path, str(written.relative_to(tmp_path))).returncode == 0
    assert check(tmp_path, ".avakit/manifests/frames/ava/rawframes/-5KQ66BBWC4.sha256").returncode == 0


def test_an_empty_manifest_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="nothing is recorded here yet"):
        manifest.write(tmp_path, merge([]))
    assert list(tmp_path.iterdir()) == []
