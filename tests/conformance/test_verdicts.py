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
