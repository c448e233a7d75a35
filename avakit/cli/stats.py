"""`avakit stats`: what the annotation files hold, counted and drawn."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avakit.cli import options, setup, tables
from avakit.cli.display import print_json
from avakit.cli.settings import Verb
from avakit.errors import DataInvalid, ExitCode

if TYPE_CHECKING:
    from avakit.datasets.catalogue import Dataset
    from avakit.model import Split
    from avakit.stats import Annotations, Table

_WHOLE_FILMS = (
    "films were chosen by class and are counted with all their labels; "
    "`avakit subset` makes a dataset of the chosen labels alone"
)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command("stats", cls=Verb)
@options.selection
@options.option(
    "--annotations",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Read the annotation files in this folder, not those in the root.",
)
@options.option(
    "--against", type=options.Words(), multiple=True, help="Datasets whose video ids to compare; fetch theirs first."
)
@options.option(
    "--top", type=click.IntRange(min=1), default=15, show_default=True, help="Rows of long tables on the terminal."
)
@options.option("--csv", "csv_folder", type=_FOLDER, help="Write every table, whole, to this folder.")
@options.option("--plots", "plots_folder", type=_FOLDER, help="Draw the figures into this folder, as PNG and SVG.")
@options.as_json
def command(**given: Any) -> int:
    """Count videos, persons and labels, per split and class; what goes together; what is lost.

    Tables on the terminal, whole as --csv or --json, and as figures with --plots. --classes, --min-samples and
    --balanced choose clips of Kinetics, but films of AVA, which are counted with all their labels: `avakit subset`
    makes a dataset of the chosen labels alone.
    """  # fmt: skip
    from avakit import journal, stats
    from avakit.datasets.selection import Selection

    if given["plots_folder"]:
        from avakit.stats import figures

        figures.require()
    chosen = setup.choose(given)
    folder = given["annotations"] or chosen.annotations
    is_narrow = chosen.selection != Selection(chosen.splits, seed=chosen.selection.seed)
    _require(chosen.dataset, folder, chosen.splits, is_narrow=is_narrow)
    videos = chosen.videos(folder) if is_narrow else None
    annotations = stats.read(chosen.dataset, folder, chosen.splits, videos)
    others = [_other(given["root"], name) for name in options.flatten(given["against"])]
    found = stats.gather(annotations, chosen.layout, journal.read(chosen.root), others)
    written = _write(given["csv_folder"], found)
    if given["plots_folder"]:
        from avakit.stats import figures

        written += figures.draw(given["plots_folder"], annotations, found)
    if given["as_json"]:
        _print(found)
    else:
        tables.show(chosen.dataset.name, found, given["top"])
    if chosen.selection.is_by_class and chosen.dataset.span is not None:
        _note(_WHOLE_FILMS, as_json=given["as_json"])
    for path in written:
        click.echo(f"wrote {path}", err=True)
    return ExitCode.OK


def _require(dataset: "Dataset", folder: Path, splits: "tuple[Split, ...]", *, is_narrow: bool = False) -> None:
    """Stop where a file is not there; to choose videos takes all that is required, to count them less."""
    from avakit import stats
    from avakit.datasets import selection

    needed = selection.required_files(dataset, splits) if is_narrow else stats.needed_files(dataset, splits)
    missing = [file.name for file in needed if not (folder / file.name).is_file()]
    if missing:
        raise DataInvalid(
            f"{folder}: {', '.join(missing)} not here yet; run `avakit fetch --dataset {dataset.name}` first"
        )


def _other(root: Path, name: str) -> "Annotations":
    """Read those splits of another dataset that were fetched; complain if none was."""
    from avakit import stats

    dataset = setup.dataset_of({"dataset": name, "root": root})
    folder = root.absolute() / dataset.layout(root).annotations
    there = tuple(
        split
        for split in dataset.splits
        if all((folder / file.name).is_file() for file in stats.needed_files(dataset, [split]))
    )
    if not there:
        _require(dataset, folder, tuple(dataset.splits))
    return stats.read(dataset, folder, there)


def _note(text: str, *, as_json: bool) -> None:
    if as_json:
        print_json("note", {"text": text})
    else:
        click.echo(f"note: {text}")


def _print(found: "list[Table]") -> None:
    for table in found:
        for record in json.loads(table.rows.to_json(orient="records", double_precision=6)):
            print_json(table.name, record)


def _write(folder: Path | None, found: "list[Table]") -> list[Path]:
    from avakit.tools import files

    if folder is None:
        return []
    paths = [folder / f"{table.name}.csv" for table in found]
    for path, table in zip(paths, found, strict=True):
        files.write_atomically(path, table.rows.to_csv(index=False, lineterminator="\n").encode())
    return paths
