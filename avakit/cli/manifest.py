"""`avakit manifest`: integrity manifests of what is there."""

from pathlib import Path

import click

from avakit.cli import options
from avakit.cli.display import print_json, readable_count
from avakit.cli.settings import Verb
from avakit.errors import ExitCode


@click.command("manifest", cls=Verb)
@options.root
@options.as_json
def command(root: Path, as_json: bool) -> int:
    """Write SHA256SUMS of everything that is there, for `sha256sum -c` and for others."""
    from avakit import journal, manifest

    root = root.absolute()
    state = journal.read(root)
    path = manifest.write(root, state).relative_to(root)
    if as_json:
        print_json("manifest", {"path": str(path), "entries": len(state.present)})
        return ExitCode.OK
    click.echo(f"avakit manifest: {readable_count(len(state.present))} entries in {path}")
    click.echo(f"next: cd {root} && sha256sum -c --quiet {path}")
    if any(record.frames for record in state.present.values()):
        click.echo("next: every frame, too: find .avakit/manifests/frames -type f -exec sha256sum -c --quiet {} +")
    return ExitCode.OK
