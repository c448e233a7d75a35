"""Lines of many processes, nodes and runs: the same state in any order, any grouping and any repetition."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avakit import journal
from avakit.journal import Record, State, merge
from avakit.journal.record import to_line
from avakit.journal.reduction import Reduction
from avakit.journal.state import state_of
from avakit.journal.store import _Clock
from avakit.model import Stage

KEY = "ava/videos/-5KQ66BBWC4"
DONE = Record(KEY, Stage.VIDEO, "-5KQ66BBWC4", "ava-v2.2", "done", path=f"{KEY}.mp4", bytes=4, sha256="a" * 64)
GAP = Record(KEY, Stage.VIDEO, "-5KQ66BBWC4", "ava-v2.2", "transient", "timeout", "no answer in 30 s")

RECORDS = st.builds(
    Record,
    key=st.sampled_from(["a", "b"]),
    stage=st.sampled_from([Stage.VIDEO, Stage.CLIP]),
    item=st.sampled_from(["x", "}y"]),
    dataset=st.just("demo"),
    status=st.sampled_from(["done", "done", "short", "removed", "transient", "unavailable"]),
    reason=st.sampled_from(["", "dropped", "quarantined", "replaced", "vanished", "not_needed", "timeout"]),
    path=st.sampled_from(["", "a.mp4", "a.mkv", 'b"}.mp4']),
    sha256=st.sampled_from(["", "0f", "1f"]),
    facts=st.sampled_from([{}, {"from": {"path": "a.mp4", "sha256": "0f"}}, {"time": "2026", "}": '"time":"x"}'}]),
    time=st.integers(0, 9).map(lambda second: f"2026-11-21T10:00:0{second}.000000+00:00"),
)


@st.composite
def journal_lines(draw: st.DrawFn) -> list[bytes]:
    """Lines as avakit writes them, and as somebody may who sorts or sets the same fields otherwise."""
    lines = []
    for record in draw(st.lists(RECORDS, max_size=12)):
        content: dict[str, Any] = {**vars(record), "schema": 1, "zeta": 1}
        shuffled = {name: content[name] for name in draw(st.permutations(sorted(content)))}
        by_hand = json.dumps(shuffled, indent=draw(st.sampled_from([None, 0]))).replace("\n", " ").encode()
        lines.append(draw(st.sampled_from([to_line(record), by_hand])))
    return lines


def reduced(lines: list[bytes]) -> list[bytes]:
    reduction = Reduction()
    for line in lines:
        reduction.add(line)
    return list(reduction.lines())


def state(lines: list[bytes]) -> State:
    reduction = Reduction()
    for line in lines:
        reduction.add(line)
    return state_of(reduction)


def plain(records: list[Record]) -> dict[str, Any]:
    """Return what records say together, told in the slowest and plainest way: what `State` must say."""
    said: dict[str, Any] = {"present": {}, "gaps": {}, "met": {}, "lost": {}, "spent": {}, "conflicts": {}}
    removals: dict[str, str] = {}
    for key in {record.key for record in records}:
        its = sorted((r for r in records if r.key == key), key=lambda r: (r.time, to_line(r)))
        there = [r for r in its if r.is_present]
        gone = [r for r in its if r.status == "removed"]
        others = [r for r in its if r not in there and r not in gone]
        life = [r for r in there if not gone or r.time >= gone[-1].time]
        if life:
            said["present"][key] = life[-1]
        elif gone:
            removals[key] = gone[-1].reason
            if there and gone[-1].reason in ("quarantined", "vanished"):
                said["lost"][key] = there[-1]
            if there and gone[-1].reason == "dropped":
                said["spent"][key] = there[-1]
        since = max((r.time for r in (*there, *gone)), default="")
        if young := [r for r in others if r.time > since]:
            said["gaps"][key] = young[-1]
            said["met"][key] = tuple(sorted({r.time for r in young}))
        for path in {r.path for r in life}:
            newest = {r.sha256: r for r in life if r.path == path}
            if len(newest) > 1:
                said["conflicts"][path, key] = newest.values()
    last = dict(sorted(said["conflicts"].items()))  # a path has one key, but where somebody wrote lines by hand
    said["conflicts"] = {path: set(map(to_line, its)) for (path, _), its in last.items()}
    said["dropped"] = {key for key, reason in removals.items() if reason == "dropped"}
    said["not_needed"] = {key for key, reason in removals.items() if reason == "not_needed"}
    return said


def told(state: State) -> dict[str, Any]:
    names = ("present", "gaps", "met", "lost", "spent", "dropped", "not_needed")
    conflicts = {path: set(map(to_line, its)) for path, its in state.conflicts.items()}
    return {name: getattr(state, name) for name in names} | {"conflicts": conflicts}


@given(st.lists(RECORDS, max_size=12))
def test_a_state_says_what_its_lines_say(records: list[Record]) -> None:
    assert told(merge(records)) == plain(records)


@given(journal_lines(), st.data())
def test_neither_order_nor_repetition_matters(lines: list[bytes], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(lines + lines[:5]))
    assert state(shuffled) == state(lines)


@given(journal_lines(), journal_lines(), st.data())
def test_any_part_may_be_compacted_first(some: list[bytes], others: list[bytes], data: st.DataObject) -> None:
    whole = state(some + others)
    assert state(reduced(some) + others) == whole
    assert state(data.draw(st.permutations(reduced(reduced(some) + reduced(others)) + some[:3]))) == whole


@given(journal_lines())
def test_what_was_compacted_can_not_be_compacted_further(lines: list[bytes]) -> None:
    assert sorted(reduced(reduced(lines))) == sorted(reduced(lines))


def at(second: int, record: Record = DONE, **changes: str) -> Record:
    return replace(record, time=f"2026-11-21T10:00:{second:02d}.000000+00:00", **changes)


def test_one_path_with_two_digests_in_one_life_is_a_conflict() -> None:
    first, second = at(1), at(2, sha256="b" * 64)
    assert merge([second, first]).conflicts == {f"{KEY}.mp4": (first, second)}
    assert merge([second, first]).present == {KEY: second}


def test_of_each_digest_the_newest_record_is_named() -> None:
    first, second, third = at(1), at(2, sha256="b" * 64), at(3)
    assert merge([third, second, first]).conflicts == {f"{KEY}.mp4": (second, third)}


@pytest.mark.parametrize("reason", ["dropped", "replaced", "quarantined", "vanished", "not_needed"])
def test_what_was_removed_in_between_may_come_back_with_other_bytes(reason: str) -> None:
    gone = at(2, status="removed", reason=reason, path="")
    assert merge([at(1), gone, at(3, sha256="b" * 64)]).conflicts == {}
    assert merge([at(1), at(2, sha256="b" * 64), at(3, status="removed", reason=reason)]).conflicts == {}


def test_neither_the_same_bytes_nor_another_path_are_a_conflict() -> None:
    assert merge([at(1), at(2), at(3, path=f"{KEY}.mkv", sha256="b" * 64)]).conflicts == {}


def test_what_vanished_is_missed_until_it_was_made_again() -> None:
    gone = at(2, status="removed", reason=journal.VANISHED, path="")
    assert merge([at(1), gone]).lost == {KEY: at(1)}
    assert merge([at(1), gone, at(3)]).lost == {}


def test_a_removal_is_newer_than_what_it_removes_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avakit.journal.store._clock", _Clock())
    ahead = replace(DONE, time="2999-11-21T10:00:00.000000+00:00")
    gone = journal.removal(ahead, journal.REPLACED)
    assert gone.time == "2999-11-21T10:00:00.000001+00:00"
    assert merge([gone, ahead]).present == {}
    assert journal.now() > gone.time, "and what this process writes next is newer yet"
