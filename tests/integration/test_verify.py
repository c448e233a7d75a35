"""A root against its journal: whatever is done to it, there is a finding, and nothing else is one."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from avakit import checksums, cli, execute, journal
from avakit.errors import DataInvalid
from avakit.journal import Record
from avakit.layout import JOURNAL, MANIFEST, frame_list, frame_name
from avakit.model import Finding, FindingKind, Stage
from avakit.prepare.repair import quarantine
from avakit.tools import files
from avakit.verify import Depth, Verification, course
from avakit.verify.check import check_lot
from avakit.verify.things import Lot
from avakit.verify.unrecorded import unexpected
from tests.conformance.tampering import write_views
from tests.invariants import in_this_process

VIDEO, OTHER = "ava/videos/-5KQ66BBWC4.mkv", "ava/videos/1j20qq1JyX4.mp4"
FRAMES = "ava/rawframes/-5KQ66BBWC4"
LIST = frame_list(FRAMES)
LABELS = "annotations/ava-v2.2/ava_val_v2.2.csv"
EVERYTHING = sorted([VIDEO, OTHER, FRAMES, LABELS])
NOBODY = 65534
QUICK, FULL = Depth.QUICK, Depth.FULL


def publish(root: Path, path: str, data: bytes) -> str:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def record_file(root: Path, path: str, data: bytes, stage: Stage = Stage.VIDEO) -> None:
    digest = publish(root, path, data)
    key = path if stage is Stage.ANNOTATION else path.rpartition(".")[0]
    item = Path(path).name if stage is Stage.ANNOTATION else Path(path).stem
    journal.append(root, Record(key, stage, item, "ava-v2.2", "done", path=path, bytes=len(data), sha256=digest))


def record_frames(root: Path, folder: str, *frames: bytes) -> None:
    digests = {}
    for number, data in enumerate(frames, 1):
        path = f"{folder}/{frame_name(number)}"
        digests[path] = publish(root, path, data)
    digest = publish(root, frame_list(folder), checksums.text(digests.items()).encode())
    record = Record(
        folder, Stage.FRAMES, Path(folder).name, "ava-v2.2", "done", path=folder, bytes=sum(map(len, frames)),
        frames=len(frames), sha256=digest,
    )  # fmt: skip
    journal.append(root, record)


def fill(root: Path) -> Path:
    record_file(root, VIDEO, b"the first film")
    record_file(root, OTHER, b"the second film")
    record_file(root, LABELS, b"-5KQ66BBWC4,0902\n", Stage.ANNOTATION)
    record_frames(root, FRAMES, b"frame one", b"frame two", b"frame three")
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fill(tmp_path / "data")


def findings(root: Path, depth: Depth) -> list[Finding]:
    """Check a root in this process; how the work is spread over others is verify's own, tested below."""
    present = journal.read(root).present
    paths = {record.path for record in present.values()}
    return sorted([*check_lot(Lot([*present.values()], depth), root=root, depth=depth), *unexpected(root, paths)])


def troubles(root: Path, depth: Depth) -> list[tuple[str, str]]:
    return [(f.kind.value, f.path) for f in findings(root, depth) if f.kind is not FindingKind.MATCH]


@contextmanager
def unprivileged() -> Iterator[None]:
    """Act as somebody to whom permissions mean something, also where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    try:
        os.seteuid(NOBODY)
    except OSError:
        pytest.skip("this root can't become anybody else")
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public_root() -> Iterator[Path]:
    """Return a filled root on a path that everybody may walk."""
    folder = Path(tempfile.mkdtemp(prefix="avakit-test-"))
    folder.chmod(0o755)
    yield fill(folder / "data")
    shutil.rmtree(folder)


# --- what is as it should be ---


@pytest.mark.parametrize("depth", [QUICK, FULL])
def test_an_untouched_root_matches(root: Path, depth: Depth) -> None:
    found = findings(root, depth)
    assert [finding.path for finding in found] == EVERYTHING
    assert {finding.kind for finding in found} == {FindingKind.MATCH}
    assert next(finding for finding in found if finding.path == FRAMES).detail == "3 frames"


@pytest.mark.parametrize("depth", [QUICK, FULL])
def test_what_runs_leave_meanwhile_is_no_finding(root: Path, depth: Depth) -> None:
    files.partial_path(root / VIDEO).write_bytes(b"half")
    side = files.side_file(files.partial_path(root / VIDEO))
    side.write_text("{}")
    folder = files.partial_path(root / FRAMES)
    folder.mkdir()
    (folder / "img_00001.jpg").write_bytes(b"x")
    publish(root, "annotations/ava-v2.2/sources.lock.json", b"{}")
    publish(root, "exports/lists/val.txt", b"")
    publish(root, ".avakit/reports/a.json", b"{}")
    assert troubles(root, depth) == []


def test_a_folder_linked_to_another_disk_is_looked_through(root: Path, tmp_path: Path) -> None:
    (root / "ava/videos").rename(tmp_path / "disk")
    (root / "ava/videos").symlink_to(tmp_path / "disk")
    assert troubles(root, FULL) == []
    (tmp_path / "disk" / "stray.mp4").write_bytes(b"x")
    assert troubles(root, FULL) == [("unexpected", "ava/videos/stray.mp4")]


@pytest.mark.timeout(20)
def test_a_link_that_leads_back_into_the_root_ends(root: Path) -> None:
    for name in ("loop", "loop2"):
        (root / "ava/videos" / name).symlink_to(root / "ava")
    found = troubles(root, QUICK)
    assert {kind for kind, _ in found} == {"unexpected"}
    assert len(found) < 100


# --- what is not ---


def truncate(root: Path) -> None:
    (root / VIDEO).write_bytes(b"the first")


def flip(path: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        data = bytearray((root / path).read_bytes())
        data[-1] ^= 1
        (root / path).write_bytes(data)

    return change


def add(path: str, data: bytes = b"x") -> Callable[[Path], object]:
    return lambda root: (root / path).write_bytes(data)


def remove(path: str) -> Callable[[Path], None]:
    return lambda root: files.remove(root / path)


def link(path: str) -> Callable[[Path], None]:
    """Replace a thing by a link to the very same bytes."""

    def change(root: Path) -> None:
        moved = root / ".avakit" / "moved"
        (root / path).rename(moved)
        (root / path).symlink_to(moved)

    return change


def put_folder(path: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        files.remove(root / path)
        (root / path).mkdir()

    return change


def put_file(path: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        files.remove(root / path)
        (root / path).write_bytes(b"x")

    return change


def forget_frame(root: Path) -> None:
    (root / FRAME).unlink()
    lines = [f"{digest}  {path}\n" for path, digest in checksums.parse((root / LIST).read_text()) if path != FRAME]
    (root / LIST).write_text("".join(lines))


def swap_frames(root: Path) -> None:
    one, two = root / FRAMES / frame_name(1), root / FRAMES / frame_name(2)
    data = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(data)


FRAME = f"{FRAMES}/{frame_name(2)}"
EXTRA_FRAME = f"{FRAMES}/{frame_name(4)}"
DAMAGE: dict[str, tuple[Callable[[Path], object], list[tuple[str, str]], list[tuple[str, str]]]] = {
    # what happened: how, what a quick look finds, what a full one finds
    "a file is gone": (remove(VIDEO), [("missing", VIDEO)], [("missing", VIDEO)]),
    "a file is shorter": (truncate, [("differs", VIDEO)], [("differs", VIDEO)]),
    "a byte differs": (flip(VIDEO), [], [("differs", VIDEO)]),
    "a label differs": (flip(LABELS), [], [("differs", LABELS)]),
    "a file is a link": (link(VIDEO), [("unsafe", VIDEO)], [("unsafe", VIDEO)]),
    "a file is a folder": (put_folder(VIDEO), [("unsafe", VIDEO)], [("unsafe", VIDEO)]),
    "a file nobody knows": (
        add("ava/videos/stray.mp4"),
        [("unexpected", "ava/videos/stray.mp4")],
        [("unexpected", "ava/videos/stray.mp4")],
    ),
    "a frame is gone": (remove(FRAME), [("missing", FRAME)], [("missing", FRAME)]),
    "a frame too many": (add(EXTRA_FRAME), [("unexpected", EXTRA_FRAME)], [("unexpected", EXTRA_FRAME)]),
    "a frame is longer": (
        add(FRAME, b"a longer frame"),
        [("differs", FRAMES)],
        [("differs", FRAME)],
    ),
    "a frame's byte differs": (flip(FRAME), [], [("differs", FRAME)]),
    "two frames are swapped": (
        swap_frames,
        [],
        [("moved", f"{FRAMES}/{frame_name(1)}"), ("moved", f"{FRAMES}/{frame_name(2)}")],
    ),
    "a frame is a link": (link(FRAME), [("unsafe", FRAME)], [("unsafe", FRAME)]),
    "all frames are gone": (remove(FRAMES), [("missing", FRAMES)], [("missing", FRAMES)]),
    "a file for frames": (put_file(FRAMES), [("missing", FRAMES)], [("missing", FRAMES)]),
    "the list of frames is gone": (remove(LIST), [("missing", LIST)], [("missing", LIST)]),
    "the list of frames differs": (flip(LIST), [("differs", LIST)], [("differs", LIST)]),
    "a frame is gone from folder and list": (
        forget_frame,
        [("differs", LIST)],
        [("differs", LIST)],
    ),
    "a folder is a file": (
        put_file("ava/videos"),
        [("unexpected", "ava/videos"), ("unreadable", VIDEO), ("unreadable", OTHER)],
        [("unexpected", "ava/videos"), ("unreadable", VIDEO), ("unreadable", OTHER)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_whatever_is_done_to_a_root_is_named(root: Path, damage: str) -> None:
    change, quick, full = DAMAGE[damage]
    change(root)
    assert troubles(root, QUICK) == sorted(quick, key=lambda finding: finding[1])
    assert troubles(root, FULL) == sorted(full, key=lambda finding: finding[1])


def test_nothing_stops_at_the_first_finding(root: Path) -> None:
    for damage in ("a file is gone", "a frame's byte differs", "a frame too many", "a file nobody knows"):
        DAMAGE[damage][0](root)
    assert troubles(root, FULL) == [
        ("differs", FRAME),
        ("unexpected", EXTRA_FRAME),
        ("missing", VIDEO),
        ("unexpected", "ava/videos/stray.mp4"),
    ]


def test_a_finding_names_the_item_it_belongs_to(root: Path) -> None:
    DAMAGE["a frame's byte differs"][0](root)
    DAMAGE["a file nobody knows"][0](root)
    keys = {finding.path: finding.key for finding in findings(root, FULL)}
    assert keys[FRAME] == FRAMES
    assert keys[VIDEO] == "ava/videos/-5KQ66BBWC4"
    assert keys["ava/videos/stray.mp4"] == ""


def test_looking_changes_nothing(root: Path) -> None:
    def everything() -> dict[str, tuple[int, int]]:
        return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_ino) for path in root.rglob("*")}

    DAMAGE["a byte differs"][0](root)
    before = everything()
    findings(root, FULL)
    assert everything() == before


@pytest.mark.parametrize(
    ("path", "depth", "expected"),
    [
        (VIDEO, QUICK, []),
        (VIDEO, FULL, [("unreadable", VIDEO)]),
        (FRAME, FULL, [("unreadable", FRAME)]),
        (FRAMES, QUICK, [("unreadable", FRAMES)]),
        (FRAMES, FULL, [("unreadable", FRAMES)]),
        (LIST, QUICK, [("unreadable", LIST)]),
    ],
)
def test_what_may_not_be_read_is_a_finding(
    public_root: Path, path: str, depth: Depth, expected: list[tuple[str, str]]
) -> None:
    before = (public_root / path).stat().st_mode
    (public_root / path).chmod(0)
    try:
        with unprivileged():
            assert troubles(public_root, depth) == expected
    finally:
        (public_root / path).chmod(before)


# --- the whole of it: workers, exit codes, repair ---


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_workers_find_what_is_found_here(root: Path, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "_ALONE_BYTES", 0)
    for damage in ("a file is gone", "a frame's byte differs", "a file nobody knows"):
        DAMAGE[damage][0](root)
    state = journal.read(root)
    found = Verification(root, list(state.present.values()), FULL, jobs, state).findings()
    assert sorted(found) == findings(root, FULL)


def test_a_part_of_a_root(root: Path) -> None:
    DAMAGE["a file nobody knows"][0](root)
    DAMAGE["a file is gone"][0](root)
    state = journal.read(root)
    found = Verification(root, [state.present[FRAMES]], FULL, 1, state, whole_root=False).findings()
    assert [(finding.path, finding.kind) for finding in found] == [(FRAMES, FindingKind.MATCH)]


def test_an_empty_journal_never_passes(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="nothing is recorded here"):
        list(Verification(tmp_path, [], FULL, 1, journal.read(tmp_path)).findings())


@pytest.mark.parametrize(
    ("damage", "options", "code", "line"),
    [
        (None, (), 0, ""),
        ("a byte differs", ("--quick",), 0, ""),
        ("a byte differs", (), 4, f"* {VIDEO}  (differs: sha256 "),
        ("a frame is gone", ("--quick",), 4, f"- {FRAME}  (missing)"),
        ("a file nobody knows", ("--quick",), 4, "+ ava/videos/stray.mp4  (unexpected)"),
        ("a file is a link", ("--quick",), 4, f"! {VIDEO}  (unsafe: a symbolic link)"),
    ],
)
def test_the_verb_says_it_with_a_sigil_and_an_exit_code(
    root: Path, damage: str | None, options: tuple[str, ...], code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if damage:
        DAMAGE[damage][0](root)
    assert cli.run(["verify", "--root", str(root), "--jobs", "1", *options]) == code
    out = capsys.readouterr().out
    assert line in out
    assert out.splitlines()[-1].endswith(f"-> exit {code}")


def test_the_verb_refuses_an_empty_root(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["verify", "--root", str(tmp_path / "nothing")]) == 65
    assert "nothing is recorded here" in capsys.readouterr().err
    assert not (tmp_path / "nothing").exists()


def test_quarantine_takes_what_is_damaged_and_leaves_what_is_another_s(root: Path) -> None:
    for damage in ("a byte differs", "a frame too many", "a file nobody knows"):
        DAMAGE[damage][0](root)
    lost = quarantine(root, journal.read(root), findings(root, FULL))
    assert [record.path for record in lost.lost] == [VIDEO]
    (folder,) = (root / ".avakit/quarantine").iterdir()
    moved = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert moved == {"findings.jsonl", VIDEO, EXTRA_FRAME}
    noted = [json.loads(line) for line in (folder / "findings.jsonl").read_text().splitlines()]
    assert {(each["kind"], each["path"]) for each in noted} == {("differs", VIDEO), ("unexpected", EXTRA_FRAME)}
    assert troubles(root, FULL) == [("unexpected", "ava/videos/stray.mp4")]
    assert VIDEO.rpartition(".")[0] not in journal.read(root).present


def test_quarantine_takes_a_frame_folder_with_its_list(root: Path) -> None:
    DAMAGE["a frame's byte differs"][0](root)
    lost = quarantine(root, journal.read(root), findings(root, FULL))
    assert [record.path for record in lost.lost] == [FRAMES]
    assert not (root / FRAMES).exists()
    assert not (root / LIST).exists()
    assert troubles(root, FULL) == []


def test_quarantine_of_a_sound_root_does_nothing(root: Path) -> None:
    assert quarantine(root, journal.read(root), findings(root, FULL)).lost == []
    assert not (root / ".avakit/quarantine").exists()


def found_by(root: Path) -> list[Finding]:
    state = journal.read(root)
    found = Verification(root, list(state.present.values()), FULL, 1, state).findings()
    return [finding for finding in found if finding.kind is not FindingKind.MATCH]


def move(path: str, target: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        (root / path).rename(root / target)

    return change


def rotate(*paths: str) -> Callable[[Path], None]:
    """Give each file the name of the next, and the last one that of the first."""

    def change(root: Path) -> None:
        (root / paths[-1]).rename(root / "spare")
        for path, following in reversed(list(pairwise(paths))):
            (root / path).rename(root / following)
        (root / "spare").rename(root / paths[0])

    return change


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        (move(VIDEO, "ava/videos/film.mkv"), {VIDEO: "ava/videos/film.mkv"}),
        (move(VIDEO, "ava/elsewhere/deep/film.mkv"), {VIDEO: "ava/elsewhere/deep/film.mkv"}),
        (move(FRAMES, "ava/rawframes/film"), {FRAMES: "ava/rawframes/film"}),
        (move(FRAME, EXTRA_FRAME), {FRAME: EXTRA_FRAME}),
        (rotate(VIDEO, OTHER), {VIDEO: OTHER, OTHER: VIDEO}),
        (rotate(VIDEO, OTHER, LABELS), {VIDEO: OTHER, OTHER: LABELS, LABELS: VIDEO}),
        (swap_frames, {f"{FRAMES}/img_00001.jpg": FRAME, FRAME: f"{FRAMES}/img_00001.jpg"}),
    ],
    ids=["renamed", "elsewhere", "folder", "frame", "swapped", "turned", "frames swapped"],
)
def test_what_moved_is_found_and_put_back(
    root: Path, change: Callable[[Path], None], moved: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "run", in_this_process)
    before = {path.relative_to(root): path.read_bytes() for path in (root / "ava").rglob("*.*") if path.is_file()}
    change(root)
    found = found_by(root)
    assert {finding.path: finding.now_at for finding in found} == moved
    assert {finding.kind for finding in found} == {FindingKind.MOVED}
    done = quarantine(root, journal.read(root), found)
    assert (done.lost, len(done.put_back)) == ([], len(moved))
    assert found_by(root) == []
    assert {
        path.relative_to(root): path.read_bytes() for path in (root / "ava").rglob("*.*") if path.is_file()
    } == before


def test_what_no_longer_has_its_bytes_is_not_put_back(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "run", in_this_process)
    move(VIDEO, "ava/videos/film.mkv")(root)
    found = found_by(root)
    (root / "ava/videos/film.mkv").write_bytes(b"another film!!")
    done = quarantine(root, journal.read(root), found)
    assert ([record.path for record in done.lost], done.put_back) == ([VIDEO], [])
    assert not (root / VIDEO).exists()


def test_what_a_running_job_replaces_meanwhile_is_no_finding(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "run", in_this_process)
    state = journal.read(root)
    record_file(root, VIDEO, b"another delivery of it")
    (root / OTHER).unlink()
    key = OTHER.rpartition(".")[0]
    journal.append(root, Record(key, Stage.VIDEO, "1j20qq1JyX4", "ava-v2.2", journal.REMOVED, journal.DROPPED))
    found = Verification(root, list(state.present.values()), FULL, 1, state).findings()
    assert {finding.kind for finding in found} == {FindingKind.MATCH}


def test_an_older_list_is_no_finding_and_a_contradicting_one_is(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "run", in_this_process)
    write_views(root)
    record_file(root, "ava/videos/zzzzzzzzzzz.mp4", b"a third film")
    assert cli.run(["verify", "--root", str(root)]) == 0
    assert "SHA256SUMS is older than the journal" in capsys.readouterr().err
    journal.append(root, journal.removal(journal.read(root).present[VIDEO.removesuffix(".mkv")], journal.REPLACED))
    record_file(root, VIDEO, b"another delivery of it")
    assert cli.run(["verify", "--root", str(root)]) == 4
    assert "another digest than the journal" in capsys.readouterr().out
    assert cli.run(["manifest", "--root", str(root)]) == 0
    assert cli.run(["verify", "--root", str(root)]) == 0


def test_a_manifest_serves_as_the_list(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "run", in_this_process)
    digest = write_views(root)
    kept = tmp_path / "kept.jsonl"
    kept.write_bytes((root / MANIFEST).read_bytes())
    shutil.rmtree(root / JOURNAL)
    words = ["verify", "--root", str(root), "--against", str(kept), "--expect-root", digest]
    assert cli.run(words) == 0
    (root / VIDEO).write_bytes(b"the other film")
    assert cli.run(words) == 4
    assert f"* {VIDEO}" in capsys.readouterr().out
    kept.write_bytes(kept.read_bytes()[:-20])
    assert cli.run(words) == 65


def test_options_that_contradict_each_other_are_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, says in (
        (["--quick", "--deep"], "contradict each other"),
        (["--against", "x", "--repair"], "knows nothing of --repair"),
        (["--against", "x", "--split", "val"], "knows nothing of --split"),
        (["--expect-root", "sha256:12"], "is not a root digest"),
        (["--html", str(root / "no/page.html")], "there is no folder"),
    ):
        assert cli.run(["verify", "--root", str(root), *words]) == 2
        assert says in capsys.readouterr().err
