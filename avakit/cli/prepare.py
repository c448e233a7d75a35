"""`avakit prepare`: the whole job, item by item."""

from typing import Any

import click

from avakit.cli import cutting, making, options, setup, youtube
from avakit.cli.settings import Verb


@click.command("prepare", cls=Verb)
@options.selection
@options.sources
@youtube.options
@options.decode_check
@options.retry
@options.frames
@options.pack
@cutting.audio
@options.drop
@options.no_space_check
@options.run
def command(**given: Any) -> int:
    """Do the whole job: fetch, download, cut and extract, video by video.

    Run it again after any interruption: it does only what is left.
    """
    return making.make("prepare", given, lambda dataset: setup.stages(given, dataset))
