"""Manifests as views of the journal: each read by the program that others would read it with."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow.parquet as pq
import pytest

from avakit import manifest
from avakit.cli import run
from avakit.errors import DataInvalid
from avakit.journal import merge
from avakit.layout import MANIFEST, PARQUET, ROOT, SHA256SUMS
from avakit.manifest import items, table
from tests import roots

needs_sha256sum = pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum on this machine")


def read_lines(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / MANIFEST).read_text().splitlines()]


@needs_sha256sum
def test_sha256sum_checks_root_and_list_and_frames(tmp_path: Path) -> None:
    seal = manifest.write(tmp_path, roots.build(tmp_path))
    lists = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.sha256") if "-dashed" in path.name]
    command = ["sha256sum", "-c", "--strict", "--quiet"]
    subprocess.run([*command, ROOT, SHA256SUMS, *lists], cwd=tmp_path, check=True)
    assert (tmp_path / ROOT).read_text() == f"{seal.sha256}  {SHA256SUMS}\n"
    assert seal.entries == (tmp_path / SHA256SUMS).read_text().count("\n") == 11
    with (tmp_path / SHA256SUMS).open("a") as stream:
        stream.write("#\n")
    assert subprocess.run([*command, ROOT], cwd=tmp_path, check=False, capture_output=True).returncode == 1


def test_two_roots_made_at_other_times_and_in_another_order_have_one_root(tmp_path: Path) -> None:
    states = [roots.build(tmp_path / "a"), roots.build(tmp_path / "b", second=30, reverse=True)]
    assert manifest.root(states[0]) == manifest.root(states[1]) == manifest.write(tmp_path / "a", states[0]).sha256


def test_the_root_changes_with_a_path_and_with_a_digest(tmp_path: Path) -> None:
    state = roots.build(tmp_path)
    (first, *_) = state.present.values()
    others = {
        manifest.root(merge([record if record != first else type(first)(**{**vars(first), **change})
                             for record in state.present.values()]))
        for change in ({}, {"sha256": "1" * 64}, {"path": "annotations/other.csv"})
    }  # fmt: skip
    assert len(others) == 3


def test_the_lines_are_canonical_sorted_and_the_same_each_time(tmp_path: Path) -> None:
    state = roots.build(tmp_path)
    manifest.write(tmp_path, state)
    text = (tmp_path / MANIFEST).read_bytes()
    manifest.write(tmp_path, state)
    assert (tmp_path / MANIFEST).read_bytes() == text
    again = [
        json.dumps(each, sort_keys=True, ensure_ascii=False, separators=(",", ":")) for each in read_lines(tmp_path)
    ]
    assert text.decode() == "\n".join(again) + "\n"
    paths = [record.get("path", record["key"]).encode() for record in read_lines(tmp_path)[1:]]
    assert paths == sorted(paths)


def test_every_line_is_as_the_schema_says_and_nothing_else_is(tmp_path: Path) -> None:
    manifest.write(tmp_path, roots.build(tmp_path))
    schema = json.loads(items.schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    header, *records = read_lines(tmp_path)
    assert [list(validator.iter_errors(line)) for line in (header, *records)] == [[]] * 9
    wrong = [
        header | {"schema": 2}, header | {"root": "0"}, {k: v for k, v in header.items() if k != "records"},
        records[0] | {"path": "/etc/passwd"}, records[0] | {"sha256": "x"}, records[0] | {"more": 1},
        records[0] | {"status": "lost"}, records[0] | {"files": {}}, records[0] | {"checks": {"decode": "deep"}},
        records[0] | {"bytes": -1}, {k: v for k, v in records[0].items() if k != "kind"},
    ]  # fmt: skip
    assert all(list(validator.iter_errors(line)) for line in wrong)


def test_a_record_tells_where_a_thing_comes_from(tmp_path: Path) -> None:
    manifest.write(tmp_path, roots.build(tmp_path))
    header, *records = read_lines(tmp_path)
    by_key = {record["key"]: record for record in records}
    assert header["commands"] == {roots.COMMAND: {"arguments": ["prepare", "--jobs", "1"], "avakit": "0.1.0"}}
    assert header["records"] == len(records) == 8
    video = by_key["k/videos/-dashed_id1"]
    assert video["source"]["etag"] == '"1"'
    assert (video["seconds"], video["checks"], video["command"]) == (120.0, {"decode": "demux"}, roots.COMMAND)
    assert by_key["k/windows/-dashed_id1"]["seconds"] == 901.0
    assert "times" not in by_key["k/windows/-dashed_id1"]["facts"]
    clip = by_key["kinetics-400/val/playing_it_(well)/-dashed_id1_000010_000020"]
    assert (clip["split"], clip["seconds"], clip["id"]) == ("val", 10.0, "-dashed_id1")
    gap = by_key[roots.GONE]
    assert (gap["status"], gap["reason"], gap["attempts"]) == ("unavailable", "removed", 2)
    assert gap["first_seen"] < gap["last_seen"]
    assert "path" not in gap


def test_the_files_of_all_records_are_the_lines_of_sha256sums(tmp_path: Path) -> None:
    manifest.write(tmp_path, roots.build(tmp_path))
    digests = {k: v for record in read_lines(tmp_path)[1:] for k, v in record.get("files", {}).items()}
    rows = (tmp_path / SHA256SUMS).read_text().splitlines()
    assert {row[66:]: row[:64] for row in rows} == digests


def replace(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: "\n".join(text.split("\n")[:-3]) + "\n", "has 6 records, its first line says 8"),
        (lambda text: text[:-40], "its end is missing"),
        (lambda text: text.partition("\n")[2], "not the first line of a manifest"),
        (replace('"schema":1', '"schema":7'), r"newer avakit \(manifest schema 7\)"),
        (replace('"path":"k', '"path":"k'), ""),
        (replace('.mp4":"', '.mp4":"f'), "its records give root"),
        (replace('{"bytes"', '{"bytes'), "line 2: is not JSON"),
        (lambda _: "", "line 1: is not JSON"),
    ],
)
def test_a_manifest_that_was_cut_or_edited_is_noticed(
    tmp_path: Path, change: Callable[[str], str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest.write(tmp_path, roots.build(tmp_path))
    path = tmp_path / "copy.jsonl"
    path.write_text(change((tmp_path / MANIFEST).read_text()))
    if not told:
        assert len(manifest.read(path)[1]) == 8
        return
    with pytest.raises(DataInvalid, match=told):
        manifest.read(path)
    assert run(["manifest", "--check", str(path)]) == 65
    assert capsys.readouterr().err.startswith(f"avakit: {path}")


def test_an_empty_manifest_is_never_written(tmp_path: Path) -> None:
    assert manifest.seal(merge([])) is None
    with pytest.raises(DataInvalid, match="nothing is recorded here yet"):
        manifest.write(tmp_path, merge([]))
    assert list(tmp_path.iterdir()) == []


def test_parquet_has_typed_columns_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    records = items.records(roots.build(tmp_path))
    table.write(tmp_path, records)
    data = (tmp_path / PARQUET).read_bytes()
    table.write(tmp_path, records)
    assert (tmp_path / PARQUET).read_bytes() == data
    frame = pq.read_table(tmp_path / PARQUET).to_pandas().set_index("key")
    assert list(frame.columns) == [name for name in table.COLUMNS if name != "key"]
    assert str(frame["time"].dtype).endswith("UTC]")
    assert frame.loc[roots.FOLDER, "frames"] == 3
    assert json.loads(str(frame.loc[roots.FOLDER, "recipe"])) == {"rate": "30", "quality": 87}
    assert frame.loc["k/videos/-dashed_id1", "width"] == 64
    assert frame.loc[roots.GONE, "attempts"] == 2


def test_without_pyarrow_one_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    roots.build(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert run(["manifest", "--root", str(tmp_path), "--parquet"]) == 69
    assert "pip install 'avakit[parquet]'" in capsys.readouterr().err


def test_the_verb_names_every_path_and_prints_the_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = roots.build(tmp_path)
    assert run(["manifest", "--root", str(tmp_path), "--croissant", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["root_sha256"] == manifest.root(state)
    assert set(told["paths"]) == {"sha256sums", "root", "jsonl", "parquet", "croissant"}
    assert all((tmp_path / path).is_file() for path in told["paths"].values())
    assert run(["manifest", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$id"] == f"urn:avakit:manifest:{items.SCHEMA}"
    assert run(["manifest", "--root", str(tmp_path), "--copy"]) == 2


def test_croissant_is_read_by_mlcroissant(tmp_path: Path) -> None:
    pytest.importorskip("mlcroissant", reason="pip install 'avakit[croissant-check]'")
    roots.build(tmp_path)
    assert run(["manifest", "--root", str(tmp_path), "--croissant"]) == 0
    script = (
        "import json, sys, mlcroissant as mlc\n"
        "dataset = mlc.Dataset(jsonld=sys.argv[1])\n"
        "rows = {row['items/key'].decode(): row for row in dataset.records('items')}\n"
        "sets = [each.includes[0] for each in dataset.metadata.file_sets]\n"
        "errors = list(dataset.metadata.ctx.issues.errors)\n"
        f"print(json.dumps([len(rows), dataset.metadata.name, sets, errors, rows[{roots.FOLDER!r}]['items/frames']]))"
    )
    # In a process of its own: its libraries warn, and warnings are errors here.
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "croissant.json")], capture_output=True, text=True, check=True
    )
    count, name, sets, errors, frames = json.loads(ran.stdout.splitlines()[-1])
    assert (count, name, errors, frames) == (8, roots.DATASET, [], 3)
    assert {"k/videos/*.mp4", "k/rawframes/*.tar", "k/rawframes/*.jpg", "kinetics-400/val/*.mp4"} <= set(sets)
