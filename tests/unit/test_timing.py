"""Time arithmetic, against definitions that try everything."""

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avakit.frames import choose, targets
from avakit.model import Span
from avakit.prepare.keyframes import clip_targets, key_numbers
from avakit.recipes import FrameRecipe
from avakit.tools.pixels import Size, scaled_size
from avakit.tools.timing import Snapper, Times, constant_rate, frame_count, missing

ticks = st.lists(st.integers(0, 3000), unique=True, min_size=1, max_size=40).map(sorted)
#: Small denominators make ties common.
instants = st.lists(
    st.fractions(min_value=0, max_value=40, max_denominator=12), unique=True, min_size=1, max_size=40
).map(sorted)


@given(ticks, st.integers(1, 100_000), st.integers(0, 50))
def test_times_survive_their_encoding_and_json(given_ticks: list[int], base: int, lasts: int) -> None:
    times = Times.of(given_ticks, Fraction(1, base), given_ticks[-1] + lasts)
    again = Times.decode(json.loads(json.dumps(times.encode())))
    assert again == times
    assert again.ticks() == given_ticks
    assert again.end == given_ticks[-1] + lasts


def test_a_constant_rate_takes_one_run() -> None:
    assert Times.of(range(5005, 27_030_000, 1001), Fraction(1, 24000), 0).runs == ((5005, 1001, 26_998),)


@pytest.mark.parametrize("data", [{}, {"time_base": "1/0", "runs": [], "end": 0}, {"time_base": "1/3", "runs": [[1]]}])
def test_times_of_another_form_are_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"not the times|values to unpack"):
        Times.decode(data)


@given(
    st.integers(0, 100_000),
    st.sampled_from([Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60), Fraction(240)]),
)
def test_milliseconds_find_their_exact_time_again(first: int, rate: Fraction) -> None:
    exact = [(first + k) / rate for k in range(30)]
    snapper = Snapper(exact, exact[-1] + 1 / rate)
    for time in exact:
        assert snapper.snap(Fraction(round(time * 1000), 1000)) == time


def test_a_time_that_no_packet_has_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no packet of the film lies at 1\.500 s"):
        Snapper([Fraction(1), Fraction(2)], Fraction(3)).snap(Fraction("1.5"))
    with pytest.raises(ValueError, match="no packet"):
        Snapper([], Fraction(0)).snap(Fraction(1))


@given(instants, instants, st.fractions(min_value=Fraction(1, 12), max_value=3, max_denominator=12))
def test_the_nearest_frame_is_the_one_that_trying_all_finds(
    shown: list[Fraction], wanted: list[Fraction], lasts: Fraction
) -> None:
    """Ties go to the earlier frame, and nothing is shown from the end of the last frame on."""
    numbered = list(enumerate(wanted, 1))
    got = list(choose([(time, f"frame {time}") for time in shown], numbered, lambda seconds, _: seconds + lasts))
    expected = [
        (number, target, min(shown, key=lambda time: (abs(time - target), time)))
        for number, target in numbered
        if target < shown[-1] + lasts
    ]
    assert [(choice.number, choice.target, choice.seconds) for choice in got] == expected
    assert all(choice.frame == f"frame {choice.seconds}" and shown[choice.index] == choice.seconds for choice in got)


def test_nothing_is_chosen_where_nothing_is_shown() -> None:
    assert list(choose([], [(1, Fraction(0))], lambda seconds, _: seconds)) == []


def test_frames_are_not_read_beyond_the_one_that_decides() -> None:
    """The last wanted instant is decided by the first frame at or after it; a film is not decoded to its end."""
    read = []

    def shown() -> list[tuple[Fraction, int]]:
        for k in range(1000):
            read.append(k)
            yield Fraction(k), k  # type: ignore[misc]

    assert len(list(choose(shown(), [(1, Fraction("2.5"))], lambda seconds, _: seconds))) == 1
    assert len(read) <= 4


@given(
    st.lists(st.integers(0, 3), min_size=2, max_size=60),
    st.sampled_from([Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25), Fraction(30)]),
)
def test_rounded_times_keep_their_rate(jitter: list[int], rate: Fraction) -> None:
    """Rounded down, up or to the nearest millisecond: within two ticks of a rate is that rate."""
    base = Fraction(1, 1000)
    found = [int(k / rate / base) + min(j, 1) for k, j in enumerate(jitter)]
    assert constant_rate(found, base, [Fraction(7), rate]) == rate


def test_a_frame_that_lasts_twice_as_long_makes_the_rate_variable() -> None:
    steady = [k * 512 for k in range(50)]
    assert constant_rate(steady, Fraction(1, 12800), [Fraction(25)]) == 25
    assert constant_rate([*steady[:20], *steady[21:]], Fraction(1, 12800), [Fraction(25), Fraction(0)]) is None
    assert constant_rate([0], Fraction(1, 12800), [Fraction(25)]) is None


@given(
    st.fractions(min_value=0, max_value=20, max_denominator=1000),
    st.sampled_from([Fraction(30), Fraction(30000, 1001)]),
)
def test_frame_count_counts_the_frames_that_begin_before_the_end(duration: Fraction, rate: Fraction) -> None:
    assert frame_count(duration, rate) == sum(1 for k in range(1300) if k / rate < duration)
    assert FrameRecipe(rate=rate).frame_count(duration) == frame_count(duration, rate)


def test_ava_has_27030_frames() -> None:
    span = Span(Fraction(900), Fraction(901))
    assert FrameRecipe().frame_count(span.duration) == 27_030
    assert targets(span, Fraction(30), [1, 61, 27_030]) == [
        (1, Fraction(900)),
        (61, Fraction(902)),
        (27_030, Fraction(900) + Fraction(27_029, 30)),
    ]


def test_key_numbers_are_those_of_slowfast() -> None:
    """FORMATS, timing 1: second t is file 30 (t - 900) + 1. Seconds outside the span have no number."""
    span = Span(Fraction(900), Fraction(901))
    assert key_numbers([899, 900, 902, 1798, 1801], span, FrameRecipe()) == [1, 61, 26_941]


def test_a_film_that_lacks_less_than_a_frame_lacks_nothing() -> None:
    assert missing(Fraction(10), Fraction("9.98")) == 0
    assert missing(Fraction(10), Fraction(11)) == 0
    assert missing(Fraction(10), Fraction("9.5")) == Fraction("0.5")


@pytest.mark.parametrize(
    ("source", "short_side", "aspect", "expected"),
    [
        ((1280, 720), 0, Fraction(1), Size(1280, 720)),
        ((1280, 720), 256, Fraction(1), Size(456, 256)),
        ((720, 1280), 256, Fraction(1), Size(256, 456)),
        ((320, 180), 256, Fraction(1), Size(320, 180)),  # never scaled up
        ((321, 181), 0, Fraction(1), Size(321, 181)),  # the source's own size is left alone, odd or not
        ((720, 576), 288, Fraction(16, 15), Size(384, 288)),  # 4:3 PAL
        ((640, 360), 256, Fraction(2, 3), Size(304, 256)),
        ((640, 360), 1000, Fraction(2, 3), Size(426, 360)),
        ((4000, 3), 2, Fraction(1), Size(2666, 2)),
    ],
)
def test_scaled_size(source: tuple[int, int], short_side: int, aspect: Fraction, expected: Size) -> None:
    assert scaled_size(*source, short_side, aspect) == expected


@given(
    st.integers(2, 4000),
    st.integers(2, 4000),
    st.integers(1, 2000),
    st.fractions(Fraction(1, 2), 2, max_denominator=20),
)
def test_a_picture_is_never_scaled_up_and_keeps_its_shape(
    width: int, height: int, short: int, aspect: Fraction
) -> None:
    size = scaled_size(width, height, short, aspect)
    assert size.width <= width
    assert size.height <= height
    if size != Size(width, height):
        assert size.width % 2 == size.height % 2 == 0


def test_key_frames_of_a_clip_have_their_own_instants() -> None:
    """Numbered as the nearest of all frames, shown as annotated; both ends of the clip are in it."""
    span = Span(Fraction(10), Fraction(10))
    instants = [Fraction(text) for text in ("9.9", "10", "12.516", "12.52", "20", "20.1")]
    assert clip_targets(instants, span, FrameRecipe()) == [
        (1, Fraction(10)), (76, Fraction("12.516")), (77, Fraction("12.52")), (301, Fraction(20)),
    ]  # fmt: skip
    close = [Fraction("12.5"), Fraction("12.51")]
    assert clip_targets(close, span, FrameRecipe()) == [(76, Fraction("12.5"))]
