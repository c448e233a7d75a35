"""What a film lacks of a clip, and of what is wanted after its key frame."""

from dataclasses import replace
from fractions import Fraction

import pytest

from avakit.journal import Record
from avakit.model import Clip, Span, Split, Stage, VideoId
from avakit.prepare.cutting import after_the_end, story
from avakit.prepare.spans import covers, span_facts

CLIP = Clip(VideoId("-5KQ66BBWC4"), Span(Fraction(10), Fraction(10)), Split.VAL, "", (Fraction("19.5"),))
PLAIN = replace(CLIP, key_seconds=())


@pytest.mark.parametrize(
    ("clip", "missing", "own", "margin"),
    [
        (PLAIN, "0", 0, 0),
        (PLAIN, "2.5", 2.5, 0),
        (CLIP, "0", 0, 0),
        (CLIP, "1", 0, 1),
        (CLIP, "1.5", 0, 1.5),
        (CLIP, "1.52", 0, 1.5),  # a frame's length less is nothing
        (CLIP, "4", 2.5, 1.5),
    ],
)
def test_only_annotated_seconds_make_a_clip_short(clip: Clip, missing: str, own: float, margin: float) -> None:
    assert after_the_end(clip, Fraction(missing)) == (own, margin)


def test_a_person_is_told_what_is_not_there() -> None:
    assert story({}) == []
    assert story({"margin_missing_seconds": 0.5, "silent_after": 0.25}) == [
        "the video ends 0.500 s before the two seconds after its key frame are over",
        "its sound track has nothing in the last 0.250 s",
    ]


def test_what_does_not_reach_far_enough_counts_as_not_there() -> None:
    record = Record("k", Stage.CLIP, CLIP.name, "d", "done", path="k.mp4")
    assert span_facts(PLAIN) == {}
    assert span_facts(CLIP) == {"span": ["10", "43/2"]}
    assert covers(record, PLAIN)
    assert not covers(record, CLIP)
    longer = replace(record, facts=span_facts(CLIP))
    assert covers(longer, PLAIN)
    assert covers(longer, CLIP)
    assert covers(replace(record, stage=Stage.FRAMES, facts={"recipe": {"key_frames": True}}), CLIP)
    assert not covers(replace(record, stage=Stage.FRAMES, facts={"recipe": {"key_frames": False}}), CLIP)
    assert covers(replace(record, stage=Stage.VIDEO), CLIP)
