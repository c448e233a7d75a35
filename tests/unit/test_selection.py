"""Which videos a run is about."""

import itertools
import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from avakit.datasets import catalogue
from avakit.datasets.selection import Selection, videos
from avakit.errors import ConfigInvalid, DataInvalid
from avakit.model import Clip, Span, Split, Video, VideoId
from avakit.shards import Shard

DATA = Path(__file__).parents[1] / "data" / "annotations"
V22 = catalogue.load("ava-v2.2")
K400 = catalogue.load("kinetics-400")
TRAIN, VAL, TEST = Split.TRAIN, Split.VAL, Split.TEST
AVA_SPAN = Span(Fraction(900), Fraction(901))

TRAIN_ROWS = """\
_-Z6wFjXtGQ,0902,0.063,0.049,0.524,0.996,12,0
_-Z6wFjXtGQ,0902,0.063,0.049,0.524,0.996,80,0
-5KQ66BBWC4,1798,0.077,0.151,0.283,0.811,80,1
-5KQ66BBWC4,0902,0.077,0.151,0.283,0.811,80,1
_-Z6wFjXtGQ,0903,0.063,0.049,0.524,0.996,1,0
-5KQ66BBWC4,0903,0.077,0.151,0.283,0.811,80,1
"""
VAL_ROWS = """\
5BDj0ow5hnA,1038,0.077,0.151,0.283,0.811,12,1
5BDj0ow5hnA,1039,0.077,0.151,0.283,0.811,12,1
"""


@pytest.fixture
def ava(tmp_path: Path) -> Path:
    """Return the annotation folder of AVA v2.2 with published lists and rows of the true form."""
    for name in (
        "ava_action_list_v2.2.pbtxt",
        "ava_val_excluded_timestamps_v2.2.csv",
        "ava_test_excluded_timestamps_v2.2.csv",
        "ava_test_v2.2.txt",
        "ava_file_names_trainval_v2.1.txt",
        "ava_file_names_test_v2.1.txt",
    ):
        shutil.copy(DATA / name, tmp_path / name)
    (tmp_path / "ava_train_v2.2.csv").write_text(TRAIN_ROWS)
    (tmp_path / "ava_val_v2.2.csv").write_text(VAL_ROWS)
    (tmp_path / "ava_train_excluded_timestamps_v2.2.csv").write_text("-5KQ66BBWC4,0903\n")
    return tmp_path


@pytest.fixture
def k400(tmp_path: Path) -> Path:
    """Return the annotation folder of Kinetics-400 with the first rows of published files."""
    for source, name in (
        ("kinetics-400_train_quoted_head.csv", "train.csv"),
        ("kinetics-400_val_head.csv", "validate.csv"),
        ("kinetics-400_test_head.csv", "test.csv"),
    ):
        shutil.copy(DATA / source, tmp_path / name)
    return tmp_path


def ids(found: list[Video]) -> list[str]:
    return [str(video.id) for video in found]


# --- AVA ---


def test_a_film_with_its_annotated_seconds_and_its_name_on_the_mirror(ava: Path) -> None:
    """Seconds ascend, excluded ones are left out, and the order is that of first appearance."""
    assert videos(V22, ava, Selection((TRAIN,))) == [
        Video(VideoId("_-Z6wFjXtGQ"), (TRAIN,), AVA_SPAN, "_-Z6wFjXtGQ.mkv", (), (902, 903)),
        Video(VideoId("-5KQ66BBWC4"), (TRAIN,), AVA_SPAN, "-5KQ66BBWC4.mkv", (), (902, 1798)),
    ]


def test_a_published_excluded_second_is_left_out(ava: Path) -> None:
    [video] = videos(V22, ava, Selection((VAL,)))
    assert (video.id, video.key_seconds) == ("5BDj0ow5hnA", (1039,))


def test_a_split_without_labels_has_the_whole_grid_but_the_excluded(ava: Path) -> None:
    found = videos(V22, ava, Selection((TEST,)))
    assert len(found) == 131
    assert all(video.file_name.startswith(video.id) for video in found)
    assert sum(len(video.key_seconds) for video in found) == 131 * 897 - 66
    [with_gap] = [video for video in found if video.id == "-FLn0aeA6EU"]
    assert 913 not in with_gap.key_seconds


def test_a_film_of_two_splits_keeps_both(ava: Path) -> None:
    (ava / "ava_val_v2.2.csv").write_text(VAL_ROWS + TRAIN_ROWS.splitlines()[0].replace("0902", "1700") + "\n")
    found = {video.id: video for video in videos(V22, ava, Selection((TRAIN, VAL)))}
    assert list(found) == ["_-Z6wFjXtGQ", "-5KQ66BBWC4", "5BDj0ow5hnA"]
    assert found[VideoId("_-Z6wFjXtGQ")].splits == (TRAIN, VAL)
    assert found[VideoId("_-Z6wFjXtGQ")].key_seconds == (902, 903, 1700)


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (("80",), ["_-Z6wFjXtGQ", "-5KQ66BBWC4"]),
        (("1",), ["_-Z6wFjXtGQ"]),
        (("Bend/bow (at the waist)",), ["_-Z6wFjXtGQ"]),
        (("bend/bow_(at_the_waist)", "12"), ["_-Z6wFjXtGQ", "5BDj0ow5hnA"]),
        (("79",), []),
    ],
)
def test_classes_of_ava_by_name_or_id(classes: tuple[str, ...], expected: list[str], ava: Path) -> None:
    """A film keeps all its key seconds: a class chooses films, not frames. Test has no labels to choose by."""
    found = videos(V22, ava, Selection((TRAIN, VAL, TEST), classes=classes))
    assert ids(found) == expected
    assert all(video.key_seconds == (902, 903) for video in found if video.id == "_-Z6wFjXtGQ")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("bend/bow", "unknown class 'bend/bow': did you mean 'bend/bow (at the waist)'?"),
        ("swimm", "unknown class 'swimm': did you mean 'swim'?"),
        ("99", "unknown class '99'"),
    ],
)
def test_an_unknown_class_has_a_nearest_one(name: str, hint: str, ava: Path) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        videos(V22, ava, Selection((TRAIN,), classes=(name,)))
    assert str(caught.value) == hint


def test_version_one_joins_two_lists_of_file_names(tmp_path: Path) -> None:
    v10 = catalogue.load("ava-v1.0")
    shutil.copy(DATA / "ava_test_v1.0_head.csv", tmp_path / "ava_test_v1.0.csv")
    shutil.copy(DATA / "ava_action_list_v2.2.pbtxt", tmp_path / "ava_action_list_v1.0.pbtxt")
    (tmp_path / "ava_file_names_trainval_v2.1.txt").write_text("_-Z6wFjXtGQ.mkv\n")
    (tmp_path / "ava_speech_file_names_v1.txt").write_text("053oq2xB3oU.webm")
    [video] = videos(v10, tmp_path, Selection((TEST,)))
    assert (video.id, video.file_name) == ("053oq2xB3oU", "053oq2xB3oU.webm")
    assert video.key_seconds[:2] == (904, 907)


def test_labels_without_a_row_are_refused(ava: Path) -> None:
    (ava / "ava_val_v2.2.csv").write_text("\n")
    with pytest.raises(DataInvalid, match=r"ava_val_v2\.2\.csv: holds no row of split 'val'$"):
        videos(V22, ava, Selection((VAL,)))


def test_a_missing_list_of_excluded_seconds_is_not_passed_over(ava: Path) -> None:
    (ava / "ava_val_excluded_timestamps_v2.2.csv").unlink()
    with pytest.raises(DataInvalid, match=r"ava_val_excluded_timestamps_v2\.2\.csv: is missing$"):
        videos(V22, ava, Selection((VAL,)))


def test_rows_outside_the_annotated_seconds_are_refused(ava: Path) -> None:
    (ava / "ava_val_v2.2.csv").write_text(VAL_ROWS.replace("1039", "1801"))
    with pytest.raises(
        DataInvalid, match=r"line 2: timestamp '1801' is outside the annotated seconds 900 to below 1801"
    ):
        videos(V22, ava, Selection((VAL,)))


# --- ids, limit, shard ---


def test_wanted_ids(ava: Path) -> None:
    chosen = Selection((TRAIN, VAL), ids=frozenset([VideoId("5BDj0ow5hnA"), VideoId("-5KQ66BBWC4")]))
    assert ids(videos(V22, ava, chosen)) == ["-5KQ66BBWC4", "5BDj0ow5hnA"]


def test_ids_that_do_not_exist_are_named(ava: Path) -> None:
    chosen = Selection((VAL,), ids=frozenset([VideoId("5BDj0ow5hnA"), VideoId("-5KQ66BBWC4")]))
    with pytest.raises(ConfigInvalid) as caught:
        videos(V22, ava, chosen)
    assert str(caught.value) == "not in ava-v2.2 (val): -5KQ66BBWC4"


def test_an_id_without_the_wanted_class_is_left_out_but_known(ava: Path) -> None:
    chosen = Selection((TRAIN, VAL), ids=frozenset([VideoId("5BDj0ow5hnA")]), classes=("80",))
    assert videos(V22, ava, chosen) == []


def test_the_limit_takes_the_first_ones(ava: Path) -> None:
    everything = videos(V22, ava, Selection((TEST,)))
    assert videos(V22, ava, Selection((TEST,), limit=5)) == everything[:5]
    assert videos(V22, ava, Selection((TEST,), limit=0)) == []


def test_shards_share_what_the_limit_left(ava: Path) -> None:
    whole = ids(videos(V22, ava, Selection((TEST,), limit=50)))
    parts = [ids(videos(V22, ava, Selection((TEST,), limit=50, shard=Shard(index, 3)))) for index in range(3)]
    assert sorted(itertools.chain(*parts)) == sorted(whole)
    assert all(parts)


def test_a_split_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"^ava-v1\.0 has no split 'val'; it has train, test$"):
        videos(catalogue.load("ava-v1.0"), tmp_path, Selection((VAL,)))


# --- Kinetics ---


def test_a_clip_is_the_span_of_its_row(k400: Path) -> None:
    found = videos(K400, k400, Selection((VAL,)))
    span = Span(Fraction(417), Fraction(10))
    clip = Clip(VideoId("0wR5jVB-WPk"), span, VAL, "abseiling")
    assert found[0] == Video(VideoId("0wR5jVB-WPk"), (VAL,), span, "", (clip,))
    assert found[0].clips[0].name == "0wR5jVB-WPk_000417_000427"
    assert len(found) == 30


def test_all_three_splits_are_read(k400: Path) -> None:
    found = videos(K400, k400, Selection((TRAIN, VAL, TEST)))
    assert [video.splits for video in found] == [(TRAIN,)] * 30 + [(VAL,)] * 30 + [(TEST,)] * 30
    assert found[-1].clips[0].label == ""


def test_clips_of_one_video_share_its_hull(k400: Path) -> None:
    """A name made of the id alone would lose all but one of them."""
    header = "label,youtube_id,time_start,time_end,split\n"
    (k400 / "train.csv").write_text(header + "b,-5KQ66BBWC4,40,50,train\na,-5KQ66BBWC4,10.5,20,train\n")
    (k400 / "validate.csv").write_text(header + "a,-5KQ66BBWC4,45,55.1,validate\n")
    [video] = videos(K400, k400, Selection((TRAIN, VAL)))
    assert video.span == Span(Fraction(21, 2), Fraction("44.6"))
    assert video.splits == (TRAIN, VAL)
    assert [(clip.label, clip.split, clip.span.end) for clip in video.clips] == [
        ("b", TRAIN, 50),
        ("a", TRAIN, 20),
        ("a", VAL, Fraction("55.1")),
    ]


def test_classes_of_kinetics_choose_clips(k400: Path) -> None:
    header = "label,youtube_id,time_start,time_end,split\n"
    rows = "air drumming,-5KQ66BBWC4,10,20,train\nabseiling,-5KQ66BBWC4,40,50,train\n"
    (k400 / "train.csv").write_text(header + rows)
    [video] = videos(K400, k400, Selection((TRAIN,), classes=("Air_Drumming",)))
    assert video.span == Span(Fraction(10), Fraction(10))
    assert [clip.label for clip in video.clips] == ["air drumming"]
    with pytest.raises(ConfigInvalid, match=r"^unknown class 'abseil': did you mean 'abseiling'\?$"):
        videos(K400, k400, Selection((TRAIN,), classes=("abseil",)))


def test_a_file_without_a_split_column_is_of_its_manifests_split(k400: Path) -> None:
    (k400 / "test.csv").write_text("youtube_id,time_start,time_end\n-5KQ66BBWC4,1,11\n")
    [video] = videos(K400, k400, Selection((TEST,)))
    assert video.splits == (TEST,)


def test_a_file_of_another_split_is_refused(k400: Path) -> None:
    shutil.copy(DATA / "kinetics-400_test_head.csv", k400 / "validate.csv")
    with pytest.raises(DataInvalid, match=r"validate\.csv: holds no row of split 'val'$"):
        videos(K400, k400, Selection((VAL,)))
