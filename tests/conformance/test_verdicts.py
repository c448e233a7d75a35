"""Every file of the folder `annotations`, through the command line alone: exit code and messages."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from avakit.cli import run

FOLDER = Path(__file__).parent / "annotations"
VERDICTS: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "verdicts.yaml").read_text(encoding="utf-8"))


def check(name: str, folder: Path, *words: str) -> int:
    actions = ["--label-map", str(FOLDER / "label_map_80.pbtxt")]
    form = VERDICTS[name]["form"]
    return run(["check", str(FOLDER / name), "--form", form, *actions, "--root", str(folder), "--json", *words])


def counts(printed: str) -> dict[str, Any]:
    return next(fields for fields in map(json.loads, printed.splitlines()) if fields["type"] == "file")


def test_every_file_has_a_verdict() -> None:
    files = {path.name for path in FOLDER.iterdir()} - {"README.md", "verdicts.yaml"}
    assert files == set(VERDICTS)


@pytest.mark.parametrize("name", [name for name, verdict in VERDICTS.items() if "says" not in verdict])
def test_a_good_file_is_counted(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(name, tmp_path) == 0
    found = counts(capsys.readouterr().out)
    expected = {key: value for key, value in VERDICTS[name].items() if key != "form"}
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize("name", [name for name, verdict in VERDICTS.items() if "says" in verdict])
def test_a_bad_file_is_refused_with_its_reasons(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(name, tmp_path) == 65
    said = capsys.readouterr().err
    assert "Traceback" not in said
    for sentence in VERDICTS[name]["says"]:
        assert f"{FOLDER / name}, {sentence}" in said or f"{FOLDER / name}: {sentence}" in said


@pytest.mark.parametrize("name", [name for name, verdict in VERDICTS.items() if "says" in verdict])
def test_problems_come_in_parts_too(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Machines get file, line, column and value of what a sentence names, and a summary last."""
    check(name, tmp_path)
    *lines, summary = map(json.loads, capsys.readouterr().out.splitlines())
    problems = [fields for fields in lines if fields["type"] == "problem"]
    assert summary == {
        "type": "summary", "verb": "check", "files": 1, "problems": summary["problems"], "exit_code": 65
    }  # fmt: skip
    assert summary["problems"] >= len(problems)
    for each in problems:
        assert each["file"] == str(FOLDER / name)
        assert (f", line {each['line']}" in each["text"]) == (each["line"] is not None)
        if each["column"] is not None:
            assert f": {each['column']} {each['value']!r}" in each["text"]


def test_a_value_has_a_column_and_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check("ava8_unknown_action.csv", tmp_path)
    problem, summary = map(json.loads, capsys.readouterr().out.splitlines()[1:])
    assert {key: problem[key] for key in ("line", "column", "value")} == {
        "line": 1, "column": "action_id", "value": "81"
    }  # fmt: skip
    assert summary["problems"] == 1


def test_the_last_line_names_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", "--form", "ava8", "--root", str(tmp_path)]
    assert run([*words, str(FOLDER / "ava8_many_bad_rows.csv")]) == 65
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == "avakit check: 1 file, 25 problems -> exit 65"
    assert printed.err.startswith("avakit: ")
    assert run([*words, str(FOLDER / "ava8_sample.csv")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "avakit check: 1 file, no problem -> exit 0"


@pytest.mark.parametrize("name", [name for name, verdict in VERDICTS.items() if "leaves" in verdict])
def test_bad_rows_can_be_left_out(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are written into the current folder. A file of which nothing is left is refused."""
    monkeypatch.chdir(tmp_path)
    leaves = VERDICTS[name]["leaves"]
    assert check(name, tmp_path / "root", "--skip-bad-rows") == (0 if leaves else 65)
    printed = capsys.readouterr()
    if leaves:
        assert counts(printed.out)["rows"] == leaves
    else:
        assert f"{FOLDER / name}: holds no row: all of its" in printed.err
    rejects = tmp_path / f"{name}.rejects.csv"
    assert f"left out; see {rejects}" in printed.err
    assert [path.name for path in tmp_path.iterdir()] == [rejects.name]
    assert rejects.read_text().startswith("line,problem,row\n")
