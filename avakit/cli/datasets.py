"""`avakit datasets`: what exists."""

from typing import TYPE_CHECKING

import click

from avakit.cli import options
from avakit.cli.display import print_json, print_table, readable_count
from avakit.cli.settings import Verb
from avakit.errors import ExitCode

if TYPE_CHECKING:
    from avakit.datasets.catalogue import Dataset


@click.command("datasets", cls=Verb)
@click.argument("name", required=False, shell_complete=options.complete_dataset)
@click.option("--yaml", "as_yaml", is_flag=True, help="Print the manifest itself: the start of one of your own.")
@options.as_json
def command(name: str | None, as_yaml: bool, as_json: bool) -> int:
    """List the datasets, or tell all about one."""
    from avakit.datasets import catalogue

    if as_yaml and not name:
        raise click.UsageError("--yaml needs the name of a dataset")
    if name and as_yaml:
        click.echo(catalogue.source_text(name), nl=False)
    elif as_json:
        for each in [name] if name else catalogue.names():
            print_json("dataset", catalogue.load(each).model_dump(mode="json"))
    elif name:
        _show(catalogue.load(name))
    else:
        _list([catalogue.load(each) for each in catalogue.names()])
    return ExitCode.OK


def _list(datasets: "list[Dataset]") -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("dataset", "title", "splits", "sources"):
        table.add_column(column)
    for dataset in datasets:
        splits = ", ".join(f"{split} {_count(dataset, split)}" for split in dataset.splits)
        table.add_row(dataset.name, dataset.title, splits, ", ".join(source.type for source in dataset.sources))
    print_table(table)
    click.echo("\n`avakit datasets NAME` tells all about one; `--yaml` prints the manifest it is read from.")


def _count(dataset: "Dataset", split: str) -> str:
    facts = next(facts for name, facts in dataset.splits.items() if name == split)
    count = facts.clips if facts.clips is not None else facts.videos
    if dataset.unpublished:
        return "not published"
    return "?" if count is None else readable_count(count)


def _show(dataset: "Dataset") -> None:
    click.echo(f"{dataset.name}: {dataset.title}\n\n{dataset.description}\n")
    click.echo(f"licence   {dataset.licence}\nhomepage  {dataset.homepage}\ncitation  {dataset.citation}\n")
    for split in dataset.splits:
        unit = "" if dataset.unpublished else " videos" if dataset.span else " clips"
        click.echo(f"split     {split}: {_count(dataset, split)}{unit}")
    if dataset.span:
        click.echo(f"span      seconds {float(dataset.span.start):g} to {float(dataset.span.end):g} of each video")
    click.echo(f"frames    {dataset.frames.rate} a second, JPEG quality {dataset.frames.quality}")
    click.echo(f"prepare   makes {', '.join(stage.value for stage in dataset.stages)}\n")
    for source in dataset.sources:
        click.echo(f"source    {source.type} {getattr(source, 'url', '') or getattr(source, 'path', '')}".rstrip())
    for file in dataset.files:
        splits = ", ".join(split.value for split in file.splits)
        click.echo(f"file      {file.name} ({file.role}, {splits}){'' if file.required else ' if it can be had'}")
        for url in file.urls:
            click.echo(f"            {url}")
    for archive in dataset.archives:
        splits = ", ".join(split.value for split in archive.splits)
        where = archive.url or f"{archive.count or 'some'} archives listed in {archive.list}"
        clips = f"{readable_count(archive.clips)} clips; " if archive.clips else ""
        click.echo(f"archive   {splits}{' overlay' if archive.overlay else ''}: {where} ({clips}{archive.holds})")
    for figure in dataset.figures:
        splits = ", ".join(split.value for split in figure.splits)
        click.echo(
            f"figure    {figure.name} of {splits}: {readable_count(figure.published)} published; {figure.reason}"
        )
    if dataset.unpublished:
        click.echo(f"labels    {dataset.unpublished}")
    for note in dataset.notes:
        click.echo(f"note      {note}")
