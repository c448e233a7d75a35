"""Where every file lives."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avakit import layout
from avakit.layout import Layout, Place
from avakit.model import Clip, Span, Split, Video, VideoId
from avakit.recipes import AudioRecipe, FrameRecipe

ID = VideoId("-5KQ66BBWC4")
AVA = Layout(
    Path("/data"), "ava-v2.2", "ava/videos", "ava/windows", "ava/clips", "ava/rawframes", "ava/keyframes", FrameRecipe()
)
KINETICS = Layout(
    Path("/data"), "kinetics-400", "kinetics/videos", "kinetics/windows", "kinetics-400", "kinetics-400/rawframes",
    "kinetics-400/keyframes", FrameRecipe(),
)  # fmt: skip
VIDEO = Video(ID, (Split.VAL,), Span(Fraction(900), Fraction(901)))
CLIP = Clip(ID, Span(Fraction(10), Fraction(10)), Split.TRAIN, "riding a bike")


def test_the_paths_of_an_ava_video() -> None:
    assert AVA.annotations == "annotations/ava-v2.2"
    assert AVA.video(ID, "webm") == "ava/videos/-5KQ66BBWC4.webm"
    assert AVA.window(ID) == "ava/windows/-5KQ66BBWC4.mkv"
    assert AVA.frame_folder(VIDEO, FrameRecipe()) == "ava/rawframes/-5KQ66BBWC4"
    assert AVA.frame_folder(VIDEO, FrameRecipe(key_frames=True)) == "ava/keyframes/-5KQ66BBWC4"
    assert AVA.frame_folder(VIDEO, FrameRecipe(Fraction(15))) == "ava/rawframes-15fps/-5KQ66BBWC4"


def test_the_paths_of_a_kinetics_clip() -> None:
    assert KINETICS.clip(CLIP) == "kinetics-400/train/riding_a_bike/-5KQ66BBWC4_000010_000020.mp4"
    assert KINETICS.frame_folder(CLIP, FrameRecipe()) == "kinetics-400/rawframes/-5KQ66BBWC4_000010_000020"


def test_what_is_cut_by_another_recipe_lies_elsewhere_and_the_rest_stays() -> None:
    other = replace(KINETICS, audio="kinetics-400-audio", other_clips=Place("kinetics-400-copy", "mkv"))
    assert other.cut_clip(CLIP) == "kinetics-400-copy/train/riding_a_bike/-5KQ66BBWC4_000010_000020.mkv"
    assert other.clip(CLIP) == KINETICS.clip(CLIP) == KINETICS.cut_clip(CLIP)
    assert other.sound(CLIP, AudioRecipe("flac")).startswith("kinetics-400-audio-flac/train/riding_a_bike/-5KQ66BBWC4_")
    windows = replace(AVA, audio="ava/audio", other_windows=Place("ava/windows-encode", "mp4"))
    assert windows.cut_window(ID) == "ava/windows-encode/-5KQ66BBWC4.mp4"
    assert windows.window(ID) == AVA.window(ID) == AVA.cut_window(ID)
    assert windows.sound(VIDEO, AudioRecipe()) == "ava/audio/-5KQ66BBWC4.wav"


def test_a_split_without_labels_has_no_class_folders() -> None:
    clip = replace(CLIP, split=Split.TEST, label="")
    assert KINETICS.clip(clip) == "kinetics-400/test/-5KQ66BBWC4_000010_000020.mp4"


def test_a_relative_path_lies_under_the_root() -> None:
    assert AVA.absolute("ava/videos/a.mp4") == Path("/data/ava/videos/a.mp4")


def test_a_frame_list_lies_outside_its_folder() -> None:
    folder = AVA.frame_folder(VIDEO, FrameRecipe())
    assert layout.frame_list(folder) == ".avakit/manifests/frames/ava/rawframes/-5KQ66BBWC4.sha256"


@pytest.mark.parametrize(
    ("number", "expected"), [(1, "img_00001.jpg"), (27_030, "img_27030.jpg"), (123_456, "img_123456.jpg")]
)
def test_frame_names_count_from_one(number: int, expected: str) -> None:
    assert layout.frame_name(number) == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("riding a bike", "riding_a_bike"),
        ("passing American football (in game)", "passing_American_football_(in_game)"),
        ("massaging person's head", "massaging_person's_head"),
        ("café", "café"),
    ],
)
def test_in_a_class_folder_only_blanks_change(label: str, expected: str) -> None:
    assert layout.class_folder(label) == expected


@pytest.mark.parametrize("label", ["", ".", "..", ".hidden", "a/b", "../x", "a\\b", "a\nb", "a\0b", "a\x7f"])
def test_a_label_that_can_not_be_a_folder_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match="can't be a folder name"):
        layout.class_folder(label)


@given(st.text())
def test_a_class_folder_never_leaves_its_split(label: str) -> None:
    try:
        name = layout.class_folder(label)
    except ValueError:
        return
    assert PurePosixPath("a", name).parent == PurePosixPath("a")
    assert PurePosixPath("a", name).name == name
    assert name != ".."


@pytest.mark.parametrize("dataset", ["mine", "../../mine", "/etc/mine"])
def test_a_kept_manifest_lies_among_our_own_files(dataset: str) -> None:
    assert layout.kept_manifest(dataset) == ".avakit/datasets/mine.yaml"
