"""The manifests: those that ship are right, and what is wrong with a user's own is said at once."""

import pickle
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from avakit.datasets import catalogue
from avakit.datasets.catalogue import Role
from avakit.datasets.selection import required_files
from avakit.errors import ConfigInvalid
from avakit.model import Clip, Span, Split, Stage, Video, VideoId

REPOSITORY = Path(__file__).parents[2]
SPAN = Span(Fraction(10), Fraction(10))
AVA = ("ava-v1.0", "ava-v2.1", "ava-v2.2")


def write(folder: Path, text: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> list[str]:
    """Return what is wrong with a manifest, without the file's name."""
    path = write(folder, text)
    with pytest.raises(ConfigInvalid) as caught:
        catalogue.load_file(path)
    assert all(problem.startswith(str(path)) for problem in caught.value.args)
    return [problem.removeprefix(str(path)).removeprefix(": ").removeprefix(", ") for problem in caught.value.args]


def test_the_catalogue_holds_every_release_of_both_families() -> None:
    assert catalogue.names() == [
        "ava-activespeaker-v1.0", "ava-kinetics-v1.0", "ava-speech-v1.0", "ava-v1.0", "ava-v2.0", "ava-v2.1",
        "ava-v2.2", "demo", "kinetics-400", "kinetics-600", "kinetics-700", "kinetics-700-2020",
    ]  # fmt: skip


@pytest.mark.parametrize("name", catalogue.names())
def test_a_manifest_has_the_name_of_its_file_and_can_travel(name: str) -> None:
    dataset = catalogue.load(name)
    assert dataset.name == name
    assert pickle.loads(pickle.dumps(dataset)) == dataset  # noqa: S301
    assert dataset.layout(Path("root")).annotations == f"annotations/{name}"


@pytest.mark.parametrize("name", catalogue.names())
def test_the_folder_at_the_top_holds_the_same_text(name: str) -> None:
    assert (REPOSITORY / "manifests" / f"{name}.yaml").read_text(encoding="utf-8") == catalogue.source_text(name)


@pytest.mark.parametrize("name", AVA)
def test_ava_is_901_seconds_from_900_in_30_frames_a_second(name: str) -> None:
    """27 030 frames: the number every trainer's file lists count on."""
    dataset = catalogue.load(name)
    assert dataset.span == Span(Fraction(900), Fraction(901))
    assert dataset.frame_recipe.frame_count(dataset.span.duration) == 27030
    assert dataset.stages == (Stage.VIDEO, Stage.WINDOW, Stage.FRAMES)
    assert dataset.clip_recipe is None


def test_the_versions_of_ava_share_their_media() -> None:
    folders = [catalogue.load(name).folders for name in AVA]
    assert len({(each.videos, each.windows, each.frames) for each in folders}) == 1
    assert len({each.key_frames for each in folders}) == 3, "the versions annotate different seconds"


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("ava-v1.0", {"train": 154, "test": 38}),
        ("ava-v2.1", {"train": 235, "val": 64, "test": 131}),
        ("ava-v2.2", {"train": 235, "val": 64, "test": 131}),
    ],
)
def test_split_counts(name: str, counts: dict[str, int]) -> None:
    assert {split: facts.videos for split, facts in catalogue.load(name).splits.items()} == counts


@pytest.mark.parametrize(("name", "count"), [("ava-v1.0", 299), ("ava-v2.1", 897), ("ava-v2.2", 897), ("demo", 27)])
def test_key_seconds(name: str, count: int) -> None:
    grid = catalogue.load(name).key_seconds
    assert grid is not None
    assert len(grid.seconds) == count
    assert grid.seconds[-1] == grid.last


def test_the_16_films_of_v1_without_a_mirror_are_named() -> None:
    assert len([word for word in catalogue.load("ava-v1.0").notes[-1].split() if len(word) == 11]) == 16


def test_kinetics_spans_come_from_its_rows() -> None:
    dataset = catalogue.load("kinetics-400")
    assert dataset.span is None
    assert dataset.clip_recipe is not None
    assert [source.type for source in dataset.sources] == ["archive", "youtube"]
    assert dataset.layout(Path()).clips == "kinetics-400"


def test_the_mirror_of_ava_has_one_folder_for_train_and_val() -> None:
    mirror = catalogue.load("ava-v2.2").sources[0]
    assert mirror.type == "mirror"
    assert mirror.url == "https://s3.amazonaws.com/ava-dataset/{folder}/{file_name}"
    assert mirror.folders == {Split.TRAIN: "trainval", Split.VAL: "trainval", Split.TEST: "test"}


def test_required_files_of_a_split() -> None:
    names = [file.name for file in required_files(catalogue.load("ava-v2.2"), [Split.TEST])]
    assert names == [
        "ava_test_v2.2.txt",
        "ava_test_excluded_timestamps_v2.2.csv",
        "ava_action_list_v2.2.pbtxt",
        "ava_file_names_test_v2.1.txt",
    ]


def test_copies_are_found_under_the_names_of_their_addresses() -> None:
    [labels] = catalogue.load("kinetics-400").files_of(Role.LABELS, (Split.VAL,))
    assert labels.aliases == ("validate.csv", "val.csv", "kinetics_val.csv", "kinetics-400_val.csv")


def test_an_unknown_dataset_has_a_nearest_one() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        catalogue.load("ava-v2.3")
    known = ", ".join(catalogue.names())
    assert str(caught.value) == f"unknown dataset 'ava-v2.3': did you mean 'ava-v2.2'? Known: {known}"


def test_a_name_like_no_other_gets_the_list_alone() -> None:
    with pytest.raises(ConfigInvalid, match=r"^unknown dataset 'xyz'; Known: ava-activespeaker-v1\.0,"):
        catalogue.load("xyz")


@pytest.mark.parametrize("name", catalogue.names())
def test_a_users_own_copy_reads_the_same(name: str, tmp_path: Path) -> None:
    path = write(tmp_path, "\N{BYTE ORDER MARK}" + catalogue.source_text(name))
    assert catalogue.load_file(path) == catalogue.load(name)


TEXT = catalogue.source_text("ava-v2.2")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("sources:", "sourcs:", ["sources: this key is missing", "unknown key 'sourcs' (did you mean 'sources'?)"]),
        (
            "frames: {rate: 30",
            "frames: {rat: 30",
            ["frames.rate: this key is missing", "frames: unknown key 'rat' (did you mean 'rate'?)"],
        ),
        ("duration: 901", "duration: long", ["span.duration: 'long': Input is not a valid fraction"]),
        ("duration: 901", "duration: 0", ["span.duration: 0: Input should be greater than 0"]),
        (
            "url: https://s3",
            "url: ftp://s3",
            [
                (
                    "sources.0.url: 'ftp://s3.amazonaws.com/ava-dataset/{folder}/{file_name}'"
                    " is not an http or https address"
                )
            ],
        ),
        (
            "{folder}/",
            "{where}/",
            ["sources.0.url: unknown placeholder {where}; there are {file_name}, {folder}, {id}, {split}"],
        ),
        (
            "{folder}/{file_name}",
            "all.zip",
            [
                (
                    "sources.0.url: 'https://s3.amazonaws.com/ava-dataset/all.zip'"
                    " must name the video by {id} or {file_name}"
                )
            ],
        ),
        (
            "watch?v={id}",
            "watch?v={id",
            [
                (
                    "sources.1.url: 'https://www.youtube.com/watch?v={id' is not a template: "
                    "expected '}' before end of string"
                )
            ],
        ),
        (
            "type: youtube",
            "type: youtub",
            ["sources.1.type: 'youtub' is none of 'mirror', 'youtube', 'archive', 'folder'"],
        ),
        ("- type: youtube\n", "- name: x\n", ["sources.1.type: this key is missing"]),
        ("test: test}", "}", ["sources.0.folders: no folder for split 'test'"]),
        (
            "videos: ava/videos",
            "videos: ../videos",
            ["layout.videos: '../videos' must be a folder inside the root, such as 'ava/videos'"],
        ),
        (
            "videos: ava/videos",
            "videos: /videos",
            ["layout.videos: '/videos' must be a folder inside the root, such as 'ava/videos'"],
        ),
        (
            "videos: ava/videos",
            "videos: .avakit/v",
            ["layout.videos: '.avakit/v' begins with '.': hidden folders are avakit's own"],
        ),
        (
            "name: ava_test_v2.2.txt",
            "name: ../ids.txt",
            ["files.2.name: '../ids.txt': String should match pattern '^[A-Za-z0-9][A-Za-z0-9._-]*$'"],
        ),
        ("name: ava_test_v2.2.txt", "name: ava_val_v2.2.csv", ["files: 'ava_val_v2.2.csv' appears twice"]),
        (
            "form: ava8\n    splits: [train]",
            "splits: [train]",
            [
                (
                    "files.0: 'form' (ava7, ava8, ava_kinetics, ava_kinetics_clips, activespeaker, speech, kinetics, "
                    "kinetics_json) must be given for a labels file, and for no other"
                )
            ],
        ),
        ("splits: [train]", "splits: [trian]", ["files.0.splits.0: 'trian': Input should be 'train', 'val' or 'test'"]),
        (
            "span: {start: 900, duration: 901}",
            "span: rows",
            [
                "span: 'rows' belongs to labels of the form 'kinetics', and to no other",
                "stages: a window needs a span with a start and a duration",
            ],
        ),
        ("first: 902", "first: 2", ["key_seconds: 2 to 1798 must lie inside the span"]),
        (
            "key_seconds: {first: 902, last: 1798, step: 1}",
            "key_seconds: null",
            ["key_seconds: needed, because a split has no labels of its own"],
        ),
        ("[video, window, frames]", "[video, clip]", ["stages: 'clip' needs a recipe under 'clips'"]),
        ("max_unavailable: 0.0", "max_unavailable: 2", ["max_unavailable: 2: Input should be less than or equal to 1"]),
        (
            "role: id_list",
            "role: included_timestamps",
            ["splits.test: neither a labels file nor a required id list names its videos"],
        ),
    ],
)
def test_each_slip_is_named_where_it_is(old: str, new: str, expected: list[str], tmp_path: Path) -> None:
    assert old in TEXT
    assert problems(tmp_path, TEXT.replace(old, new, 1)) == expected


def test_all_slips_are_named_at_once(tmp_path: Path) -> None:
    text = TEXT.replace("rate: 30", "rate: 0").replace("role: labels", "rol: labels", 1) + "\nname: twice\n"
    line = text.splitlines().index("name: twice") + 1
    assert problems(tmp_path, text) == [
        f"line {line}: key 'name' stands here and in line 1",
        "files.0.role: this key is missing",
        "files.0: unknown key 'rol' (did you mean 'role'?)",
        "frames.rate: 0: Input should be greater than 0",
    ]


def test_a_key_given_twice_deep_inside_is_refused(tmp_path: Path) -> None:
    text = TEXT.replace("{start: 900,", "{start: 900, start: 901,")
    line = next(number for number, row in enumerate(TEXT.splitlines(), 1) if row.startswith("span:"))
    assert problems(tmp_path, text) == [f"line {line}: key 'start' stands here and in line {line}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1\nb: 2", "line 2, column 2: is not YAML: "),
        ("- a\n- b", "must be a mapping of keys such as 'name:' and 'files:'"),
        ("", "must be a mapping of keys such as 'name:' and 'files:'"),
        ("a: !!python/object:os.system {}", "line 1, column 4: is not YAML: could not determine a constructor"),
        ("a: \x07", "is not YAML: "),
    ],
)
def test_what_is_no_manifest_at_all(text: str, expected: str, tmp_path: Path) -> None:
    [problem] = problems(tmp_path, text)
    assert problem.startswith(expected)


def test_a_missing_file_is_a_wrong_command_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="can't be read: No such file or directory"):
        catalogue.load_file(tmp_path / "none.yaml")


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_bytes(b"name: \xe4va")
    with pytest.raises(ConfigInvalid, match=r"own\.yaml: is not UTF-8 text \(byte 6\)"):
        catalogue.load_file(path)


def test_every_address_is_known_to_be_documented() -> None:
    """All addresses of one kind are spelled the same way: a slip in one of sixty would else show at a user's."""
    hosts = set()
    for name in catalogue.names():
        for file in catalogue.load(name).files:
            hosts |= {url.rpartition("/")[0].partition("#")[0] for url in file.urls}
            members = [url.partition("#")[2] for url in file.urls if "#" in url]
            assert all(member in (file.name, *file.aliases) for member in members)
    assert hosts == {
        "http://127.0.0.1:8765/annotations",
        "https://download.openmmlab.com/mmaction/dataset/kinetics400/annotations",
        "https://download.openmmlab.com/mmaction/dataset/kinetics600/annotations",
        "https://download.openmmlab.com/mmaction/dataset/kinetics700/annotations",
        "https://raw.githubusercontent.com/SmartPorridge/google-AVA-Dataset-downloader/6c8442a7eecf275d51e343f19779eb60b4f5a5e2",
        "https://raw.githubusercontent.com/activitynet/ActivityNet/82304fa9f4a7219421df13dae6347a445c4cf5bc/Crawler/Kinetics/data",
        "https://raw.githubusercontent.com/gurkirt/kinetics-download-prep/82d0b02e4aeb52d79e5412698e6ca87a4313fd1f/ava_kinetics_csv",
        "https://raw.githubusercontent.com/gurkirt/kinetics-download-prep/82d0b02e4aeb52d79e5412698e6ca87a4313fd1f/kinetics_csv",
        "https://raw.githubusercontent.com/kevinlin311tw/ava-dataset-tool/c313fb10613093d64a69329e3ae79ab809c66ee5",
        "https://research.google.com/ava/download",
        "https://s3.amazonaws.com/ava-dataset/annotations",
        "https://s3.amazonaws.com/kinetics/400/annotations",
        "https://s3.amazonaws.com/kinetics/600/annotations",
        "https://s3.amazonaws.com/kinetics/700_2020/annotations",
        "https://storage.googleapis.com/deepmind-media/Datasets",
    }


def test_what_is_published_nowhere_has_a_sentence_instead_of_labels() -> None:
    dataset = catalogue.load("ava-v2.0")
    assert dataset.unpublished.startswith("the annotations of AVA v2.0 are published nowhere any more")
    assert not dataset.files_of(Role.LABELS)
    assert [file.name for file in dataset.files] == ["ava_action_list_v2.0.csv"]


def test_the_two_parts_of_ava_kinetics_share_the_folders_of_their_families() -> None:
    layout = catalogue.load("ava-kinetics-v1.0").layout(Path("root"))
    film, clips = Video(VideoId("-5KQ66BBWC4"), (), SPAN), (Clip(VideoId("0wR5jVB-WPk"), SPAN, Split.VAL),)
    assert layout.of(film).videos == catalogue.load("ava-v2.2").folders.videos
    assert layout.of(replace(film, clips=clips)).videos == catalogue.load("kinetics-700").folders.videos


def test_the_archives_of_the_mirror_are_known() -> None:
    archives = catalogue.load("kinetics-400").archives
    assert [(each.count, each.overlay) for each in archives] == [(242, False), (20, False), (39, False), (None, True)]
    assert sum(each.count or 0 for each in catalogue.load("kinetics-600").archives) == 1260
    assert [each.class_by for each in catalogue.load("kinetics-600").archives] == ["name", "name", None]
    assert [each.class_by for each in catalogue.load("kinetics-700-2020").archives] == ["order", "order", None]


def test_manifests_are_plain_yaml() -> None:
    for name in catalogue.names():
        assert yaml.safe_load(catalogue.source_text(name))["name"] == name
