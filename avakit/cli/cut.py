"""`avakit cut`: AVA windows, Kinetics clips."""

from typing import Any

import click

from avakit.cli import making, options
from avakit.cli.settings import Verb
from avakit.model import Stage


@click.command("cut", cls=Verb)
@options.selection
@options.no_space_check
@options.run
def command(**given: Any) -> int:
    """Cut AVA windows (lossless, original timestamps) or Kinetics clips (constant rate, first pts 0)."""
    return making.make("cut", given, lambda dataset: (Stage.WINDOW if dataset.span else Stage.CLIP,))
