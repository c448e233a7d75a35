"""The lines of `sha256sum`, in both directions."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from avakit import checksums

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
