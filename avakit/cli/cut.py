"""`avakit cut`: AVA windows, Kinetics clips, and the sound beside them."""

from typing import Any

import click

from avakit.cli import cutting, making, options
from avakit.cli.settings import Verb


@click.command("cut", cls=Verb)
@options.selection
@cutting.recipe
@cutting.audio
@options.no_space_check
@options.run
def command(**given: Any) -> int:
    """Cut AVA windows (lossless, original timestamps) or Kinetics clips (constant rate, first pts 0).

    What is cut in another way than the dataset's own has a folder of its own, whose name says how.
    """
    return making.make("cut", given, lambda dataset: cutting.with_audio(given, cutting.stages(dataset)))
