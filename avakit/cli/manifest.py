"""`avakit manifest`: integrity manifests of what is there."""

from pathlib import Path

import click

from avakit.cli import options, setup
from avakit.cli.display import print_json, readable_count
from avakit.cli.settings import Verb
from avakit.errors import ExitCode
from avakit.model import Packing


@click.command("manifest", cls=Verb)
@options.root
@options.as_json
def command(root: Path, as_json: bool) -> int:
    """Write SHA256SUMS of everything that is there, for `sha256sum -c` and for others."""
    from avakit import journal, manifest

    root = root.absolute()
    state = journal.read(root)
    setup.sweep(root)
    path = manifest.write(root, state).relative_to(root)
    if as_json:
        print_json("manifest", {"path": str(path), "entries": len(state.present)})
        return ExitCode.OK
    click.echo(f"avakit manifest: {readable_count(len(state.present))} entries in {path}")
    click.echo(f"next: cd {root} && sha256sum -c --quiet {path}")
    frames = [record.packing for record in state.present.values() if record.frames]
    if Packing.FOLDER in frames:
        but = " (of those in tars it says that they are not there: the tars are in SHA256SUMS)"
        click.echo(
            "next: every frame, too: find .avakit/manifests/frames -name '*.sha256' -exec sha256sum -c --quiet {} +"
            + (but if Packing.TAR in frames else "")
        )
    return ExitCode.OK
