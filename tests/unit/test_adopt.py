"""What names say of media, and how a tree is looked through."""

import os
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avakit.adopt import Candidate, Left, Matching, names
from avakit.adopt.matching import MAX_CANDIDATES
from avakit.adopt.names import Named
from avakit.adopt.tree import MAX_DEPTH, Seen, walk
from avakit.layout import VIDEO_EXTENSIONS
from avakit.model import Clip, Span, Split, Video, VideoId

FILM = Video(VideoId("-filmFilm01"), (Split.VAL,), Span(Fraction(900), Fraction(901)))
CLIP = Clip(VideoId("clip_clip_1"), Span(Fraction(10), Fraction(10)), Split.TRAIN, "yoga")
VIDEOS = {str(FILM.id): FILM, str(CLIP.video_id): Video(CLIP.video_id, (Split.TRAIN,), CLIP.span, "", (CLIP,))}
IDS = st.from_regex(r"[A-Za-z0-9_-]{11}", fullmatch=True)
SECONDS = st.integers(0, 999_999)


@given(IDS, SECONDS, SECONDS, st.sampled_from(VIDEO_EXTENSIONS), st.booleans())
def test_every_clip_is_found_by_its_name(video_id: str, start: int, end: int, extension: str, padded: bool) -> None:
    stem = f"{video_id}_{start:06d}_{end:06d}" if padded else f"{video_id}_{start}_{end}"
    assert names.media_of(f"{stem}.{extension}") == Named(video_id, (start, end))
    assert names.media_of(f"{stem}.{extension.upper()}") == Named(video_id, (start, end))
    assert names.media_of(f"{video_id}.{extension}") == Named(video_id)


@given(st.text() | st.binary().map(os.fsdecode), st.text())
def test_any_name_is_taken_and_shown_safely(name: str, folder: str) -> None:
    found = names.media_of(name)
    assert found is None or VideoId(found.id) == found.id
    names.frame_number(name, folder)
    shown = names.shown(name)
    assert shown.isprintable()
    shown.encode()


@pytest.mark.parametrize(
    "name",
    ["clip_clip_1.mp4.part", "._clip_clip_1_000010_000020.mp4", ".clip_clip_1.mp4", "clip_clip_1", "clip_clip_1.mp4\n",
     "clip_clip_1_000010.mp4", "clip_clip_1_000010_000020 (1).mp4", "clip_clip_\u0661.mp4", "xclip_clip_1.mp4", ".mp4"],
)  # fmt: skip
def test_other_names_name_nothing(name: str) -> None:
    assert names.media_of(name) is None


def test_frames_have_numbers() -> None:
    assert names.frame_number("img_00001.jpg", "x") == (1, True)
    assert names.frame_number("img_100000.jpg", "x") == (100_000, True)
    assert names.frame_number("-filmFilm01_027030.jpg", "-filmFilm01") == (27_030, False)
    assert names.frame_number("-filmFilm01_027030.jpg", "another") is None
    assert names.frame_number("flow_x_00001.jpg", "x") is None


def build(tree: Path) -> None:
    """Make a tree with everything that a tree may hold."""
    for name in ("k/yoga x/clip_clip_1_000010_000020.webm", "k/clip_clip_1_000011_000021.mp4", "f/-filmFilm01.MKV",
                 "frames/-filmFilm01/img_00001.jpg", "frames/-filmFilm01/img_00002.jpg",
                 "frames/aaaaaaaaaaa/img_00001.jpg", "notes\x1b[31m\n.txt", ".avakit/-filmFilm01.mp4",
                 "skipped/-filmFilm01.mp4"):  # fmt: skip
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()
    (tree / os.fsdecode(b"f/\xff.mp4")).touch()
    os.mkfifo(tree / "f" / "-filmFilm01.mp4")
    (tree / "f" / "-filmFilm01.mov").symlink_to(tree / "f" / "-filmFilm01.MKV")
    (tree / "loop").symlink_to(tree)


def test_a_tree_is_sorted_by_its_names(tmp_path: Path) -> None:
    build(tmp_path)
    noted: list[Seen | Left] = []
    matching = Matching(VIDEOS, noted.append)
    for seen in walk(str(tmp_path), skip={str(tmp_path / "skipped")}):
        matching.take(seen)
    found = {candidate.path: candidate for candidates in matching._found.values() for candidate in candidates}
    assert found == {
        str(tmp_path / path): Candidate(str(tmp_path / path), named, is_folder)
        for path, named, is_folder in (
            ("k/yoga x/clip_clip_1_000010_000020.webm", Named(CLIP.video_id, (10, 20)), False),
            ("f/-filmFilm01.MKV", Named(FILM.id), False),
            ("frames/-filmFilm01", Named(FILM.id), True),
        )
    }
    why = {Path(each.path).name: each.reason if isinstance(each, Left) else each.trouble for each in noted}
    assert why == {
        "clip_clip_1_000011_000021.mp4": "not_in_dataset", "aaaaaaaaaaa": "not_in_dataset",
        "\udcff.mp4": "not_in_dataset",
        "notes\x1b[31m\n.txt": "other", "-filmFilm01.mp4": "symlink", "-filmFilm01.mov": "symlink", "loop": "symlink",
    }  # fmt: skip


def test_a_linked_folder_of_a_root_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "-filmFilm01.mp4").touch()
    root = tmp_path / "root"
    root.mkdir()
    (root / "videos").symlink_to(tmp_path / "disk")
    assert [seen.trouble for seen in walk(str(root))] == ["symlink"]
    assert [seen.named for seen in walk(str(root), {str(root / "videos")})] == [Named(FILM.id)]


def test_bottomless_trees_and_closed_folders_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / Path(*["d"] * (MAX_DEPTH + 5))).mkdir(parents=True)
    assert [seen.trouble for seen in walk(str(tmp_path))] == ["unreadable"]

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert [(seen.trouble, seen.detail) for seen in walk(str(tmp_path))] == [("unreadable", "Permission denied")]


def test_memory_does_not_grow_with_files_of_one_name() -> None:
    noted: list[Seen | Left] = []
    matching = Matching(VIDEOS, noted.append)
    for number in range(100):
        matching.take(Seen(f"/{number}/-filmFilm01.mp4", Named(FILM.id), is_media=True))
    assert sum(map(len, matching._found.values())) == MAX_CANDIDATES
    assert {each.reason for each in noted if isinstance(each, Left)} == {"duplicate"}
    assert matching.media == 100
