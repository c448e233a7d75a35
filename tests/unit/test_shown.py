"""What frames show is kept exactly, and in little."""

import warnings
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avakit.frames import Shown
from avakit.layout import frame_times

TICKS = st.lists(st.integers(0, 5), min_size=1, max_size=60)


@given(TICKS, st.sampled_from([Fraction(1, 24000), Fraction(1, 1000), Fraction(1001, 30000), Fraction(1)]))
def test_what_was_kept_comes_back(steps: list[int], unit: Fraction) -> None:
    ticks = [sum(steps[: k + 1]) for k in range(len(steps))]
    shown = Shown(tuple(range(3, 3 + len(ticks))), tuple(tick * unit for tick in ticks))
    assert Shown.decode(shown.encode()) == shown


def test_a_window_of_constant_rate_takes_two_characters_a_source_frame() -> None:
    shown = Shown(tuple(range(1, 27_031)), tuple(Fraction(900) + Fraction(k * 25 // 30, 25) for k in range(27_030)))
    assert len(shown.encode()) < 2 * 22_525 + 200


def test_the_reader_in_the_docs_reads_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown((61, 62, 91), (Fraction(2), Fraction(2), Fraction(73, 24)))
    path = tmp_path / frame_times("ava/rawframes/-5KQ66BBWC4")
    path.parent.mkdir(parents=True)
    path.write_bytes(shown.encode())
    page = (Path(__file__).parents[2] / "docs" / "frames.md").read_text()
    code = page.partition("## The proof")[2].partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    found: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        exec(code, found)  # noqa: S102 - the page's own lines
    assert found["seconds"] == dict(zip(shown.numbers, shown.seconds, strict=True))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"schema":2}', b"\xff", b'{"schema":1,"unit":"1/0"}'])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of json, or ours
        Shown.decode(data)


def test_two_counts_that_disagree_are_refused() -> None:
    data = Shown((1, 2), (Fraction(1), Fraction(2))).encode().replace(b"[[1,1,2]]", b"[[1,1,3]]", 1)
    with pytest.raises(ValueError, match="3 frames, but times of 2"):
        Shown.decode(data)
