"""The index of a tar of frames, its reading, and what a look at every byte of it finds."""

import hashlib
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avakit import packing
from avakit.errors import DataInvalid
from avakit.layout import frame_index, frame_list, packed_frames, unpacked_frames
from avakit.tools import tarwriter
from avakit.tools.tarwriter import Member, Tar, TarShelf

FOLDER = "ava/rawframes/-5KQ66BBWC4"
TAR, INDEX = packed_frames(FOLDER), frame_index(FOLDER)
#: Two are of the same size, so that they can be swapped.
FRAMES = {"img_00001.jpg": b"frame one", "img_00002.jpg": b"frame two", "img_00003.jpg": b"x" * 600}
DIGESTS = {name: hashlib.sha256(data).hexdigest() for name, data in FRAMES.items()}


@pytest.fixture
def tar(tmp_path: Path) -> Tar:
    (tmp_path / TAR).parent.mkdir(parents=True)
    with TarShelf(tmp_path / TAR, "-5KQ66BBWC4") as shelf:
        for name, data in FRAMES.items():
            shelf.add(name, data)
        made = shelf.finish()
    (tmp_path / INDEX).parent.mkdir(parents=True)
    (tmp_path / INDEX).write_text(packing.index_text(made.members))
    return made


# --- paths and the index ---


def test_list_and_index_of_a_tar_are_those_of_its_folder() -> None:
    assert unpacked_frames(TAR) == unpacked_frames(FOLDER) == FOLDER
    assert frame_list(TAR) == frame_list(FOLDER)
    assert frame_index(TAR) == frame_index(FOLDER) == f".avakit/manifests/frames/{FOLDER}.idx"


def test_the_index_is_the_one_that_dali_reads(tar: Tar) -> None:
    assert packing.index_text(tar.members) == (
        "v1.2 3\n"
        "jpg 512 9 -5KQ66BBWC4/img_00001.jpg\n"
        "jpg 1536 9 -5KQ66BBWC4/img_00002.jpg\n"
        "jpg 2560 600 -5KQ66BBWC4/img_00003.jpg\n"
    )


MEMBERS = st.lists(st.builds(
    Member, st.from_regex(r"[A-Za-z0-9_-]{11}/img_[0-9]{5}\.(jpg|png)", fullmatch=True), st.integers(0, 1 << 40),
    st.integers(0, 1 << 30),
), max_size=4)  # fmt: skip


@given(MEMBERS)
def test_any_index_is_read_back(tmp_path_factory: pytest.TempPathFactory, members: list[Member]) -> None:
    path = tmp_path_factory.getbasetemp() / "index"
    path.write_text(packing.index_text(members))
    assert packing.read_index(path) == members


@pytest.mark.parametrize(
    "text",
    ["", "v1.1 0\n", "v1.2 2\njpg 512 9 x/img_00001.jpg\n", "v1.2 1\njpg 512 9\n", "v1.2 1\njpg a b c\n", "\x00"],
)
def test_what_is_no_index_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.idx").write_text(text)
    with pytest.raises(DataInvalid, match=r"x\.idx: not the index of a tar"):
        packing.read_index(tmp_path / "x.idx")


# --- reading ---


def read_all(root: Path) -> dict[str, bytes]:
    frames = packing.open_frames(root, FOLDER)
    return {name: frames.read(name) for name in frames.names}


@pytest.mark.usefixtures("tar")
def test_a_frame_is_read_from_the_tar_or_the_folder_alike(tmp_path: Path) -> None:
    assert list(read_all(tmp_path).items()) == list(FRAMES.items())
    shutil.unpack_archive(tmp_path / TAR, (tmp_path / TAR).parent)
    (tmp_path / TAR).unlink()
    assert list(read_all(tmp_path).items()) == list(FRAMES.items())


@pytest.mark.usefixtures("tar")
def test_the_reader_of_five_lines_in_the_docs_reads_a_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "frames.md").read_text()
    code = page.partition("## One tar instead")[2].partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    found: dict[str, object] = {}
    exec(code.replace("img_00450", "img_00002"), found)  # noqa: S102 - the page's own lines
    assert found["data"] == FRAMES["img_00002.jpg"]


@pytest.mark.usefixtures("tar")
def test_readers_can_be_sent_to_other_processes(tmp_path: Path) -> None:
    frames = pickle.loads(pickle.dumps(packing.open_frames(tmp_path, FOLDER)))  # noqa: S301 - our own bytes
    assert frames.read("img_00003.jpg") == FRAMES["img_00003.jpg"]


@pytest.mark.usefixtures("tar")
def test_a_frame_that_is_not_there_and_a_tar_that_is_cut_off_are_named(tmp_path: Path) -> None:
    frames = packing.open_frames(tmp_path, FOLDER)
    with pytest.raises(FileNotFoundError, match=r"img_00004\.jpg"):
        frames.read("img_00004.jpg")
    (tmp_path / TAR).write_bytes((tmp_path / TAR).read_bytes()[:2600])
    with pytest.raises(DataInvalid, match="cut off in img_00003"):
        frames.read("img_00003.jpg")
    with pytest.raises(FileNotFoundError):
        packing.open_frames(tmp_path, "ava/rawframes/nothing")


def test_frames_from_a_hundred_thousand_on_stay_in_their_order() -> None:
    names = ["img_100000.jpg", "img_00002.jpg", "img_99999.jpg"]
    assert packing.in_order(names) == ["img_00002.jpg", "img_99999.jpg", "img_100000.jpg"]


# --- a look at every byte ---


def flip(place: int) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        data[place] ^= 1

    return change


def cut(place: int) -> Callable[[bytearray], None]:
    return lambda data: data.__delitem__(slice(place, None))


def swap_members(data: bytearray) -> None:
    data[0:1024], data[1024:2048] = data[1024:2048], data[0:1024]


def swap_bytes(data: bytearray) -> None:
    data[512:521], data[1536:1545] = data[1536:1545], data[512:521]


ONE, TWO, THREE = (f"-5KQ66BBWC4/{name}" for name in FRAMES)
DAMAGE: dict[str, tuple[Callable[[bytearray], object], list[str]]] = {
    "nothing": (lambda _: None, []),
    "a byte of a frame": (flip(1536), [f"{TWO}: sha256 "]),
    "a byte of a name": (flip(1026), [f"{TWO}: its header differs"]),
    "a byte of a size": (flip(1024 + 134), [f"{TWO}: its header differs"]),
    "a byte between": (flip(600), [f"{ONE}: the zeros behind it differ"]),
    "a byte of the end": (flip(-1), ["the zeros at its end differ"]),
    "a byte more": (lambda data: data.append(0), ["1 bytes follow its end"]),
    "many more": (lambda data: data.extend(b"x" * 3_000_000), ["3000000 bytes follow its end"]),
    "two swapped": (swap_members, [f"{ONE}: its header differs, sha256 ", f"{TWO}: its header differs, sha256 "]),
    "their bytes swapped": (swap_bytes, [f"{ONE}: sha256 ", f"{TWO}: sha256 "]),
    "cut off in a frame": (cut(2600), [f"it is cut off in {THREE}"]),
    "cut off in a header": (cut(1100), [f"it is cut off in {TWO}, and 1 after it are gone"]),
    "cut off in the end": (cut(4096), ["the zeros at its end differ"]),
    "empty": (cut(0), [f"it is cut off in {ONE}, and 2 after it are gone"]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_whatever_is_done_to_a_tar_is_told_of_the_frame(tar: Tar, tmp_path: Path, damage: str) -> None:
    change, expected = DAMAGE[damage]
    data = bytearray((tmp_path / TAR).read_bytes())
    change(data)
    (tmp_path / TAR).write_bytes(data)
    taken: dict[str, bytes] = {}
    seen = packing.examine(tmp_path / TAR, tar.members, DIGESTS, taken.__setitem__)
    assert len(seen.troubles) == len(expected), seen.troubles
    assert all(told.startswith(wanted) for told, wanted in zip(seen.troubles, expected, strict=True)), seen.troubles
    assert seen.sha256 == hashlib.sha256(data).hexdigest()
    assert taken.items() <= FRAMES.items(), "nothing is taken that is not as listed"


@given(st.data())
def test_no_flipped_bit_goes_unseen(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "flipped.tar"
    path.unlink(missing_ok=True)
    with TarShelf(path, "x") as shelf:
        for name, frame in FRAMES.items():
            shelf.add(name, frame)
        made = shelf.finish()
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    (trouble,) = packing.examine(path, made.members, DIGESTS).troubles
    member = next((each for each in made.members if place < each.end), None)
    assert (member.name if member else "its end") in trouble
    assert tarwriter.size_of(made.members) == len(content)
