"""`avakit subset`: a dataset made of a part of another."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avakit.cli import annotations, making, options, setup
from avakit.cli.display import print_json, readable_count
from avakit.cli.settings import Verb
from avakit.errors import ConfigInvalid, DataInvalid, ExitCode
from avakit.model import Finding, FindingKind

if TYPE_CHECKING:
    from avakit.journal import State
    from avakit.subset import Subset


@click.command("subset", cls=Verb)
@click.argument("name")
@options.choice
@options.option("--renumber", is_flag=True, help="Give the classes new ids from 1 (AVA), and list them.")
@options.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the manifest here, too.")
@options.option("--replace", is_flag=True, help="Replace a subset of this name that was made in another way.")
@options.option("--dry-run", "-n", is_flag=True, help="Count what is left, and write nothing.")
@options.option("--verbose", "-v", is_flag=True, help="Also how many samples of each class are left.")
@options.as_json
def command(name: str, **given: Any) -> int:
    """Make a dataset NAME of a part of --dataset: rows, ids and label map, under a manifest of its own.

    The root then knows NAME as a dataset, and every verb takes it: `avakit prepare --dataset NAME`. Films, windows and
    frames are the parent's, and are not made twice.
    """
    from avakit import journal, subset
    from avakit.tools import files

    chosen = setup.choose(given)
    _check_name(chosen, name)
    state = journal.read(chosen.root)
    if given["dry_run"]:
        annotations.require_annotations(chosen)
    else:
        setup.open_root(chosen.root)
        setup.keep_manifest(given, chosen)
        annotations.ensure_annotations(chosen, state, lambda text: click.echo(text, err=True))
    built = subset.build(chosen.dataset, chosen.root, chosen.selection, name, renumber=given["renumber"])
    is_other = _refuse_other(chosen.root, built, replace=given["replace"])
    linked = 0
    if not given["dry_run"]:
        with making.interruptible():
            linked = _write(chosen, built, state, is_other=is_other)
            making.seal(chosen.root)
        if given["output"]:
            files.write_atomically(given["output"].absolute(), subset.manifest(built).encode())
    _show(given, built, linked)
    return ExitCode.OK


def _check_name(chosen: setup.Chosen, name: str) -> None:
    from pydantic import TypeAdapter, ValidationError

    from avakit import subset
    from avakit.datasets.fields import Slug

    try:
        TypeAdapter(Slug).validate_python(name)
    except ValidationError as error:
        raise ConfigInvalid(f"{name!r} can't be a name; use small letters, digits, '.', '_' and '-'") from error
    subset.check_name(chosen.root, chosen.dataset, name)


def _refuse_other(root: Path, built: "Subset", *, replace: bool) -> bool:
    """Return whether there is another subset of this name; refuse it unless it is to be replaced."""
    from avakit import subset

    try:
        before = subset.kept_recipe(root, built.name)
    except DataInvalid:
        if not replace:
            raise
        return True
    if before is None or before == built.recipe:
        return False
    if not replace:
        raise ConfigInvalid(
            f"{built.name} was made in another way ({_difference(before, built.recipe)}); "
            "take another name, or --replace it"
        )
    return True


def _difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    flat = [{**recipe, **recipe["selection"]} for recipe in (before, after)]
    keys = [key for key in flat[1] if key not in ("selection", "files", "parent_files", "ids")]
    told = [f"{key} was {flat[0].get(key)!r}" for key in keys if flat[0].get(key) != flat[1][key]]
    if before["selection"]["ids"] != after["selection"]["ids"]:
        told.append("ids were others")
    return ", ".join(told) or f"the annotation files of {after['parent']} were others"


def _write(chosen: setup.Chosen, built: "Subset", state: "State", *, is_other: bool) -> int:
    """Write the subset; return how many clips it takes from its parent."""
    from avakit import journal, subset
    from avakit.datasets import derived, selection
    from avakit.subset import media

    root = chosen.root
    layout = derived.place(chosen.dataset, built.name, shares=built.shares).layout(root)
    videos = selection.videos(chosen.dataset, chosen.annotations, chosen.selection) if not chosen.dataset.span else []
    if is_other:
        _clear(root, state, built, set(media.clip_keys(layout, videos).values()))
        state = journal.read(root)
    outcomes = subset.write(root, built)
    subset.keep(root, built)
    annotations.record_annotations(setup.choose({"root": root, "dataset": built.name}), outcomes, state)
    return media.share_clips(chosen.layout, layout, videos, state)


def _clear(root: Path, state: "State", built: "Subset", wanted: set[str]) -> None:
    from avakit import journal
    from avakit.prepare.repair import quarantine
    from avakit.subset import media

    detail = "belongs to the subset of this name that was replaced"
    old = media.stale(state, built.name, built.files, wanted)
    findings = [Finding(record.path, FindingKind.DIFFERS, detail, record.key) for record in old]
    quarantine(root, state, findings, journal.REPLACED)
    if old:
        click.echo(f"{len(old)} files or folders of the former {built.name} are in .avakit/quarantine", err=True)


def _show(given: dict[str, Any], built: "Subset", linked: int) -> None:
    names = sorted(built.samples_before, key=lambda name: (isinstance(name, str), name))
    classes = [(name, built.samples[name], built.samples_before[name]) for name in names if built.samples[name]]
    splits = {split.value: counts for split, counts in built.splits.items()}
    if given["as_json"]:
        for label, count, before in classes:
            print_json("class", {"class": label, "samples": count, "samples_before": before})
        facts = {"name": built.name, "parent": built.parent.name, "splits": splits, "rows": built.rows}
        print_json("subset", facts | {"classes": len(classes), "files": sorted(built.files), "clips_linked": linked})
        return
    if given["verbose"]:
        for label, count, before in classes:
            click.echo(f"class {label}: {readable_count(count)} of {readable_count(before)} samples")
    for split, counts in splits.items():
        words = ", ".join(f"{readable_count(count)} {what}" for what, count in counts.items())
        click.echo(f"{split}: {words}")
    left_out = [split for split in built.recipe["selection"]["splits"] if split not in splits]
    if left_out:
        click.echo(f"nothing is left of {', '.join(left_out)}")
    if classes:
        sizes = [count for _, count, _ in classes]
        counted = f"{readable_count(built.rows)} rows, {len(classes)} classes"
        click.echo(f"{counted} of {readable_count(min(sizes))} to {readable_count(max(sizes))} samples")
    if linked:
        click.echo(f"{readable_count(linked)} clips of {built.parent.name} are linked")
    what = "would be made" if given["dry_run"] else "is ready"
    click.echo(f"avakit subset: {built.name}, a part of {built.parent.name}, {what} -> exit 0")
    if not given["dry_run"]:
        click.echo(f"next: avakit prepare --dataset {built.name}")
