"""`avakit download`: videos, from the sources in order."""

from typing import Any

import click

from avakit.cli import making, options, youtube
from avakit.cli.settings import Verb
from avakit.model import Stage


@click.command("download", cls=Verb)
@options.selection
@options.sources
@youtube.options
@options.decode_check
@options.retry
@options.no_space_check
@options.run
def command(**given: Any) -> int:
    """Download the videos, each source the other's fallback.

    A video counts only after its checks: it opens, holds a video stream, and is long enough for its annotations.
    Of AVA's films the annotated window alone is fetched, where the server can do that; `--whole` fetches the films.
    """
    return making.make("download", given, lambda _: (Stage.VIDEO,))
