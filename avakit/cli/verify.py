"""`avakit verify`: the root against its journal or a list; `--repair` mends it."""

import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avakit.cli import making, narrowing, options, verifying, youtube
from avakit.cli.settings import Verb
from avakit.errors import ConfigInvalid

if TYPE_CHECKING:
    from avakit.verify.part import Subset

_PATH = click.Path(dir_okay=False, path_type=Path)


class Share(click.ParamType[Fraction]):
    """A share of what is recorded: `1%`, or `0.01`."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """Read it."""
        from avakit.verify import part

        try:
            return value if isinstance(value, Fraction) else part.parse_share(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Part(click.ParamType["Subset"]):
    """One of n parts: `3/7`."""

    name = "i/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "Subset":
        """Read it."""
        from avakit.verify import part

        try:
            return part.parse_subset(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class RootDigest(click.ParamType[str]):
    """A sha256, with `sha256:` before it or without."""

    name = "sha256:hex"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read it."""
        match = re.fullmatch(r"(?:sha256:)?([0-9a-f]{64})", str(value).strip().lower(), re.ASCII)
        if match is None:
            self.fail(f"{value!r} is not a root digest: `sha256:` and 64 hexadecimal digits", param, ctx)
        return match[1]


_SELECTION = options.together(
    options.narrowing,
    # Of what is recorded, not of the videos; a setting that narrows what is made must not narrow what is checked.
    options.option("--sample", "share", type=Share(), metavar="SHARE", envvar=None,
                   help="Only this share of what is recorded, as 1% or 0.01; a larger one holds every smaller one."),
    options.option("--subset", type=Part(), metavar="I/N", envvar=None,
                   help="Only part I (from 1) of N of what is recorded: all N together hold everything once."),
    options.first_ones,
    options.shards,
)  # fmt: skip
_DEPTHS = options.together(
    options.option("--quick", is_flag=True, help="Only names, sizes and sets; no byte is read."),
    options.option("--deep", is_flag=True, help="Also decode everything: films, windows, clips, sound, each frame."),
    options.option("--timing", is_flag=True, help="Also check from their sources what instants frames show."),
)
_OUTSIDE = options.together(
    options.option("--against", type=_PATH, metavar="FILE", envvar=None,
                   help="Check against this SHA256SUMS or manifest.jsonl, without any journal."),
    options.option("--expect-root", type=RootDigest(), metavar="sha256:HEX", envvar=None,
                   help="The root digest that you kept elsewhere: that of SHA256SUMS, or with --against of FILE."),
)  # fmt: skip


@click.command("verify", cls=Verb)
@_SELECTION
@options.sources
@youtube.options
@options.decode_check
@_DEPTHS
@_OUTSIDE
@options.option("--resume", is_flag=True, help="Go on where the same check was killed, and tell its findings again.")
@options.option("--html", type=_PATH, metavar="FILE", envvar=None, help="Also write a page for people to FILE.")
@options.option("--repair", is_flag=True, help="Put back what moved; what is damaged to quarantine, and made again.")
@options.run
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Check the root against its journal, in both directions; name every finding.

    Without further options the whole root is checked, every byte. Lines begin with `*` differs, `-` missing,
    `+` unexpected, `>` moved, `~` unstable, `!` unreadable, unsafe or a conflict between journals. Killed,
    `--resume` goes on.
    """
    by_hand = narrowing.by_hand(ctx)
    _refuse(given, by_hand)
    with making.interruptible():
        return verifying.run(given, by_hand)


def _refuse(given: dict[str, Any], by_hand: frozenset[str]) -> None:
    """Refuse options that contradict each other."""
    if given["quick"] and given["deep"]:
        raise ConfigInvalid("--quick and --deep contradict each other")
    if given["against"]:
        names = [f"--{name}" for name in ("repair", "timing", "deep") if given[name]]
        names += narrowing.options_of(by_hand)
        if names:
            raise ConfigInvalid(f"--against looks at a list alone, and knows nothing of {', '.join(names)}")
    for name in ("html", "report"):
        if given[name] and not given[name].absolute().parent.is_dir():
            raise ConfigInvalid(f"--{name} {given[name]}: there is no folder {given[name].absolute().parent}")
