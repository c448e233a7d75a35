"""Recipes: how many frames, and which folder they go to."""

import json
from dataclasses import replace
from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avakit.cli import cutting
from avakit.datasets import parts
from avakit.recipes import COPY, LOSSLESS, AudioRecipe, ClipRecipe, FrameRecipe, Picture, Timing

RATES = st.fractions(min_value=Fraction(1, 100), max_value=1000, max_denominator=1001)
LOSSY = st.builds(
    FrameRecipe, RATES, st.integers(0, 4000), st.integers(1, 100), st.sampled_from([Picture.JPEG, Picture.WEBP]),
    st.sampled_from(Timing), around=st.integers(0, 9), keep_excluded=st.booleans(),
)  # fmt: skip
RECIPES = LOSSY | st.builds(FrameRecipe, RATES, quality=st.just(LOSSLESS), picture=st.just(Picture.PNG))


@pytest.mark.parametrize(
    ("rate", "duration", "expected"),
    [
        (Fraction(30), Fraction(901), 27_030),
        (Fraction(30), Fraction(10), 300),
        (Fraction(30), Fraction(0), 0),
        (Fraction(30), Fraction(1, 1000), 1),
        (Fraction(30), Fraction(1, 30), 1),
        (Fraction(30), Fraction(1, 30) + Fraction(1, 10**9), 2),
        (Fraction(30_000, 1001), Fraction(901), 27_003),
        (Fraction(1, 2), Fraction(3), 2),
    ],
)
def test_frame_count(rate: Fraction, duration: Fraction, expected: int) -> None:
    assert FrameRecipe(rate).frame_count(duration) == expected


@given(RATES, st.fractions(min_value=0, max_value=10_000, max_denominator=90_000))
def test_frames_are_those_whose_instant_lies_in_the_half_open_span(rate: Fraction, duration: Fraction) -> None:
    count = FrameRecipe(rate).frame_count(duration)
    assert isinstance(count, int)
    assert count == 0 or (count - 1) / rate < duration
    assert count / rate >= duration


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (FrameRecipe(), ""),
        (FrameRecipe(key_frames=True), ""),
        (FrameRecipe(Fraction(15)), "-15fps"),
        (FrameRecipe(Fraction(30_000, 1001)), "-30000_1001fps"),
        (FrameRecipe(short_side=256), "-short256"),
        (FrameRecipe(quality=75), "-q75"),
        (FrameRecipe(Fraction(15), 256, 75), "-15fps-short256-q75"),
        (FrameRecipe(quality=LOSSLESS, picture=Picture.PNG), "-png"),
        (FrameRecipe(picture=Picture.WEBP, timing=Timing.ONSCREEN), "-webp-onscreen"),
        (FrameRecipe(key_frames=True, around=2, keep_excluded=True), "-around2-excluded"),
    ],
)
def test_the_folder_says_what_differs_from_the_dataset_s_own_recipe(recipe: FrameRecipe, expected: str) -> None:
    assert recipe.folder_suffix(FrameRecipe()) == expected


def test_the_full_size_has_a_name_where_the_dataset_scales() -> None:
    assert FrameRecipe().folder_suffix(FrameRecipe(short_side=256)) == "-fullsize"


@given(RECIPES, RECIPES, RECIPES)
def test_two_recipes_never_share_a_folder(one: FrameRecipe, other: FrameRecipe, default: FrameRecipe) -> None:
    assert (one.folder_suffix(default) == other.folder_suffix(default)) == (one == other)
    assert "/" not in one.folder_suffix(default)


@given(RECIPES, st.booleans())
def test_a_recipe_comes_back_from_the_journal(recipe: FrameRecipe, key_frames: bool) -> None:
    recipe = replace(recipe, key_frames=key_frames)
    assert FrameRecipe.of(json.loads(json.dumps(recipe.plain))) == recipe


def test_a_line_that_knows_less_of_recipes_is_read_as_what_it_meant() -> None:
    facts = {"rate": "30", "short_side": 256, "quality": 92, "key_frames": True}
    assert FrameRecipe.of(facts) == FrameRecipe(short_side=256, quality=92, key_frames=True)


def test_the_defaults_are_those_of_the_documents() -> None:
    assert FrameRecipe() == FrameRecipe(Fraction(30), 0, 87, Picture.JPEG, Timing.NEAREST, key_frames=False)
    assert ClipRecipe() == ClipRecipe(Fraction(0), 18, "medium")


CLIP_RECIPES = st.builds(
    ClipRecipe, st.sampled_from([Fraction(0), Fraction(30), Fraction(30_000, 1001)]), st.integers(0, 51),
    st.sampled_from(["medium", "slow"]), st.sampled_from(["encode", COPY]), st.sampled_from([0, 16]),
    st.sampled_from([0, 256]), st.booleans(),
)  # fmt: skip


@given(CLIP_RECIPES)
def test_a_journal_line_holds_all_that_matters_of_a_clip_recipe(recipe: ClipRecipe) -> None:
    again = ClipRecipe.of(json.loads(json.dumps(recipe.plain)))
    assert again.plain == recipe.plain
    assert (again == recipe) or recipe.mode == COPY


def test_a_recipe_of_before_there_was_a_choice_is_still_that_one() -> None:
    assert ClipRecipe().plain == {"rate": "0", "crf": 18, "preset": "medium"}


@given(CLIP_RECIPES, CLIP_RECIPES, st.sampled_from([ClipRecipe(), ClipRecipe(rate=Fraction(30), mode=COPY)]))
def test_two_recipes_share_a_folder_only_if_they_make_the_same(a: ClipRecipe, b: ClipRecipe, own: ClipRecipe) -> None:
    same_folder = (a.folder_suffix(own), a.extension) == (b.folder_suffix(own), b.extension)
    assert same_folder == (a.plain == b.plain)


@pytest.mark.parametrize(
    ("recipe", "clips", "windows"),
    [
        (ClipRecipe(), "", None),
        (ClipRecipe(mode=COPY), "-copy", ""),
        (ClipRecipe(mode=COPY, sound=False), "-copy-nosound", "-nosound"),
        (ClipRecipe(crf=23, gop=16, short_side=256), "-crf23-gop16-short256", None),
        (ClipRecipe(rate=Fraction(30)), "-30fps", "-encode"),
        (ClipRecipe(rate=Fraction(30), preset="slow", sound=False), "-30fps-slow-nosound", "-encode-slow-nosound"),
    ],
)
def test_the_folder_of_a_clip_recipe(recipe: ClipRecipe, clips: str, windows: str | None) -> None:
    assert recipe.folder_suffix(ClipRecipe()) == clips
    if windows is not None:
        assert recipe.folder_suffix(ClipRecipe(rate=Fraction(30), mode=COPY)) == windows


def test_the_folders_of_sound_are_all_different() -> None:
    recipes = [AudioRecipe(form, rate) for form in ("wav", "flac") for rate in (16_000, 48_000)] + [AudioRecipe(COPY)]
    assert [each.folder_suffix for each in recipes] == ["", "-48k", "-flac", "-flac-48k", "-copy"]
    assert [each.extension for each in recipes] == ["wav", "wav", "flac", "flac", "mka"]
    assert [AudioRecipe.of(each.plain) for each in recipes] == recipes


def test_the_command_line_and_manifests_know_the_same_presets() -> None:
    assert get_args(parts.Preset) == cutting.PRESETS
