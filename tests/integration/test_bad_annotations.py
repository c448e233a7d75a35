"""Annotations that can't be had, or can't be read as they are: what the verbs say and do."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from avakit import cli

DATA = Path(__file__).parents[1] / "data" / "annotations"

NO_ID = "\"video_id '{}' is not a video id (11 characters from A-Z, a-z, 0-9, '_' and '-')\""


def run(capsys: pytest.CaptureFixture[str], *words: str, expect: int = 0) -> Any:
    """Run avakit in this process; return what it printed."""
    code = cli.run(words)
    printed = capsys.readouterr()
    assert code == expect, printed
    return printed


def test_what_is_published_nowhere_is_said_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is left of it can be fetched, and the labels are a gap; every other verb ends with the sentence."""
    shutil.copy(DATA / "ava_action_list_v2.0.csv", tmp_path)
    where = ("--dataset", "ava-v2.0", "--root", str(tmp_path / "data"))
    fetched = run(capsys, "fetch", *where, "--from", str(tmp_path), expect=3)
    assert "labels of ava-v2.0" in fetched.out
    assert (tmp_path / "data/annotations/ava-v2.0/ava_action_list_v2.0.csv").is_file()
    for verb in ("plan", "prepare", "status", "check"):
        said = "".join(run(capsys, verb, *where, expect=3))
        assert "ava-v2.0: the annotations of AVA v2.0 are published nowhere any more" in said


def test_bad_rows_are_left_out_where_that_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "data/annotations/kinetics-400"
    folder.mkdir(parents=True)
    rows = "label,youtube_id,time_start,time_end,split\nyoga,0wR5jVB-WPk,1,11,val\nyoga,3caPS4FHFF8,11,1,val\n"
    (folder / "validate.csv").write_text(rows)
    where = ("--dataset", "kinetics-400", "--split", "val", "--root", str(tmp_path / "data"))
    assert "line 3: end '1' is not after the start" in run(capsys, "plan", *where, expect=65).err
    done = run(capsys, "plan", *where, "--skip-bad-rows")
    rejects = tmp_path / "data/.avakit/rejects/kinetics-400/validate.csv.rejects.csv"
    assert f"1 bad row left out; see {rejects}" in done.err
    assert "2 things to make" in done.out
    assert rejects.read_text() == ("line,problem,row\n3,end '1' is not after the start,\"yoga,3caPS4FHFF8,11,1,val\"\n")


def test_what_is_there_is_checked_and_what_is_not_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a pipe, tables are as wide as their rows: no name is folded and no number cut."""
    folder = tmp_path / "data/annotations/ava-v2.2"
    folder.mkdir(parents=True)
    shutil.copy(DATA / "ava_action_list_v2.2.pbtxt", folder)
    row = "-5KQ66BBWC4,0902,0.077,0.151,0.283,0.811,80,1\n"
    (folder / "ava_val_v2.2.csv").write_text(row)
    checked = run(capsys, "check", "--split", "val", "--root", str(tmp_path / "data"), expect=65)
    assert f"{folder}/ava_file_names_trainval_v2.1.txt: is missing" in checked.err
    assert ["ava_val_v2.2.csv", "ava8", *"11111"] in [line.split() for line in checked.out.splitlines()]


def test_check_and_other_verbs_keep_their_rejects_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` is stricter: what it leaves out is more than what `stats` does."""
    folder = tmp_path / "data/annotations/kinetics-400"
    folder.mkdir(parents=True)
    row = "yoga,0wR5jVB-WPk,1,11,val\n"
    text = f"label,youtube_id,time_start,time_end,split\n{row}{row}yoga,3caPS4FHFF8,11,1,val\n"
    (folder / "validate.csv").write_text(text)
    where = ("--dataset", "kinetics-400", "--split", "val", "--root", str(tmp_path / "data"), "--skip-bad-rows")
    run(capsys, "check", *where)
    run(capsys, "stats", *where)
    rejects = tmp_path / "data/.avakit/rejects/kinetics-400"
    assert (rejects / "check/validate.csv.rejects.csv").read_text().count("\n") == 3
    assert (rejects / "validate.csv.rejects.csv").read_text().count("\n") == 2


def test_rejects_of_two_files_of_one_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "ids.txt").write_text(f"0wR5jVB-WPk\n{folder}\n")
    run(capsys, "check", "a/ids.txt", "b/ids.txt", "--form", "id_list", "--skip-bad-rows")
    assert (tmp_path / "ids.txt.rejects.csv").read_text().endswith("\n2," + NO_ID.format("a") + ",a\n")
    assert (tmp_path / "ids.txt.2.rejects.csv").read_text().endswith("\n2," + NO_ID.format("b") + ",b\n")
