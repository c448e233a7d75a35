"""`avakit check`: annotation files, row by row and against each other."""

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avakit.cli import annotations, options, setup
from avakit.cli.display import print_json, print_table, readable_count
from avakit.cli.settings import Verb
from avakit.errors import DataInvalid, ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from avakit.check import Checked
    from avakit.datasets.catalogue import AnnotationFile
    from avakit.published import Compared

#: What stands behind the path in the sentence about a problem.
_PROBLEM = re.compile(
    r"""(?:,\ line\ (?P<line>[0-9]+))?(?:,\ column\ [0-9]+)?:\ (?:(?P<column>[a-z_0-9]+)\ """
    r"""(?P<value>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))?""",
    re.VERBOSE,
)
_MORE = re.compile(r"\band ([0-9]+) more\b")
_COUNTS = ("rows", "videos", "clips", "key_frames", "persons", "classes")
#: What `--form` takes: the forms of labels, and the roles of small lists.
_FORMS = (
    "ava7", "ava8", "ava_kinetics", "ava_kinetics_clips", "activespeaker", "speech", "kinetics", "kinetics_json",
    "excluded_timestamps", "included_timestamps", "label_map", "file_names", "id_list",
)  # fmt: skip


@click.command("check", cls=Verb)
@click.argument("paths", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path), is_eager=True)
@options.dataset
@options.option("--split", "splits", type=options.SPLITS, multiple=True, help="train, val, test  [default: all]")
@options.option("--form", type=click.Choice(_FORMS), help="The form of PATHS, files that belong to no dataset.")
@options.option(
    "--label-map", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The actions that PATHS may name."
)
@options.skip_bad_rows
@options.as_json
def command(**given: Any) -> int:
    """Check annotation files: every row, rows against each other, split against split.

    Without PATHS, the fetched files of a dataset; what is counted stands beside what was published. Files of your
    own need --form. Any problem is named with file, line, column and value, and makes the exit code 65.
    """
    from avakit import check, published

    chosen = setup.choose(given)
    compared: list[Compared] = []
    problems: list[str] = []
    notes: list[str] = []
    if given["paths"]:
        checked = _check_paths(given, chosen)
    else:
        if chosen.dataset.unpublished or not any(
            (chosen.annotations / file.name).is_file() for file in chosen.dataset.files
        ):
            annotations.require_annotations(chosen)
        checked = check.check(chosen.dataset, chosen.annotations, chosen.splits)
        compared = published.compare(chosen.dataset, checked)
        problems, notes = check.across(chosen.dataset, checked, chosen.annotations)
        notes = [*published.notes(chosen.dataset, checked), *notes]
    problems = [*(text for each in checked for text in each.problems), *problems]
    if given["as_json"]:
        _print(checked, compared, notes, problems)
    else:
        _show(checked, compared, notes)
    return _close(len(checked), problems, as_json=given["as_json"])


def _close(files: int, problems: "Sequence[str]", *, as_json: bool) -> ExitCode:
    """Say how it ends: every problem, and the line or object that names the exit code."""
    code = ExitCode.DATA if problems else ExitCode.OK
    if problems:
        click.echo(f"avakit: {DataInvalid(*problems)}", err=True)
    count = sum(int(match[1]) if (match := _MORE.search(problem)) else 1 for problem in problems)
    if as_json:
        print_json("summary", {"verb": "check", "files": files, "problems": count, "exit_code": int(code)})
    else:
        words = [readable_count(files), "file" if files == 1 else "files"]
        found = f"{readable_count(count) if count else 'no'} problem{'s' * (count > 1)}"
        click.echo(f"avakit check: {' '.join(words)}, {found} -> exit {int(code)}")
    return code


def _check_paths(given: dict[str, Any], chosen: setup.Chosen) -> "list[Checked]":
    from avakit import check
    from avakit.datasets import parsers

    if not given["form"]:
        raise click.UsageError("files of your own need --form: what a file is, its name does not tell")
    actions = parsers.read_label_map(given["label_map"]) if given["label_map"] else {}
    return [check.check_file(chosen.dataset, path, _entry(path, given, chosen), actions) for path in given["paths"]]


def _entry(path: Path, given: dict[str, Any], chosen: setup.Chosen) -> "AnnotationFile":
    from avakit.datasets.catalogue import AnnotationFile, Form, Role
    from avakit.model import Split

    is_form = given["form"] in set(Form)
    # A file of one's own may be of any split, unless it is said of which.
    splits = chosen.splits if given["splits"] else tuple(Split)
    return AnnotationFile.model_construct(
        name=path.name, role=Role.LABELS if is_form else Role(given["form"]), splits=splits,
        form=Form(given["form"]) if is_form else None, urls=(), required=True,
    )  # fmt: skip


def _show(checked: "Sequence[Checked]", compared: "Sequence[Compared]", notes: "Sequence[str]") -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    names = [name for name in _COUNTS if any(name in each.counts for each in checked)]
    table.add_column("file", overflow="fold")
    table.add_column("form", overflow="fold")
    for name in names:
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    for each in checked:
        counts = (readable_count(each.counts[name]) if name in each.counts else "" for name in names)
        table.add_row(each.file.name, str(each.file.form or each.file.role), *counts)
    print_table(table)
    for row in compared:
        of = f"{row.name.replace('_', ' ')} of {', '.join(row.splits)}"
        why = f" ({row.reason})" if row.reason and row.published != row.counted else ""
        click.echo(f"{of}: {readable_count(row.published)} published, {readable_count(row.counted)} counted{why}")
    for note in notes:
        click.echo(f"note: {note}")


def _print(
    checked: "Sequence[Checked]", compared: "Sequence[Compared]", notes: "Sequence[str]", problems: "Sequence[str]"
) -> None:
    for each in checked:
        form = str(each.file.form or each.file.role)
        print_json("file", {"file": each.file.name, "form": form, "problems": len(each.problems), **each.counts})
    for row in compared:
        print_json("figure", {**vars(row), "splits": [str(split) for split in row.splits]})
    for note in notes:
        print_json("note", {"text": note})
    paths = sorted({str(each.path) for each in checked}, key=len, reverse=True)
    for problem in problems:
        print_json("problem", {"text": problem, **_parts(problem, paths)})


def _parts(problem: str, paths: "Sequence[str]") -> dict[str, Any]:
    """Return file, line, column and value, as far as the sentence about a problem names them."""
    path = next((path for path in paths if problem.startswith((f"{path}:", f"{path},"))), None)
    match = _PROBLEM.match(problem.removeprefix(path or ""))
    if path is None or match is None:
        return {"file": path, "line": None, "column": None, "value": None}
    value = None if match["value"] is None else ast.literal_eval(match["value"])
    return {
        "file": path,
        "line": int(match["line"]) if match["line"] else None,
        "column": match["column"],
        "value": value,
    }
