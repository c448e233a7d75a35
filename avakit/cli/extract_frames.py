"""`avakit extract-frames`: frames at a fixed rate, or the key frames alone."""

from typing import Any

import click

from avakit.cli import making, options
from avakit.cli.settings import Verb
from avakit.model import Stage


@click.command("extract-frames", cls=Verb)
@options.selection
@options.frames
@options.no_space_check
@options.run
def command(**given: Any) -> int:
    """Extract frames at a fixed rate, each the source frame nearest to its instant.

    File img_00001.jpg shows the first instant of the span; number k shows (k - 1) / rate seconds later.
    """
    return making.make("extract-frames", given, lambda _: (Stage.FRAMES,))
