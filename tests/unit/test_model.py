"""The nouns."""

import pickle
import re
import string
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avakit.model import Clip, FindingKind, Span, Split, Stage, Video, VideoId

ALPHABET = string.ascii_letters + string.digits + "_-"
IDS = st.text(ALPHABET, min_size=11, max_size=11)
SECONDS = st.fractions(min_value=0, max_value=100_000, max_denominator=90_000)


@given(IDS)
def test_eleven_characters_are_a_video_id_and_stay_one(text: str) -> None:
    video_id = VideoId(text)
    assert video_id == text
    assert hash(video_id) == hash(text)
    assert type(pickle.loads(pickle.dumps(video_id))) is VideoId  # noqa: S301


@pytest.mark.parametrize(
    "text",
    [
        "",
        "../x",
        "../../../xx",
        "-5KQ66BBWC",
        "-5KQ66BBWC4x",
        "-5KQ66BBWC4\n",
        " 5KQ66BBWC4",
        "5KQ66BBWC4/",
        "5KQ66.BBWC4",
        "5KQ66BBWC\u0664",  # a digit, but not one of ASCII's
        "5KQ66BBWC\0x",
        "https://youtu.be/-5KQ66BBWC4",
    ],
)
def test_anything_else_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is not a video id"):
        VideoId(text)


@given(st.text(max_size=14))
def test_no_text_becomes_an_id_that_could_leave_its_folder(text: str) -> None:
    try:
        video_id = VideoId(text)
    except ValueError:
        assert re.fullmatch(r"[A-Za-z0-9_-]{11}", text, re.ASCII) is None
    else:
        assert set(video_id) <= set(ALPHABET)


@given(SECONDS, SECONDS)
def test_a_span_is_exact_and_half_open(start: Fraction, duration: Fraction) -> None:
    span = Span(start, duration)
    assert span.end - span.start == duration
    assert isinstance(span.end, Fraction)


def test_a_clip_has_the_name_of_record() -> None:
    clip = Clip(VideoId("-5KQ66BBWC4"), Span(Fraction(10), Fraction(10)), Split.TRAIN, "riding a bike")
    assert clip.name == "-5KQ66BBWC4_000010_000020"


@given(IDS, st.integers(0, 99_999), st.integers(1, 999))
def test_clips_of_one_video_have_different_names(video_id: str, start: int, duration: int) -> None:
    span = Span(Fraction(start), Fraction(duration))
    later = Span(Fraction(start + 1), Fraction(duration))
    names = {Clip(VideoId(video_id), each, Split.VAL).name for each in (span, later)}
    assert len(names) == 2
    assert all(re.fullmatch(r".{11}_\d{6}_\d{6}", name) for name in names)


def test_a_video_can_be_pickled() -> None:
    span = Span(Fraction(900), Fraction(901))
    video = Video(VideoId("-5KQ66BBWC4"), (Split.VAL,), span, "-5KQ66BBWC4.mkv", (), (902, 903))
    assert pickle.loads(pickle.dumps(video)) == video  # noqa: S301


def test_stages_stand_in_the_order_in_which_one_follows_from_the_other() -> None:
    assert [stage.value for stage in Stage] == ["annotation", "video", "window", "clip", "audio", "frames"]


def test_each_finding_has_a_sigil() -> None:
    assert {kind.value: kind.sigil for kind in FindingKind} == {
        "match": "=",
        "missing": "-",
        "unexpected": "+",
        "differs": "*",
        "moved": ">",
        "unstable": "~",
        "unreadable": "!",
        "unsafe": "!",
        "conflict": "!",
    }


@pytest.mark.parametrize(
    ("keys", "end"), [((), 20), (("12.5",), 20), (("11", "18"), 20), (("18.4",), "20.4"), (("20",), 22)]
)
def test_a_clip_goes_on_for_two_seconds_after_its_last_key_frame(keys: tuple[str, ...], end: str) -> None:
    clip = Clip(VideoId("-5KQ66BBWC4"), Span(Fraction(10), Fraction(10)), Split.VAL, "", tuple(map(Fraction, keys)))
    assert (clip.file_span.start, clip.file_span.end) == (10, Fraction(end))
    assert clip.name.endswith("_000010_000020")
