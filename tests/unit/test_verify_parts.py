"""The pure parts of `verify`: which things a part holds, which lists are followed, what a page says, what is noted."""

import hashlib
from collections import Counter
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avakit.cli.display import readable_bytes, readable_count
from avakit.model import Finding, FindingKind
from avakit.verify import checkpoint, listing, page, part
from avakit.verify.names import renamed
from avakit.verify.things import Thing, stamp

DIGEST = hashlib.sha256(b"").hexdigest()
KEYS = st.sets(st.text(min_size=1, max_size=8), max_size=60)


def things(keys: "set[str]") -> list[Thing]:
    return [Thing(key, key, DIGEST, 0) for key in sorted(keys)]


@given(KEYS, st.integers(1, 9))
def test_subsets_hold_everything_exactly_once(keys: set[str], count: int) -> None:
    parts = [part.take(things(keys), subset=part.Subset(number, count)) for number in range(1, count + 1)]
    assert sorted(thing.key for its in parts for thing in its) == sorted(keys)


@given(KEYS, st.integers(1, 100), st.integers(1, 100), st.integers(0, 3))
def test_a_larger_share_holds_every_smaller_one(keys: set[str], one: int, other: int, seed: int) -> None:
    small, large = sorted((one, other))
    taken = [part.take(things(keys), share=Fraction(each, 100), seed=seed) for each in (small, large)]
    assert {thing.key for thing in taken[0]} <= {thing.key for thing in taken[1]}
    assert len(taken[0]) == (max(1, round(Fraction(small, 100) * len(keys))) if keys else 0)


@pytest.mark.parametrize(
    ("text", "share"), [("1%", Fraction(1, 100)), ("0.01", Fraction(1, 100)), ("100%", 1), ("1", 1)]
)
def test_a_share_is_read(text: str, share: Fraction) -> None:
    assert part.parse_share(text) == share


@pytest.mark.parametrize("text", ["0", "0%", "101%", "1.1", "-1%", "nan", "one", "", "1e-2", "٣%"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a share such as 1%"):
        part.parse_share(text)


@pytest.mark.parametrize("text", ["0/3", "4/3", "1/0", "1", "a/b", "-1/3", "1/3/5", ""])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a part such as 3/7"):
        part.parse_subset(text)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_list_or_refused_with_a_reason(data: bytes) -> None:
    entries, problems = listing.parse(data)
    assert entries or problems
    assert all(not entry.path.startswith("/") and ".." not in entry.path.split("/") for entry in entries)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (f"{DIGEST}  /etc/passwd", "is absolute"),
        (f"{DIGEST}  a/../../b", "leads out of its folder"),
        (f"{DIGEST}  ./a", "has an empty part"),
        (f"{DIGEST}  a//b", "has an empty part"),
        (f"{DIGEST}  a\0b", "control character"),
        (f"{DIGEST}  a\\b", "backslash"),
        (f"{DIGEST[:40]}  a", "that is sha1"),
        (f"SHA256 (a) = {DIGEST}", "the form of BSD"),
        (f"\\{DIGEST}  a\\nb", "escaped"),
        (f"{DIGEST}  " + "a" * listing.MAX_LINE_BYTES, "no path is"),
        (f"{DIGEST}  É.jpg\n{DIGEST}  E\u0301.jpg", "by how its letters are composed"),
        (f"{DIGEST}  a.jpg\n{DIGEST}  A.jpg", "differs from it only by case"),
        ("", "is not '<sha256>  <path>'"),
    ],
)  # fmt: skip
def test_a_line_that_may_not_be_followed_refuses_the_list(row: str, says: str) -> None:
    _, problems = listing.parse(f"{DIGEST.upper()} *first\n{row}\n".encode())
    assert [problem.line for problem in problems] == [3 if "\n" in row else 2]
    assert says in problems[0].text


def test_ten_problems_are_told_and_the_others_counted() -> None:
    _, problems = listing.parse(b"x\n" * 25)
    with pytest.raises(listing.DataInvalid) as caught:
        listing.refuse("list", problems)
    assert len(caught.value.args) == 12
    assert str(caught.value).startswith("list, line 1: ")
    assert "and 15 more" in str(caught.value)


@pytest.mark.parametrize(
    ("path", "now_at", "says"),
    [
        ("a/b.mp4", "a/c.mp4", "now at a/c.mp4"),
        ("a/b.mp4", "a/B.mp4", "renamed (case): now at a/B.mp4"),
        ("a/\u00e9.csv", "a/e\u0301.csv", "renamed (unicode): now at a/e\\u0301.csv"),
    ],
)
def test_how_a_name_changed_is_said(path: str, now_at: str, says: str) -> None:
    assert renamed(Finding(path, FindingKind.MISSING), now_at) == Finding(path, FindingKind.MOVED, says, now_at=now_at)


def test_notes_are_read_back_and_forgotten_when_done(tmp_path: Path) -> None:
    found = Finding("a/b", FindingKind.DIFFERS, "sha256 …", "a/b", 7, DIGEST)
    (one,) = things({"a/b"})
    first = checkpoint.begin(tmp_path, {"depth": "full"}, is_resumed=False)
    first.note(stamp(one), "a/b", [found])
    first.note("other", "c", [Finding("c", FindingKind.MATCH)])
    first.close(is_finished=False)
    with next((tmp_path / ".avakit/verify").iterdir()).open("a") as stream:
        stream.write('["torn", "li')
    assert checkpoint.begin(tmp_path, {"depth": "quick"}, is_resumed=True).known == {}
    again = checkpoint.begin(tmp_path, {"depth": "full"}, is_resumed=True)
    assert again.known == {"a/b": (stamp(one), (found,)), "c": ("other", ())}
    again.close(is_finished=True)
    assert len(list((tmp_path / ".avakit/verify").iterdir())) == 1


def test_a_root_that_cannot_be_written_to_is_checked_without_notes(tmp_path: Path) -> None:
    (tmp_path / ".avakit").write_text("in the way")
    notes = checkpoint.begin(tmp_path, {}, is_resumed=False)
    notes.note("x", "key", [])
    notes.close(is_finished=True)
    assert not notes.is_kept


def test_a_page_is_escaped_self_contained_and_bounded() -> None:
    wrong = [Finding(f"ava/<b>{n:06d}", FindingKind.MISSING, "&", bytes=5) for n in range(100_000)]
    now = datetime(2026, 1, 2, tzinfo=UTC)
    kinds = {FindingKind.MISSING: len(wrong), FindingKind.MATCH: 3}
    facts = page.Facts("/r<", now, now, 4, "full", "", 9, 9, DIGEST, kinds, {"ava": Counter(kinds)}, Counter(), ["n"])
    text = page.render(facts, wrong, readable_bytes, readable_count)
    assert "<b>0" not in text
    assert "&lt;b&gt;000000" in text
    assert "98 000 more are not listed here" in text
    assert "http" not in text
    assert "src=" not in text
    assert len(text) < 1_000_000
