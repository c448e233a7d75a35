"""Annotation files: the published ones are read exactly, and every bad line is named."""

import csv
import io
import re
import string
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avakit.datasets import parsers
from avakit.errors import DataInvalid
from avakit.model import Span, VideoId

DATA = Path(__file__).parents[1] / "data" / "annotations"
AVA = Span(Fraction(900), Fraction(901))
ROW = "-5KQ66BBWC4,0902,0.077,0.151,0.283,0.811,80,1"
NO_ID = "is not a video id (11 characters from A-Z, a-z, 0-9, '_' and '-')"
KINETICS = "label,youtube_id,time_start,time_end,split"


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "rows.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def said(path: Path, reader: Any, *arguments: Any, **options: Any) -> list[str]:
    """Return what a reader says is wrong, without the file's name."""
    with pytest.raises(DataInvalid) as caught:
        reader(path, *arguments, **options)
    return [re.sub(rf"^{re.escape(str(path))}(: |, )", "", problem) for problem in caught.value.args]


# --- AVA labels ---


def test_the_eight_columns_of_v2() -> None:
    rows = parsers.read_ava(DATA / "ava_sample_v2.1.csv", span=AVA)
    assert rows.iloc[0].to_dict() == {
        "video_id": "0f39OWEqJ24", "timestamp": 902, "x1": 0.031, "y1": 0.162, "x2": 0.67, "y2": 0.995,
        "action_id": 12, "person_id": 0,
    }  # fmt: skip
    assert [str(kind) for kind in rows.dtypes] == ["str", "int64", *["float64"] * 4, "int64", "Int64"]
    assert len(rows) == 8


def test_the_seven_columns_of_v1_have_no_person() -> None:
    actions = parsers.read_label_map(DATA / "ava_action_list_v2.2.pbtxt")
    rows = parsers.read_ava(DATA / "ava_test_v1.0_head.csv", 7, span=AVA, actions=actions)
    assert len(rows) == 60
    assert rows["person_id"].isna().all()


def test_the_copy_of_v1_with_tabs_and_stripped_zeros_reads_the_same(tmp_path: Path) -> None:
    """Such a copy of the test labels is the one most people hold."""
    original = DATA / "ava_test_v1.0_head.csv"
    lines = [
        "\t".join([cells[0], *(f"{float(cell):g}" for cell in cells[1:])])
        for cells in csv.reader(io.StringIO(original.read_text()))
    ]
    path = write(tmp_path, "\n".join(lines))
    assert parsers.read_ava(path, 7).equals(parsers.read_ava(original, 7))


def test_the_copy_of_v1_with_header_and_status_reads_the_same(tmp_path: Path) -> None:
    """Its eighth column is no person id: the version decides, not the count."""
    original = DATA / "ava_test_v1.0_head.csv"
    header = "video_id,middle_frame_timestamp,x1,y1,x2,y2,action_id,status\n"
    path = write(tmp_path, header + "".join(f"{line},ok\n" for line in original.read_text().splitlines()))
    assert parsers.read_ava(path, 7).equals(parsers.read_ava(original, 7))


@pytest.mark.parametrize(
    "disguise",
    [
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text.replace(b"\n", b"\r"),
        lambda text: text.rstrip(b"\n"),
        lambda text: b"\n  \n" + text.replace(b"\n", b"\n\n") + b"\n\n",
    ],
    ids=["byte-order mark", "CRLF", "CR", "no last line end", "blank lines"],
)
def test_the_same_rows_in_another_dress(disguise: Any, tmp_path: Path) -> None:
    original = DATA / "ava_sample_v2.1.csv"
    path = write(tmp_path, disguise(original.read_bytes()))
    assert parsers.read_ava(path).equals(parsers.read_ava(original))


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        (0, "../x", f"video_id '../x' {NO_ID}"),
        (0, "", f"video_id '' {NO_ID}"),
        (0, "NaN", f"video_id 'NaN' {NO_ID}"),
        (0, "\uff15KQ66BBWC4", f"video_id '\uff15KQ66BBWC4' {NO_ID}"),
        (1, "899", "timestamp '899' is outside the annotated seconds 900 to below 1801"),
        (1, "1801", "timestamp '1801' is outside the annotated seconds 900 to below 1801"),
        (1, "-1", "timestamp '-1' is not a whole number of seconds"),
        (1, "902.5", "timestamp '902.5' is not a whole number of seconds"),
        (1, "", "timestamp '' is not a whole number of seconds"),
        (2, "nan", "x1 'nan' is not between 0 and 1"),
        (3, "inf", "y1 'inf' is not between 0 and 1"),
        (4, "1.001", "x2 '1.001' is not between 0 and 1"),
        (5, "", "y2 '' is not between 0 and 1"),
        (2, "0.5", "x1 '0.5' is greater than x2"),
        (3, "0.9", "y1 '0.9' is greater than y2"),
        (6, "81", "action_id '81' is not in the label map"),
        (6, "x\x1b[2J", "action_id 'x\\x1b[2J' is not in the label map"),
        (7, "1.5", "person_id '1.5' is not a whole number"),
        (7, "", "person_id '' is not a whole number"),
    ],
)  # fmt: skip
def test_a_bad_value_is_named_with_its_line_and_column(column: int, value: str, expected: str, tmp_path: Path) -> None:
    cells = ROW.split(",")
    cells[column] = value
    path = write(tmp_path, f"{ROW}\n\n{','.join(cells)}\n{ROW}\n")
    assert said(path, parsers.read_ava, span=AVA, actions=range(1, 81)) == [f"line 3: {expected}"]


def test_a_link_where_an_id_should_be_gets_advice(tmp_path: Path) -> None:
    path = write(tmp_path, ROW.replace("-5KQ66BBWC4", "https://youtu.be/-5KQ66BBWC4"))
    [problem] = said(path, parsers.read_ava)
    assert problem.endswith("; give only the id, not an address")


def test_every_row_with_another_number_of_columns_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, f"{ROW},9,9\n{ROW}\n-5KQ66BBWC4,0902\n\n{ROW},9,9,9,9,9\n")
    assert [problem.partition(":")[0::2] for problem in said(path, parsers.read_ava)] == [
        ("line 1", f" has 10 columns, expected 8: '{ROW},9,9'"),
        ("line 3", " has 2 columns, expected 8: '-5KQ66BBWC4,0902'"),
        ("line 5", f" has 13 columns, expected 8: '{ROW},9,9,9,9,9'"),
    ]


def test_v1_rows_are_no_v2_rows(tmp_path: Path) -> None:
    path = write(tmp_path, ROW.rpartition(",")[0])
    assert said(path, parsers.read_ava)[0].startswith("line 1: has 7 columns, expected 8")
    assert said(write(tmp_path, ROW), parsers.read_ava, 7)[0].startswith("line 1: has 8 columns, expected 7")


def test_twenty_problems_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    path = write(tmp_path, "".join(f"{ROW}\n{ROW},surplus\n" for _ in range(143)))
    problems = said(path, parsers.read_ava)
    assert [problem.partition(":")[0] for problem in problems[:20]] == [f"line {2 * n}" for n in range(1, 21)]
    assert problems[20:] == ["and 123 more"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"<!DOCTYPE html><html><body>404</body></html>", "looks like an HTML page, not like data; fetch it again"),
        (b"\n <html lang='en'>", "looks like an HTML page, not like data; fetch it again"),
        (f"{ROW}\n".encode() + b"\xff\xfe", "line 2: is not UTF-8 text"),
        (f"{ROW}\n\0".encode(), "line 2: holds a NUL byte"),
        (f'{ROW}\n"-5KQ66BBWC4,0902\n'.encode(), "line 2: has 1 columns, expected 8: '\"-5KQ66BBWC4,0902'"),
        (f'{ROW}\n"-5KQ66\nBBWC4"{ROW[11:]}'.encode(), "line 2: has 1 columns, expected 8: '\"-5KQ66'"),
        (
            f'{ROW}\n{ROW[:-1]}"1\n{ROW}'.encode(),
            f"line 2: a quoted value runs over the end of the line: '{ROW[:-1]}\"1'",
        ),
    ],
    ids=["page", "page after blanks", "other encoding", "NUL", "open quote", "quoted line end", "open last value"],
)
def test_what_is_no_table_at_all(content: bytes, expected: str, tmp_path: Path) -> None:
    assert said(write(tmp_path, content), parsers.read_ava)[0] == expected


def test_a_missing_file(tmp_path: Path) -> None:
    assert said(tmp_path / "none.csv", parsers.read_ava) == ["is missing"]


SHUFFLED = "video_id,timestamp,y1,x1,y2,x2,person_id,action_id"
CELLS = dict(
    zip(("video_id", "timestamp", "x1", "y1", "x2", "y2", "action_id", "person_id"), ROW.split(","), strict=True)
)


@pytest.mark.parametrize(
    "header",
    [
        SHUFFLED,
        "video_id,action_id,timestamp,x1,y1,x2,y2,person_id",
        "person_id,action_id,x1,y1,x2,y2,timestamp,video_id",
        "Video_ID, timestamp, x1, y1, x2, y2, action_id, person_id",
        '"video_id","timestamp","x2","y2","x1","y1","action_id","person_id"',
    ],
)
@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_header_says_where_each_column_is(header: str, separator: str, tmp_path: Path) -> None:
    names = [name.strip(' "').casefold() for name in header.split(",")]
    lines = [header.replace(",", separator), separator.join(CELLS[name] for name in names)]
    found = parsers.read_ava(write(tmp_path, "\n".join(lines)), span=AVA, strict=True)
    assert found.equals(parsers.read_ava(write(tmp_path, ROW)))


def test_columns_are_known_by_other_names_and_unknown_ones_passed_over(tmp_path: Path) -> None:
    header = (
        ",youtube_id,middle_frame_timestamp,entity_box_y1,entity_box_x1,entity_box_y2,entity_box_x2,person_id,label_id,"
    )
    row = "0,-5KQ66BBWC4,0902,0.151,0.077,0.811,0.283,1,80,"
    found = parsers.read_ava(write(tmp_path, f"{header}\n{row}"), strict=True)
    assert found.equals(parsers.read_ava(write(tmp_path, ROW)))


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (SHUFFLED.replace(",x1", ",left"), "no column is called x1 or entity_box_x1"),
        (SHUFFLED.replace("y1", "x1"), "more than one column is called x1 or entity_box_x1"),
        ("film,second,left,top,right,bottom,class,who", "no column is called video_id or youtube_id"),
        ("video_id", "no column is called timestamp or middle_frame_timestamp or frame_timestamp"),
    ],
)
def test_a_header_that_is_not_understood_is_the_only_problem(header: str, why: str, tmp_path: Path) -> None:
    [problem] = said(write(tmp_path, f"\n{header}\n{ROW}\n{ROW},x\n"), parsers.read_ava)
    assert problem.startswith(f"line 2: the header '{header[:50]}")
    assert problem.endswith(f"is not understood: {why}")


def test_a_header_of_v2_is_none_of_v1(tmp_path: Path) -> None:
    assert said(write(tmp_path, f"{SHUFFLED}\n{ROW}"), parsers.read_ava, 7)[0].endswith("this form has no person_id")


def test_every_form_of_ava_is_read_by_its_header(tmp_path: Path) -> None:
    faces = "entity_id,label,entity_box_x1,entity_box_y1,entity_box_x2,entity_box_y2,frame_timestamp,video_id\n"
    [face] = parsers.read_activespeaker(
        write(tmp_path, f"{faces}t:1,NOT_SPEAKING,0.1,0.2,0.3,0.4,902.04,-5KQ66BBWC4\n")
    ).itertuples(index=False, name=None)
    assert face == ("-5KQ66BBWC4", 902.04, 0.1, 0.2, 0.3, 0.4, "NOT_SPEAKING", "t:1")
    [sound] = parsers.read_speech(
        write(tmp_path, "video_id,label,start,end\n-5KQ66BBWC4,NO_SPEECH,900,905.5\n")
    ).itertuples(index=False, name=None)
    assert sound == ("-5KQ66BBWC4", 900, 905.5, "NO_SPEECH")
    seconds = parsers.read_excluded(write(tmp_path, "timestamp,video_id\n0902,-5KQ66BBWC4\n"), span=AVA)
    assert seconds.to_numpy().tolist() == [["-5KQ66BBWC4", 902]]
    assert parsers.read_excluded(write(tmp_path, "video_id,timestamp\n")).empty


@pytest.mark.parametrize(
    "text",
    [
        "video_id,timestamp,y1,x1,y2,x2,action_id\n0wR5jVB-WPk,12.5\n0wR5jVB-WPk,13.5,0.2,0.1,0.4,0.3,80\n",
        "0wR5jVB-WPk,12.5\n0wR5jVB-WPk,13.5,0.1,0.2,0.3,0.4,80\n",
    ],
)
def test_key_frames_with_nobody_are_read_with_and_without_a_header(text: str, tmp_path: Path) -> None:
    nobody, somebody = parsers.read_ava_kinetics(write(tmp_path, text), 7, strict=True).to_dict("records")
    assert (nobody["timestamp"], nobody["x1"] == nobody["x1"]) == (12.5, False)
    assert [somebody[name] for name in ("timestamp", "x1", "y1", "x2", "y2", "action_id")] == [
        13.5,
        0.1,
        0.2,
        0.3,
        0.4,
        80,
    ]


def test_a_header_of_two_columns_is_of_key_frames_with_nobody(tmp_path: Path) -> None:
    found = parsers.read_ava_kinetics(write(tmp_path, "timestamp,video_id\n902,0wR5jVB-WPk\n"))
    assert found[["video_id", "timestamp"]].to_numpy().tolist() == [["0wR5jVB-WPk", 902]]
    assert found["x1"].isna().all()


# --- all problems at once ---


def test_a_line_that_is_no_row_hides_no_other_problem(tmp_path: Path) -> None:
    bad = ROW.replace("0902", "0899")
    path = write(tmp_path, f'{ROW}\n{bad}\n{ROW},9\n"{ROW}\n{ROW}\n{bad[:-1]}"1\n')
    assert said(path, parsers.read_ava, span=AVA, strict=True) == [
        "line 2: timestamp '0899' is outside the annotated seconds 900 to below 1801",
        f"line 3: has 9 columns, expected 8: '{ROW},9'",
        f"line 4: has 1 columns, expected 8: '\"{ROW}'",
        "line 5: video_id '-5KQ66BBWC4' repeats the row in line 1",
        f"line 6: a quoted value runs over the end of the line: '{bad[:-1]}\"1'",
    ]


def test_classes_that_would_share_a_folder_hide_no_other_problem(tmp_path: Path) -> None:
    rows = "a b,-5KQ66BBWC4,1,5,val\nA b,-5KQ66BBWC5,2,5,val\na_b,-5KQ66BBWC6,9,5,val\nc,-5KQ66BBWC7,2\n"
    assert said(write(tmp_path, f"{KINETICS}\n{rows}"), parsers.read_kinetics) == [
        "line 3: label 'A b' would share one folder with 'a b' in line 2",
        "line 4: end '5' is not after the start",
        "line 4: label 'a_b' would share one folder with 'a b' in line 2",
        "line 5: has 3 columns, expected 5: 'c,-5KQ66BBWC7,2'",
    ]


# --- rows against each other ---


def test_a_person_in_two_boxes_is_found_wherever_the_rows_stand(tmp_path: Path) -> None:
    other = ROW.replace("0.077", "0.078")
    rows = [ROW, ROW.replace(",80,", ",12,"), other.replace(",80,", ",9,"), ROW.replace("0902", "0903"), other]
    assert said(write(tmp_path, "\n".join(rows)), parsers.read_ava, strict=True) == [
        f"line {line}: person_id '1' contradicts an earlier row: this person has two boxes in this second"
        for line in (3,)
    ]


def test_signs_of_zero_make_no_other_row(tmp_path: Path) -> None:
    rows = ROW.replace("0.077", "0.0") + "\n" + ROW.replace("0.077", "-0.0")
    assert said(write(tmp_path, rows), parsers.read_ava, strict=True) == [
        "line 2: video_id '-5KQ66BBWC4' repeats the row in line 1"
    ]


ids = st.text(string.ascii_letters + string.digits + "-_", min_size=11, max_size=11)
thousandths = st.integers(0, 1000)


@st.composite
def ava_rows(draw: st.DrawFn) -> tuple[str, int, float, float, float, float, int, int]:
    x1, x2 = sorted((draw(thousandths), draw(thousandths)))
    y1, y2 = sorted((draw(thousandths), draw(thousandths)))
    box = (x1 / 1000, y1 / 1000, x2 / 1000, y2 / 1000)
    return (draw(ids), draw(st.integers(900, 1800)), *box, draw(st.integers(1, 80)), draw(st.integers(0, 500)))


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(ava_rows(), min_size=1, max_size=20))
def test_rows_come_back_as_they_were_written(
    rows: list[tuple[Any, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = "".join(f"{r[0]},{r[1]:04d},{r[2]:.3f},{r[3]:.3f},{r[4]:.3f},{r[5]:.3f},{r[6]},{r[7]}\n" for r in rows)
    path = write(tmp_path_factory.mktemp("ava"), text)
    found = parsers.read_ava(path, span=AVA, actions=range(1, 81))
    assert list(found.itertuples(index=False, name=None)) == rows


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=300) | st.text("0123456789.,-\t\r\n\"'abcKQ_ ", max_size=200).map(str.encode))
@pytest.mark.parametrize(
    "reader",
    [
        parsers.read_ava, parsers.read_excluded, parsers.read_included, parsers.read_kinetics,
        parsers.read_label_map, parsers.read_file_names, parsers.read_ids,
    ],
)  # fmt: skip
def test_any_bytes_are_read_or_refused(reader: Any, content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No reader ever ends in anything but a table or a sentence."""
    path = write(tmp_path_factory.mktemp("any"), content)
    problems: tuple[str, ...] = ()
    try:
        reader(path)
    except DataInvalid as error:
        problems = error.args
    assert all(problem.startswith(str(path)) for problem in problems)


# --- the lists beside the labels ---


def test_excluded_and_included_timestamps(tmp_path: Path) -> None:
    rows = parsers.read_excluded(DATA / "ava_val_excluded_timestamps_v2.2.csv", span=AVA)
    assert (len(rows), rows["video_id"].nunique()) == (37, 7)
    assert rows.iloc[0].tolist() == ["5BDj0ow5hnA", 1038]
    assert parsers.read_included(DATA / "ava_included_timestamps_v2.2.txt") == list(range(902, 1799))
    assert parsers.read_excluded(write(tmp_path, "")).empty


def test_bad_lists_are_refused(tmp_path: Path) -> None:
    assert said(write(tmp_path, "0902\n0903.5\n²\n"), parsers.read_included) == [
        "line 2: timestamp '0903.5' is not a whole number of seconds",
        "line 3: timestamp '²' is not a whole number of seconds",
    ]
    assert said(write(tmp_path, "5BDj0ow5hnA,1\n"), parsers.read_excluded, span=AVA) == [
        "line 1: timestamp '1' is outside the annotated seconds 900 to below 1801"
    ]
    assert said(write(tmp_path, "5BDj0ow5hnA\nx\n"), parsers.read_ids) == [f"line 2: video_id 'x' {NO_ID}"]


def test_video_ids() -> None:
    found = parsers.read_ids(DATA / "ava_test_v2.2.txt")
    assert len(found) == 131
    assert "--205wugM18" in found
    assert all(isinstance(video_id, VideoId) for video_id in found)


def test_file_names() -> None:
    names = parsers.read_file_names(DATA / "ava_file_names_trainval_v2.1.txt")
    assert len(names) == 299
    assert names[VideoId("-5KQ66BBWC4")] == "-5KQ66BBWC4.mkv"


def test_bad_file_names_are_refused(tmp_path: Path) -> None:
    text = "-5KQ66BBWC4.mkv\n../../etc/passwd\n-5KQ66BBWC4.exe\n-5KQ66BBWC4.mp4\n"
    assert [problem[:40] for problem in said(write(tmp_path, text), parsers.read_file_names)] == [
        "line 2: '../../etc/passwd' is not '<vide",
        "line 3: extension 'exe' is none of mp4, ",
        "line 4: video_id '-5KQ66BBWC4' has two f",
    ]


def test_label_maps_in_their_three_forms() -> None:
    full = parsers.read_label_map(DATA / "ava_action_list_v2.2.pbtxt")
    evaluated = parsers.read_label_map(DATA / "ava_action_list_v2.2_for_activitynet_2019.pbtxt")
    table = parsers.read_label_map(DATA / "ava_action_list_v2.0.csv")
    assert list(full) == list(table) == list(range(1, 81))
    assert full[1] == evaluated[1] == "bend/bow (at the waist)"
    assert len(evaluated) == 60
    assert set(evaluated) < set(full)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "holds no label; expected entries such as 'label { name: \"…\" label_id: 1 }'"),
        ('label { name: "a" label_id: 1 }\nitem { name: "b" id: 1 }', "line 2: id 1 appears twice"),
        ('item { name: "a" }', "line 1: entry without a name or an id"),
        ('item { name: "a" id: 1 }\n\nitem { name: "b"', "line 3: 'item { name: \"b\"' belongs to no complete entry"),
        ('item { name: "a" id: 0 }', "line 1: id 0 is none: ids begin with 1"),
        ('item { name: "a" id: 1 }\nitem { name: "A" id: 2 }', "line 2: name 'A' is that of id 1, too"),
        ("label_id,label_name\nx,y", "line 2: 'x,y' is not '<label_id>,<label_name>,…'"),
    ],
)
def test_bad_label_maps_are_refused(text: str, expected: str, tmp_path: Path) -> None:
    assert said(write(tmp_path, text), parsers.read_label_map) == [expected]


# --- Kinetics ---


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("kinetics-400_val_head.csv", ["abseiling", "0wR5jVB-WPk", 417, 427, "val"]),
        ("kinetics-400_train_quoted_head.csv", ["abseiling", "mJtln6FZ9-g", 213, 223, "train"]),
        ("kinetics-400_test_head.csv", ["", "--6bJUbfpnQ", 17, 27, "test"]),
        ("kinetics-400_validate_refreshed_head.csv", ["javelin throw", "--07WQ2iBlw", 1, 11, "val"]),
    ],
)
def test_columns_are_found_by_name(name: str, first: list[Any]) -> None:
    rows = parsers.read_kinetics(DATA / name)
    assert list(rows.columns) == ["label", "video_id", "start", "end", "split"]
    assert rows.iloc[0].tolist() == first
    assert len(rows) == 30
    assert rows["start"].dtype == "int64"


def test_fractions_of_seconds_stay(tmp_path: Path) -> None:
    rows = parsers.read_kinetics(write(tmp_path, f"{KINETICS}\na,-5KQ66BBWC4,1.5,11.25,val"))
    assert rows[["start", "end"]].to_numpy().tolist() == [[1.5, 11.25]]


def test_a_row_given_twice_counts_once(tmp_path: Path) -> None:
    row = "a,-5KQ66BBWC4,1,11,val\n"
    assert len(parsers.read_kinetics(write(tmp_path, f"{KINETICS}\n{row}{row}"))) == 1


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("a,-5KQ66BBWC4,1,9,val\nb,-5KQ66BBWC4,1,9,val",
         ["line 3: video_id '-5KQ66BBWC4' is of a clip that has two labels"]),
        ("a,-5KQ66BBWC4,5,5,val", ["line 2: end '5' is not after the start"]),
        ("a,-5KQ66BBWC4,-1,5,val", ["line 2: start '-1' is not a number of seconds from 0"]),
        ("a,-5KQ66BBWC4,,5,val", ["line 2: start '' is not a number of seconds from 0"]),
        ("a,-5KQ66BBWC4,nan,5,val", ["line 2: start 'nan' is not a number of seconds from 0"]),
        ("a,-5KQ66BBWC4,1,5,vla", ["line 2: split 'vla' is none of train, val, validate, test"]),
        ("a/b,-5KQ66BBWC4,1,5,val", ["line 2: label 'a/b' can't be the name of a class"]),
        ("..,-5KQ66BBWC4,1,5,val", ["line 2: label '..' can't be the name of a class"]),
        ("a b,-5KQ66BBWC4,1,5,val\nA_B,-5KQ66BBWC4,2,5,val",
         ["line 3: label 'A_B' would share one folder with 'a b' in line 2"]),
        ("x,y,z,w", ["line 2: has 4 columns, expected 5: 'x,y,z,w'"]),
    ],
)  # fmt: skip
def test_bad_clips_are_refused(rows: str, expected: list[str], tmp_path: Path) -> None:
    assert said(write(tmp_path, f"{KINETICS}\n{rows}\n"), parsers.read_kinetics) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "line 1: no column 'youtube_id' in the header ''"),
        ("label,youtube_id,time_start\n", "line 1: no column 'time_end' in the header 'label,youtube_id,time_start'"),
        (f"\n\n{KINETICS},label\n", f"line 3: a column appears twice in the header '{KINETICS},label'"),
    ],
)
def test_bad_headers_are_refused(text: str, expected: str, tmp_path: Path) -> None:
    assert said(write(tmp_path, text), parsers.read_kinetics) == [expected]


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.text(string.ascii_lowercase + " ',()\"", min_size=1, max_size=12),
            ids,
            st.integers(0, 20000),
            st.integers(1, 10),
            st.sampled_from(["train", "val", "validate", "test"]),
        ),
        min_size=1,
        max_size=10,
        unique_by=(lambda row: row[0].replace("_", " "), lambda row: row[1]),
    )
)
def test_clips_come_back_as_they_were_written(
    rows: list[tuple[Any, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(KINETICS.split(","))
    writer.writerows((label, key, start, start + length, split) for label, key, start, length, split in rows)
    found = parsers.read_kinetics(write(tmp_path_factory.mktemp("kinetics"), out.getvalue()))
    assert list(found.itertuples(index=False, name=None)) == [
        (label, key, start, start + length, "val" if split == "validate" else split)
        for label, key, start, length, split in rows
    ]
