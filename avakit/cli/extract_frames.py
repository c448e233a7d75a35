"""`avakit extract-frames`: frames at a fixed rate, or the key frames alone; in folders or in tars."""

from typing import Any

import click

from avakit.cli import making, options
from avakit.cli.settings import Verb
from avakit.errors import ConfigInvalid
from avakit.model import Packing, Stage


@click.command("extract-frames", cls=Verb)
@options.selection
@options.frames
@options.pack
@options.option("--unpack", is_flag=True, help="The same as --pack folder: what is in tars becomes folders again.")
@options.no_space_check
@options.run
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Extract frames at a fixed rate, each the source frame nearest to its instant.

    File img_00001.jpg shows the first instant of the span; number k shows (k - 1) / rate seconds later.
    """
    if given["unpack"]:
        by_hand = ctx.get_parameter_source("pack") is click.core.ParameterSource.COMMANDLINE
        if by_hand and given["pack"] == Packing.TAR:
            raise ConfigInvalid("--unpack and --pack tar contradict each other; say one of them")
        given["pack"] = Packing.FOLDER.value
    return making.make("extract-frames", given, lambda _: (Stage.FRAMES,))
