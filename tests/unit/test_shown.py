"""What frames show is kept exactly, and in little."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avakit.frames import Shown

TICKS = st.lists(st.integers(0, 5), min_size=1, max_size=60)


@given(TICKS, st.sampled_from([Fraction(1, 24000), Fraction(1, 1000), Fraction(1001, 30000), Fraction(1)]))
def test_what_was_kept_comes_back(steps: list[int], unit: Fraction) -> None:
    ticks = [sum(steps[: k + 1]) for k in range(len(steps))]
    shown = Shown(tuple(range(3, 3 + len(ticks))), tuple(tick * unit for tick in ticks))
    assert Shown.decode(shown.encode()) == shown


def test_a_window_of_constant_rate_takes_two_characters_a_source_frame() -> None:
    shown = Shown(tuple(range(1, 27_031)), tuple(Fraction(900) + Fraction(k * 25 // 30, 25) for k in range(27_030)))
    assert len(shown.encode()) < 2 * 22_525 + 200


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"schema":2}', b"\xff", b'{"schema":1,"unit":"1/0"}'])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of json, or ours
        Shown.decode(data)


def test_two_counts_that_disagree_are_refused() -> None:
    data = Shown((1, 2), (Fraction(1), Fraction(2))).encode().replace(b"[[1,1,2]]", b"[[1,1,3]]", 1)
    with pytest.raises(ValueError, match="3 frames, but times of 2"):
        Shown.decode(data)
