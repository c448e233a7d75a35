"""The journal: appended by one process each, read as one."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avakit import journal
from avakit.errors import DataInvalid, Status
from avakit.journal import Record, merge
from avakit.model import Stage

KEY = "ava/videos/-5KQ66BBWC4"
DONE = Record(
    KEY, Stage.VIDEO, "-5KQ66BBWC4", "ava-v2.2", "done", path=f"{KEY}.mp4", bytes=4, sha256="0" * 64,
    facts={"source": {"url": "http://host/a", "étag": '"1"'}}, time="2026-11-21T10:00:00.000000+00:00",
)  # fmt: skip
GAP = Record(KEY, Stage.VIDEO, "-5KQ66BBWC4", "ava-v2.2", "transient", "timeout", "no answer in 30 s")

RECORDS = st.builds(
    Record,
    key=st.sampled_from(["a", "b", "c"]),
    stage=st.just(Stage.VIDEO),
    item=st.sampled_from(["x", "y"]),
    dataset=st.just("demo"),
    status=st.sampled_from(["done", "short", "removed", "transient", "unavailable"]),
    reason=st.sampled_from(["", "dropped", "timeout"]),
    path=st.sampled_from(["", "a.mp4"]),
    time=st.integers(0, 5).map(lambda second: f"2026-11-21T10:00:0{second}.000000+00:00"),
)


def at(second: int, record: Record = DONE, **changes: str) -> Record:
    return replace(record, time=f"2026-11-21T10:00:{second:02d}.000000+00:00", **changes)


def write(root: Path, name: str, *lines: str) -> None:
    path = root / ".avakit/journal/ava-v2.2" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines))


def line(**changes: object) -> str:
    content = {"schema": 1, "key": KEY, "stage": "video", "item": "-5KQ66BBWC4", "dataset": "ava-v2.2"}
    return json.dumps(content | {"status": "done", "path": f"{KEY}.mp4", "time": "2026"} | changes) + "\n"


def own_files(root: Path) -> list[Path]:
    return sorted((root / ".avakit/journal").glob("*/*.jsonl"))


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """Have the kernel refuse every byte of a file beyond `size`, after it took those before: like a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


# --- append and read ---


def test_what_was_appended_is_read(tmp_path: Path) -> None:
    journal.append(tmp_path, DONE)
    assert journal.read(tmp_path).present == {KEY: DONE}


def test_an_empty_root_has_an_empty_state(tmp_path: Path) -> None:
    assert journal.read(tmp_path) == merge([])
    assert list(tmp_path.iterdir()) == []


def test_a_line_gets_the_present_time_and_holds_nothing_empty(tmp_path: Path) -> None:
    before = journal.now()
    journal.append(tmp_path, GAP)
    (content,) = [json.loads(text) for text in own_files(tmp_path)[0].read_text().splitlines()]
    assert before <= content["time"] <= journal.now()
    assert set(content) == {"schema", "key", "stage", "item", "dataset", "status", "reason", "detail", "time"}


def test_a_process_writes_one_file_a_dataset(tmp_path: Path) -> None:
    for dataset in ("ava-v2.2", "demo", "ava-v2.2"):
        journal.append(tmp_path, replace(DONE, dataset=dataset))
    assert [path.parent.name for path in own_files(tmp_path)] == ["ava-v2.2", "demo"]
    assert all(path.name.endswith(f"-{os.getpid()}.jsonl") for path in own_files(tmp_path))


def test_another_process_writes_another_file(tmp_path: Path) -> None:
    journal.append(tmp_path, at(1))
    script = (
        "import sys; from pathlib import Path; from avakit import journal; from avakit.model import Stage\n"
        "journal.append(Path(sys.argv[1]), journal.Record('b', Stage.CLIP, 'b', 'ava-v2.2', 'short', path='b.mp4'))"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    assert len(own_files(tmp_path)) == 2
    assert set(journal.read(tmp_path).present) == {KEY, "b"}


@given(st.text(), st.text(), st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_any_text_is_one_line_and_comes_back(
    tmp_path_factory: pytest.TempPathFactory, reason: str, detail: str, facts: dict[str, object]
) -> None:
    root = tmp_path_factory.mktemp("root")
    record = replace(DONE, reason=reason, detail=detail, facts=facts)
    journal.append(root, record)
    assert own_files(root)[0].read_bytes().count(b"\n") == 1
    assert journal.read(root).present == {KEY: record}


# --- lines that are not what they should be ---


@pytest.mark.parametrize("length", [1, 20, -3, -2])
def test_a_torn_last_line_is_skipped_and_counted(tmp_path: Path, length: int) -> None:
    write(tmp_path, "a.jsonl", line(), line(key="b")[:length])
    write(tmp_path, "b.jsonl", line(key="c"))
    state = journal.read(tmp_path)
    assert (set(state.present), state.torn) == ({KEY, "c"}, 1)


def test_a_last_line_that_only_lacks_its_end_counts(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", line().rstrip("\n"))
    state = journal.read(tmp_path)
    assert (set(state.present), state.torn) == ({KEY}, 0)


def test_a_line_torn_within_a_character_is_skipped(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", line())
    with own_files(tmp_path)[0].open("ab") as stream:
        stream.write('{"detail": "é'.encode()[:-1])
    assert journal.read(tmp_path).torn == 1


@pytest.mark.parametrize(
    "broken",
    ["{\n", "[]\n", "3\n", "null\n", "{}\n", '{"key": "a"}\n', line(stage="film"), line(key=3), line(schema="1")],
)
def test_a_broken_line_that_no_kill_explains_is_refused_with_file_and_line(tmp_path: Path, broken: str) -> None:
    write(tmp_path, "a.jsonl", line(), broken, line())
    with pytest.raises(DataInvalid, match=r"a\.jsonl, line 2: not a journal line"):
        journal.read(tmp_path)


def test_a_line_of_a_newer_avakit_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", line(), line(schema=2, novelty=True))
    with pytest.raises(DataInvalid, match=r"line 2: written by a newer avakit \(journal schema 2\)"):
        journal.read(tmp_path)


def test_fields_and_blank_lines_nobody_knows_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", "\n", line(novelty=True), "\n")
    assert set(journal.read(tmp_path).present) == {KEY}


# --- a disk that takes half a line ---


def test_a_failed_append_leaves_no_half_line(tmp_path: Path) -> None:
    journal.append(tmp_path, at(1))
    (path,) = own_files(tmp_path)
    size = path.stat().st_size
    with files_limited_to(size + 40), pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
        journal.append(tmp_path, at(2, GAP))
    assert path.stat().st_size == size
    journal.append(tmp_path, at(3, GAP, key="b"))
    state = journal.read(tmp_path)
    assert (set(state.present), set(state.gaps), state.torn) == ({KEY}, {"b"}, 0)


# --- what the lines mean together ---


def test_the_newest_line_of_a_key_counts() -> None:
    old, new = at(1), at(2, path=f"{KEY}.webm")
    assert merge([new, old]).present == {KEY: new}


def test_a_newer_gap_never_hides_what_is_there() -> None:
    """It says why the thing could not be had again, should it be gone from the disk."""
    state = merge([at(1), at(2, GAP)])
    assert (set(state.present), set(state.gaps)) == ({KEY}, {KEY})


def test_an_older_gap_is_forgotten_even_when_the_thing_is_removed() -> None:
    state = merge([at(1, GAP), at(2), at(3, status="removed", reason="quarantined")])
    assert (state.present, state.gaps) == ({}, {})
    assert state.lost == {KEY: at(2)}, "it is missed until it has been made again"


def test_what_was_removed_and_then_failed_is_a_gap() -> None:
    gap = at(3, GAP)
    state = merge([at(1), at(2, status="removed"), gap])
    assert (state.present, state.gaps) == ({}, {KEY: gap})


def test_what_was_removed_and_made_again_is_there() -> None:
    again = at(3)
    assert merge([at(1), at(2, status="removed"), again]).present == {KEY: again}


def test_only_what_was_removed_on_request_is_dropped() -> None:
    asked = at(2, status="removed", reason="dropped")
    assert merge([at(1), asked]).dropped == {KEY}
    assert merge([at(1), asked]).spent == {KEY: at(1)}
    assert merge([asked]).spent == merge([at(1), asked, at(3)]).spent == {}
    assert merge([at(1), at(2, status="removed", reason="quarantined")]).dropped == frozenset()
    assert merge([asked, at(3)]).dropped == frozenset()


def test_a_short_thing_is_there_if_there_is_anything_of_it() -> None:
    assert merge([at(1, status=Status.SHORT)]).present.keys() == {KEY}
    assert merge([at(1, status=Status.SHORT, path="")]).gaps.keys() == {KEY}


def test_attempts_are_counted_since_the_thing_was_last_there() -> None:
    gaps = [at(second, GAP) for second in (1, 3, 4)]
    state = merge([*gaps, at(2), gaps[2]])
    assert state.met == {KEY: (gaps[1].time, gaps[2].time)}, "a line that is read twice is one attempt"
    assert merge([*gaps, at(5)]).met == {}
    assert merge([*gaps, at(5, status="removed")]).met == {}


@given(st.lists(RECORDS), st.data())
def test_neither_order_nor_repetition_matters(records: list[Record], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(records + records))
    assert merge(shuffled) == merge(records)


@given(st.lists(RECORDS), st.integers(0, 9))
def test_it_does_not_matter_which_journal_a_line_stands_in(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record], cut: int
) -> None:
    root = tmp_path_factory.mktemp("root")
    lines = [json.dumps({**vars(record), "schema": 1}) + "\n" for record in records]
    write(root, "b.jsonl", *lines[:cut])
    write(root, "a.jsonl", *lines[cut:])
    assert journal.read(root) == merge(records)


@given(st.lists(RECORDS))
def test_what_is_there_is_neither_lost_nor_dropped(records: list[Record]) -> None:
    state = merge(records)
    assert not state.present.keys() & state.lost.keys()
    assert not state.present.keys() & state.dropped
    assert all(record.is_present for record in state.present.values())
    assert not any(record.is_present or record.status == journal.REMOVED for record in state.gaps.values())
