"""`avakit manifest`: integrity manifests of what is there, in the forms that others read."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avakit.cli import narrowing, options, setup
from avakit.cli.display import print_json, readable_bytes, readable_count
from avakit.cli.settings import Verb
from avakit.errors import ConfigInvalid, ExitCode
from avakit.layout import MANIFEST, ROOT, SHA256SUMS
from avakit.model import Packing

if TYPE_CHECKING:
    from avakit.journal import State


@dataclass
class _Written:
    """What was written: the path of each form, and what else is to be told of it."""

    paths: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


@click.command("manifest", cls=Verb)
@options.dataset
@options.option("--split", "splits", type=options.SPLITS, multiple=True, help="With --bagit: only these splits.")
@options.option("--parquet", is_flag=True, help="Also write manifest.parquet (needs avakit[parquet]).")
@options.option("--croissant", is_flag=True, help="Also write croissant.json, and manifest.parquet for it.")
@options.option(
    "--bagit", type=click.Path(path_type=Path), metavar="DIR",
    help="Also make a BagIt bag of hard links there; of all, or of what --dataset and --split choose.",
)  # fmt: skip
@options.option("--copy", "copies", is_flag=True, help="With --bagit: copy files instead of making hard links.")
@options.option("--schema", is_flag=True, help="Print the JSON Schema of manifest.jsonl, and do nothing else.")
@options.option(
    "--check", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="Check that a manifest.jsonl is whole, and do nothing else.",
)  # fmt: skip
@options.as_json
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Write SHA256SUMS, ROOT and manifest.jsonl of everything that is there; other forms by option.

    ROOT is one digest over all: two roots that were made the same way have the same.
    """
    if given["schema"]:
        from avakit.manifest import items

        click.echo(items.schema_text(), nl=False)
        return ExitCode.OK
    if given["check"]:
        return _check(given)
    if (given["copies"] or given["splits"]) and not given["bagit"]:
        raise ConfigInvalid("--copy and --split go with --bagit")
    return _write(ctx, given)


def _check(given: dict[str, Any]) -> ExitCode:
    from avakit import manifest

    header, _ = manifest.read(given["check"])
    if given["as_json"]:
        print_json("manifest", {"path": str(given["check"]), "records": header.records, "root_sha256": header.root})
    else:
        click.echo(f"avakit manifest: {readable_count(header.records)} records, whole; root sha256:{header.root}")
    return ExitCode.OK


def _write(ctx: click.Context, given: dict[str, Any]) -> ExitCode:
    from avakit import journal, manifest

    given["root"] = root = given["root"].absolute()
    state = journal.read(root)
    by_hand = narrowing.by_hand(ctx)
    setup.sweep(root)
    seal = manifest.write(root, state)
    written = _Written({"sha256sums": SHA256SUMS, "root": ROOT, "jsonl": MANIFEST})
    written.facts = {"root_sha256": seal.sha256, "entries": seal.entries}
    if given["parquet"] or given["croissant"]:
        _tables(given, state, by_hand, written)
    if given["bagit"]:
        _bag(given, state, by_hand, written)
    _tell(given, state, written)
    return ExitCode.OK


def _tables(given: dict[str, Any], state: "State", by_hand: frozenset[str], written: _Written) -> None:
    from avakit.manifest import croissant, items, table

    root = given["root"]
    if given["croissant"] and not by_hand & {"dataset", "manifest"}:
        given["dataset"] = narrowing.only_dataset(state)
    dataset = setup.dataset_of(given) if given["croissant"] else None
    written.paths["parquet"] = str(table.write(root, items.records(state)).relative_to(root))
    if dataset is not None:
        written.paths["croissant"] = str(croissant.write(root, state, dataset).relative_to(root))


def _bag(given: dict[str, Any], state: "State", by_hand: frozenset[str], written: _Written) -> None:
    from avakit.manifest import bag

    if by_hand:
        chosen = narrowing.narrow(given, state, by_hand)
        present = {record.key: record for record in chosen if record.key in state.present}
        state = replace(state, present=present, gaps={}, lost={})
    count = bag.count_files(state)
    if count > bag.MANY_FILES:
        files = readable_count(count)
        click.echo(f"avakit: {files} files; a bag of tars is read faster: `avakit extract-frames --pack tar`", err=True)
    names = sorted({record.dataset for record in state.present.values()})
    made = bag.write(given["root"], state, given["bagit"].absolute(), datasets=names, copies=given["copies"])
    written.paths["bagit"] = str(made.path)
    written.facts["bag"] = {
        "root_sha256": made.root, "files": made.files, "bytes": made.bytes, "copied": made.copied
    }  # fmt: skip
    if made.copied and not given["copies"]:
        click.echo(f"avakit: {readable_count(made.copied)} files were copied: no hard link can lead there", err=True)


def _tell(given: dict[str, Any], state: "State", written: _Written) -> None:
    if given["as_json"]:
        print_json("manifest", {"path": written.paths["sha256sums"], "paths": written.paths, **written.facts})
        return
    entries = f"({readable_count(written.facts['entries'])} entries)"
    click.echo(f"avakit manifest: wrote {', '.join(written.paths.values())}")
    if "bag" in written.facts:
        of_bag = written.facts["bag"]
        size = readable_bytes(of_bag["bytes"])
        click.echo(f"bag {written.paths['bagit']}: {readable_count(of_bag['files'])} files, {size}")
        if not of_bag["copied"]:
            click.echo("its files are hard links: damage to one is damage to both; --copy makes a bag of its own")
    click.echo(f"root sha256:{written.facts['root_sha256']} {entries}")
    _show_next(given["root"], state)


def _show_next(root: Path, state: "State") -> None:
    click.echo(f"next: cd {root} && sha256sum -c --quiet {ROOT} {SHA256SUMS}")
    frames = [record.packing for record in state.present.values() if record.frames]
    if Packing.FOLDER in frames:
        but = " (of those in tars it says that they are not there: the tars are in SHA256SUMS)"
        click.echo(
            "next: every frame, too: find .avakit/manifests/frames -name '*.sha256' -exec sha256sum -c --quiet {} +"
            + (but if Packing.TAR in frames else "")
        )
