"""A root and a bag with the same files, and all the ways in which the cases of `integrity` tamper with both."""

import contextlib
import hashlib
import json
import os
import shutil
import threading
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import bagit

from avakit import checksums, journal, manifest
from avakit.journal import Record
from avakit.journal.record import to_line
from avakit.layout import JOURNAL, ROOT, SHA256SUMS, frame_list
from avakit.model import Stage

VIDEO, OTHER = "ava/videos/-5KQ66BBWC4.mkv", "ava/videos/1j20qq1JyX4.mp4"
FRAMES = "ava/rawframes/-5KQ66BBWC4"
NAMES = {
    "VIDEO": VIDEO, "OTHER": OTHER, "FRAMES": FRAMES, "FRAME": f"{FRAMES}/img_00002.jpg", "SUMS": SHA256SUMS,
    "ROOT": ROOT, "LABELS": "annotations/ava-v2.2/ava_val_v2.2.csv", "ACCENTED": "annotations/ava-v2.2/liste-é.csv",
    "LARGE": "ava/videos/zzzzzzzzzzz.mkv",
}  # fmt: skip
#: As the film that takes long: sparse, so that it costs nothing to make.
LARGE_BYTES = 48 << 20


@dataclass(frozen=True)
class Tree:
    """Where a case is tried.

    Attributes
    ----------
    folder
        Holds the root `data`, the `bag`, and the list `known` that hashdeep made of it.
    digest
        The root digest as it was printed before anything was tampered with.
    """

    folder: Path
    digest: str

    @property
    def root(self) -> Path:
        return self.folder / "data"

    @property
    def bag(self) -> Path:
        return self.folder / "bag"

    @property
    def sums(self) -> Path:
        return self.root / SHA256SUMS

    @property
    def lists(self) -> tuple[Path, Path]:
        return self.sums, self.bag / "manifest-sha256.txt"

    def named(self, word: str) -> str:
        head, slash, rest = word.partition("/")
        return NAMES.get(head, head) + slash + rest

    def copies(self, word: str) -> tuple[Path, Path]:
        return self.root / self.named(word), self.bag / "data" / self.named(word)

    def at(self, folder: Path) -> "Tree":
        shutil.copytree(self.folder, folder, symlinks=True)
        return Tree(folder, self.digest)


def _record(root: Path, path: str, data: bytes, stage: Stage) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(data)
    key = path if stage is Stage.ANNOTATION else path.rpartition(".")[0]
    digest = hashlib.sha256(data).hexdigest()
    journal.append(
        root, Record(key, stage, Path(path).stem, "ava-v2.2", "done", path=path, bytes=len(data), sha256=digest)
    )


def _record_frames(root: Path) -> None:
    frames = {f"{FRAMES}/img_0000{number}.jpg": b"frame %d" % number for number in (1, 2, 3)}
    (root / FRAMES).mkdir(parents=True)
    for path, data in frames.items():
        (root / path).write_bytes(data)
    text = checksums.text((path, hashlib.sha256(data).hexdigest()) for path, data in frames.items()).encode()
    (root / frame_list(FRAMES)).parent.mkdir(parents=True)
    (root / frame_list(FRAMES)).write_bytes(text)
    journal.append(
        root,
        Record(
            FRAMES, Stage.FRAMES, "-5KQ66BBWC4", "ava-v2.2", "done", path=FRAMES, bytes=sum(map(len, frames.values())),
            frames=3, sha256=hashlib.sha256(text).hexdigest(),
        ),
    )  # fmt: skip


def write_views(root: Path) -> str:
    """Write the manifests of a root; return the root digest."""
    return manifest.write(root, journal.read(root)).sha256


def build(folder: Path) -> Tree:
    """Make a root and a bag."""
    root = folder / "data"
    _record(root, VIDEO, b"the first film", Stage.VIDEO)
    _record(root, OTHER, b"the second film", Stage.VIDEO)
    _record(root, NAMES["LABELS"], b"-5KQ66BBWC4,0902\n", Stage.ANNOTATION)
    _record(root, NAMES["ACCENTED"], "é\n".encode(), Stage.ANNOTATION)
    _record_frames(root)
    digest = write_views(root)
    for top in ("ava", "annotations"):
        shutil.copytree(root / top, folder / "bag" / top)
    bagit.make_bag(str(folder / "bag"), checksums=["sha256"])
    return Tree(folder, digest)


# --- the steps ---


def _each(change: Callable[[Path], object]) -> Callable[..., None]:
    def step(tree: Tree, word: str) -> None:
        for path in tree.copies(word):
            change(path)

    return step


def _lists(change: Callable[[bytes], bytes]) -> Callable[..., None]:
    def step(tree: Tree) -> None:
        for path in tree.lists:
            path.write_bytes(change(path.read_bytes()))

    return step


def _flip(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def _add(path: Path) -> None:
    path.write_bytes(b"nobody's")


def _move(tree: Tree, word: str, target: str) -> None:
    for path, other in zip(tree.copies(word), tree.copies(target), strict=True):
        path.rename(other)


def _swap(tree: Tree, word: str, target: str) -> None:
    for path, other in zip(tree.copies(word), tree.copies(target), strict=True):
        path.rename(path.with_suffix(".swap"))
        other.rename(path)
        path.with_suffix(".swap").rename(other)


def _link(tree: Tree, word: str) -> None:
    outside = tree.folder / "outside"
    for path in tree.copies(word):
        shutil.copyfile(path, outside)
        path.unlink()
        path.symlink_to(outside)


def _correct_list(tree: Tree, word: str) -> None:
    for path, copy in zip(tree.lists, tree.copies(word), strict=True):
        right = hashlib.sha256(copy.read_bytes()).hexdigest()
        rows = path.read_text().splitlines(keepends=True)
        path.write_text("".join(right + row[64:] if tree.named(word) in row else row for row in rows))


def _correct_everything(tree: Tree, word: str) -> None:
    path = tree.named(word)
    data = (tree.root / path).read_bytes()
    _record(tree.root, path, data, Stage.VIDEO)
    write_views(tree.root)
    bagit.Bag(str(tree.bag)).save(manifests=True)


def _contradict(tree: Tree, word: str) -> None:
    """Put another machine's journal in place that said otherwise before: the newest line is true of the disk."""
    path = tree.named(word)
    record = next(each for each in journal.read(tree.root).present.values() if each.path == path)
    earlier = replace(record, sha256="f" * 64, time=f"2026-01-01{record.time[10:]}")
    place = tree.root / JOURNAL / record.dataset / "20260101T000000000000-elsewhere-77.jsonl"
    place.write_bytes(to_line(earlier) + b"\n")


def _repeat(tree: Tree, how: str) -> None:
    for path in tree.lists:
        rows = path.read_text().splitlines(keepends=True)
        row = rows[0] if how == "same" else "0" * 64 + rows[0][64:]
        path.write_text("".join([*rows, row]))


def _outside(tree: Tree, how: str) -> None:
    secret = tree.folder / "secret"
    secret.write_bytes(b"outside")
    for path in tree.lists:
        base = tree.root if path == tree.sums else tree.bag
        name = str(secret) if how == "absolute" else os.path.relpath(secret, base)
        with path.open("a") as stream:
            stream.write(checksums.line(name, hashlib.sha256(b"outside").hexdigest()))


def _digest(tree: Tree, how: str) -> None:
    for path in tree.lists:
        first, *rows = path.read_text().splitlines(keepends=True)
        if how == "upper":
            text = "".join(row[:64].upper() + row[64:] for row in [first, *rows])
        elif how == "md5":
            text = "".join([hashlib.md5(b"").hexdigest() + first[64:], *rows])  # noqa: S324 - is to be refused
        else:
            text = "".join([first[1:], *rows])
        path.write_text(text)


def _join(tree: Tree) -> None:
    for path in tree.lists:
        text = path.read_text()
        path.write_text(text + "".join("0" * 64 + row[64:] for row in text.splitlines(keepends=True)[-1:]))


def _newer_journal(tree: Tree) -> None:
    (tree.root / ".avakit/journal/ava-v2.2/2030.jsonl").write_text(json.dumps({"schema": 99, "key": VIDEO}) + "\n")


STEPS: dict[str, Callable[..., object]] = {
    "flip": _each(_flip),
    "truncate": _each(lambda path: path.write_bytes(path.read_bytes()[:-3])),
    "zero": _each(lambda path: path.write_bytes(bytes(path.stat().st_size))),
    "delete": _each(Path.unlink),
    "add": _each(_add),
    "move": _move,
    "swap": _swap,
    "decompose": lambda tree, word: _move(tree, word, unicodedata.normalize("NFD", tree.named(word))),
    "link": _link,
    "touch": _each(lambda path: os.utime(path, (0, 0))),
    "mkdir": _each(Path.mkdir),
    "forbid": _each(lambda path: path.chmod(0)),
    "correct-list": _correct_list,
    "contradict": _contradict,
    "correct-everything": _correct_everything,
    "drop-lines": lambda tree, count: _lists(lambda data: b"".join(data.splitlines(keepends=True)[: -int(count)]))(
        tree
    ),
    "cut-list": _lists(lambda data: data[:-20]),
    "repeat-line": _repeat,
    "outside": _outside,
    "crlf": _lists(lambda data: data.replace(b"\n", b"\r\n")),
    "bom": _lists(lambda data: b"\xef\xbb\xbf" + data),
    "empty-list": _lists(lambda _: b""),
    "delete-list": lambda tree: [path.unlink() for path in tree.lists],
    "digest": _digest,
    "join-lists": _join,
    "newer-journal": _newer_journal,
}


def tamper(tree: Tree, steps: list[str]) -> None:
    """Do what a case says."""
    for step in steps:
        name, *words = step.split()
        STEPS[name](tree, *words)


def add_large(tree: Tree) -> None:
    """Record a film that takes some time to read."""
    for path in tree.copies("LARGE"):
        path.touch()
        os.truncate(path, LARGE_BYTES)
    digest = hashlib.sha256(bytes(LARGE_BYTES)).hexdigest()
    journal.append(
        tree.root,
        Record(
            NAMES["LARGE"].rpartition(".")[0], Stage.VIDEO, "zzzzzzzzzzz", "ava-v2.2", "done", path=NAMES["LARGE"],
            bytes=LARGE_BYTES, sha256=digest,
        ),
    )  # fmt: skip
    write_views(tree.root)
    bagit.Bag(str(tree.bag)).save(manifests=True)


@contextlib.contextmanager
def rewriting(tree: Tree) -> Iterator[None]:
    """Write the large film again and again, with the very same bytes."""
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.001):
            for path in tree.copies("LARGE"):
                with path.open("r+b") as stream:
                    stream.write(b"\0")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
