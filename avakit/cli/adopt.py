"""`avakit adopt`: media that are there already, checked and recorded, without a download."""

from pathlib import Path
from typing import Any

import click

from avakit.cli import adopting, annotations, making, options, setup
from avakit.cli.settings import Verb
from avakit.errors import AvakitError, ConfigInvalid, ExitCode

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("adopt", cls=Verb)
@options.choice
@options.option("--from", "tree", type=_FOLDER, help="The folder that holds the media  [default: the root itself]")
@options.option("--copy", is_flag=True, help="Copy files that can't be hard-linked: those on another disk.")
@options.option("--annotations", type=_FOLDER, help="Read the annotation files in this folder, not those in the root.")
@options.decode_check
@options.skip_bad_rows
@options.run
def command(**given: Any) -> int:
    """Adopt films, windows, clips and frames that are there already: check, hash and record them.

    They are known by their names (ID.mp4, ID_000010_000020.mp4, ID/img_00001.jpg), wherever they lie below the folder,
    and get a second name in the root: a hard link. Nothing in the folder is changed.
    """
    chosen = setup.choose(given)
    tree = _tree(given, chosen.root)
    if given["annotations"] is None:
        annotations.require_annotations(chosen)
    run = making.begin("adopt", given, chosen)
    with making.interruptible():
        try:
            stopped = adopting.adopt(given, chosen, tree, run)
        except AvakitError as error:
            if given["dry_run"] or isinstance(error, ConfigInvalid):
                raise
            return making.close(run, error)
    if given["dry_run"]:
        return ExitCode.OK
    return making.close(run, stopped, is_wanted=True)


def _tree(given: dict[str, Any], root: Path) -> Path:
    """Return the folder to look in, if what it holds can be brought into the root.

    Raises
    ------
    ConfigInvalid
        If there is none, or files would have to be copied.
    """
    tree: Path = (given["tree"] or root).absolute()
    if not tree.is_dir():
        raise ConfigInvalid(f"{tree}: there is no such folder; --from names the one that holds the media")
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    if not given["copy"] and tree.stat().st_dev != there.stat().st_dev:
        raise ConfigInvalid(
            f"{tree} and {root} lie on different disks, between which there are no hard links; "
            "--copy copies the files, or choose a --root on the disk that holds them"
        )
    return tree
