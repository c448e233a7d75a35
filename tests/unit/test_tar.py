"""Tars of every kind: what is told apart, and what is refused."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from avakit.errors import ItemFailed, MediaRejected
from avakit.tools import tar


def tarred(*entries: tuple[str, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w", format=form) as opened:
        for name, data in entries:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            opened.addfile(entry, io.BytesIO(data))
    return memory.getvalue()


def header(name: str, size: int, kind: bytes) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size, kind
    return entry.tobuf(tarfile.GNU_FORMAT)


def read(path: Path, data: bytes, members: dict[str, bytes]) -> dict[str, bytes]:
    path.write_bytes(data)
    for member in tar.members(path):
        target = path.with_name("saved")
        target.unlink(missing_ok=True)
        tar.save(member, target)
        members[member.name] = target.read_bytes()
    return members


ONE, TWO = ("a/one", b"1" * 700), ("two", b"2")
BOTH = tarred(ONE, TWO)
SECOND = 512 + 1024  # where the second header begins
LONG = "x" * 300


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_plain_and_gzip_whatever_the_file_is_called(
    tmp_path: Path, packed: Callable[[bytes], bytes], form: int
) -> None:
    data = packed(tarred(ONE, ("empty", b""), (LONG, b"3"), ("._one", b"4"), form=form))
    assert read(tmp_path / "archive.png", data, {}) == {"one": b"1" * 700, "empty": b"", LONG: b"3"}
    assert read(tmp_path / "empty.tar", packed(tarred()), {}) == {}


@pytest.mark.parametrize(
    ("data", "reason", "before"),
    [
        (b"<!DOCTYPE html><html>" * 50, "not_media", []),
        (b"", "not_media", []),
        (b"abc", "not_media", []),
        (gzip.compress(b"no tar in here " * 100), "truncated", []),
        (gzip.compress(BOTH)[:-3], "truncated", ["one", "two"]),
        (gzip.compress(BOTH)[:-8] + bytes(8), "truncated", ["one", "two"]),
        (BOTH[:1000], "truncated", []),
        (BOTH[:SECOND], "truncated", ["one"]),
        (BOTH[: SECOND + 100], "truncated", ["one"]),
        (BOTH[:SECOND] + b"rubbish " * 64 + BOTH[SECOND:], "truncated", ["one"]),
        (tarred(ONE)[:SECOND] + header("sparse", 0, tarfile.GNUTYPE_SPARSE) + bytes(1024), "truncated", ["one"]),
    ],
    ids=[
        "html", "nothing", "short", "gzip of text", "gzip cut", "gzip checksum", "in a member", "no end", "in a header",
        "damaged header", "sparse",
    ],
)  # fmt: skip
def test_damage_is_named_and_never_taken_for_the_end(
    tmp_path: Path, data: bytes, reason: str, before: list[str]
) -> None:
    members: dict[str, bytes] = {}
    with pytest.raises(MediaRejected) as caught:
        read(tmp_path / "archive", data, members)
    assert (caught.value.status, caught.value.reason, list(members)) == ("corrupt", reason, before)


def test_bombs_are_refused_before_they_fill_disk_or_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A15: the ratio, a name of two megabytes, more members than anybody packs."""
    monkeypatch.setattr(tar, "RATIO_FREE_BYTES", 1 << 20)
    bomb = gzip.compress(header("big", 8 << 20, tarfile.REGTYPE) + bytes(8 << 20), compresslevel=1)
    with pytest.raises(ItemFailed, match="unpacks to more than"):
        read(tmp_path / "big", bomb, {})
    name = gzip.compress(header("././@LongLink", 2 << 20, tarfile.GNUTYPE_LONGNAME) + bytes(2 << 20))
    with pytest.raises(ItemFailed, match="one of its names takes 2097152 bytes"):
        read(tmp_path / "name", name, {})
    monkeypatch.setattr(tar, "MAX_MEMBERS", 3)
    with pytest.raises(ItemFailed, match="more than 3 members"):
        read(tmp_path / "many", tarred(*((f"m{n}", b"") for n in range(4))), {})


@pytest.mark.parametrize("name", ["/abs/x", "../x", "a/../x", "a\\..\\x", "C:\\x", "\\x"])
def test_paths_that_lead_out_give_no_bytes(tmp_path: Path, name: str) -> None:
    path = tmp_path / "archive"
    path.write_bytes(tarred((name, b"data")))
    assert [(member.name, member.stream) for member in tar.members(path)] == [("x", None)]
