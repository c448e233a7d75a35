"""The check that finds whatever writes on its own finds it."""

import ast
import runpy
from pathlib import Path

import pytest

CHECK = runpy.run_path(str(Path(__file__).parents[2] / "scripts/check_writers.py"))


@pytest.mark.parametrize("code", [
    "path.write_text('a')", "path.write_bytes(data)", "open(path, 'w')", "path.open('ab')", "path.open(mode='r+b')",
    "path.open(mode)", "path.rename(target)", "path.replace(target)", "os.replace(a, b)", "os.link(a, b)",
    "os.open(path, flags)", "shutil.move(a, b)", "shutil.copyfile(a, b)", "path.touch()", "path.symlink_to(other)",
    "path.hardlink_to(other)", "av.open(name, 'w', format=form)", "tempfile.mkstemp()", "tarfile.open(path, mode='w')",
])  # fmt: skip
def test_what_writes_is_found(code: str) -> None:
    assert list(CHECK["writes"](ast.parse(f"def f():\n    {code}")))


@pytest.mark.parametrize("code", [
    "path.read_text()", "open(path)", "path.open('rb')", "text.replace('a', 'b')", "rows.rename(columns=names)",
    "rows.rename('labels')", "groups.size().rename(what)", "column.replace({'a': 'b'})", "moment.replace(tzinfo=UTC)",
    "tarfile.open(archive, 'r:*')", "av.open(name, 'r')", "os.read(descriptor, 1)", "shutil.which('ffmpeg')",
])  # fmt: skip
def test_what_reads_is_not(code: str) -> None:
    assert not list(CHECK["writes"](ast.parse(code)))
