"""Shares and balanced sets: the same on every machine, nested, and within their bounds."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from avakit.datasets import samples

IDS = st.lists(st.text("abcXYZ019_-", min_size=11, max_size=11), unique=True, max_size=60)
SEEDS = st.integers(-(10**6), 10**6)
SHARES = st.floats(0, 1, exclude_min=True)
MEMBERS = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=6), st.lists(st.integers(1, 6), min_size=1, max_size=4), max_size=60
)


def test_the_draw_is_written_down() -> None:
    """Published subsets rest on it: these numbers may never change."""
    assert samples.draw(0, "-5KQ66BBWC4") == 0x1CB816E2D363BC17
    assert samples.draw(7, "-5KQ66BBWC4") == 0xBFA4503C8D6B4CB6


@given(IDS, SHARES, SHARES, SEEDS)
def test_a_larger_share_holds_every_smaller_one(ids: list[str], one: float, other: float, seed: int) -> None:
    small, large = sorted((one, other))
    taken = [{key for key in ids if samples.takes(key, share, seed)} for share in (small, large, 1.0)]
    assert taken[0] <= taken[1] <= taken[2] == set(ids)


def test_a_share_is_about_as_large_as_it_says() -> None:
    ids = [f"{number:011d}" for number in range(10_000)]
    taken = [{key for key in ids if samples.takes(key, 0.1, seed)} for seed in (0, 1)]
    assert all(900 < len(found) < 1100 for found in taken)
    assert len(taken[0] & taken[1]) < 200


@given(MEMBERS, st.integers(1, 10), SEEDS)
def test_no_class_is_larger_than_the_limit(members: dict[str, list[int]], limit: int, seed: int) -> None:
    """And nothing more would fit: each sample left out has a class that is full."""
    chosen = samples.balanced(members, limit, seed)
    counts = Counter(name for key in chosen for name in set(members[key]))
    assert chosen <= members.keys()
    assert all(count <= limit for count in counts.values())
    assert all(any(counts[name] == limit for name in members[key]) for key in members.keys() - chosen)


@given(MEMBERS, st.integers(1, 10), SEEDS)
def test_the_order_of_the_rows_does_not_matter(members: dict[str, list[int]], limit: int, seed: int) -> None:
    backwards = {key: names[::-1] for key, names in reversed(members.items())}
    assert samples.balanced(members, limit, seed) == samples.balanced(backwards, limit, seed)


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=6), st.integers(1, 4), max_size=60), SEEDS)
def test_with_one_class_each_a_larger_limit_holds_the_smaller(members: dict[str, int], seed: int) -> None:
    single = {key: [name] for key, name in members.items()}
    chosen = [samples.balanced(single, limit, seed) for limit in (1, 2, 5)]
    assert chosen[0] <= chosen[1] <= chosen[2]
    sizes = Counter(members.values())
    assert Counter(members[key] for key in chosen[2]) == {name: min(5, n) for name, n in sizes.items()}


def test_the_rarest_class_is_filled_first() -> None:
    """A sample of the rare class would not fit once its frequent class is full."""
    members = {f"common{n}": ["stand"] for n in range(50)} | {"rare": ["stand", "swim"]}
    for seed in range(20):
        assert "rare" in samples.balanced(members, 1, seed)
