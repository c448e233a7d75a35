"""The options that verbs share, each defined once."""

import csv
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from avakit.cli.settings import DEFAULT_ROOT
from avakit.errors import nearest
from avakit.layout import REJECTS
from avakit.model import Packing, Split, Stage
from avakit.recipes import Picture, Timing

DEFAULT_DATASET = "ava-v2.2"


def together(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return one decorator that applies all, so that help lists them in this order."""

    def apply(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


class Words(click.ParamType[tuple[str, ...]]):
    """One or more words with commas between them; the option can also be repeated."""

    name = "name[,name…]"
    # In the environment, too: names of classes hold blanks, at which click would split.
    envvar_list_splitter = ","

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Split the text at commas and line ends; as in a csv line, a name with a comma goes between quotes."""
        if isinstance(value, tuple):
            return value
        try:
            rows = list(csv.reader(str(value).splitlines(), skipinitialspace=True))
        except csv.Error as error:
            self.fail(f"{value!r} can't be read as names with commas between them: {error}", param, ctx)
        words = tuple(word.strip() for row in rows for word in row if word.strip())
        if not words:
            self.fail("names nothing; leave the option out to take everything", param, ctx)
        return words


class Names(Words):
    """Words from a fixed set."""

    def __init__(self, known: list[str], what: str) -> None:
        self.known = known
        self.what = what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Split the text, and refuse a word nobody knows, naming the nearest."""
        words = super().convert(value, param, ctx)
        for word in words:
            if word not in self.known:
                self.fail(f"unknown {self.what} {word!r}{nearest(word, self.known)} ({', '.join(self.known)})")
        return words

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete the last word."""
        del ctx, param
        before, comma, last = incomplete.rpartition(",")
        used = before.split(",")
        fitting = [word for word in self.known if word.startswith(last) and word not in used]
        return [CompletionItem(before + comma + word) for word in fitting]


class Number(click.FloatRange):
    """A number in a range: neither infinite nor NaN, which no bound keeps out."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Refuse what is no number."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


class ByteRate(click.ParamType[float]):
    """Bytes a second, with K, M or G for their powers of 1000."""

    name = "bytes a second"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read `20M`, `1.5MB`, `500k` or a plain number."""
        match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmg]?)b?", str(value).strip(), re.ASCII | re.IGNORECASE)
        rate = float(match[1]) * 1000 ** " kmg".index(match[2].lower() or " ") if match else 0.0
        if rate <= 0:
            self.fail(f"{value!r} is not a number of bytes a second, such as 20M or 500K", param, ctx)
        return rate


class Depths(click.Choice[str]):
    """How deep to check; `off` in a YAML file is read as a truth value."""

    def __init__(self) -> None:
        super().__init__(["off", "demux", "full"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Take the word, or what YAML makes of it."""
        return super().convert("off" if value is False else value, param, ctx)


def flatten(values: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """Join the words of a repeated option, each once, in order."""
    return tuple(dict.fromkeys(word for words in values for word in words))


def complete_dataset(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a dataset of the catalogue."""
    del ctx, param
    from avakit.datasets import catalogue

    return [name for name in catalogue.names() if name.startswith(incomplete)]


def option(*names: str, **settings: Any) -> Callable[[Any], Any]:
    """Return a click option that also reads `AVAKIT_<NAME>`."""
    long = next(name for name in names if name.startswith("--")).split("/")[0]
    settings.setdefault("envvar", "AVAKIT_" + long.removeprefix("--").replace("-", "_").upper())
    settings.setdefault("show_envvar", False)
    return click.option(*names, **settings)


SPLITS = Names([split.value for split in Split], "split")
SOURCES = Names(["archive", "mirror", "youtube", "folder"], "source")
INTERMEDIATES = Names(["videos", "windows"], "intermediate")
INTERMEDIATE_STAGES = {"videos": Stage.VIDEO, "windows": Stage.WINDOW}


def _leave_out(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    """Let readers leave bad rows out until the command ends, and say then how many they were."""
    del param
    if value:
        ctx.with_resource(_leaving_out(ctx))
    return value


@contextmanager
def _leaving_out(ctx: click.Context) -> Iterator[None]:
    from avakit.datasets import rejects

    with rejects.leaving_out(_rejects_folder(ctx)) as found:
        try:
            yield
        finally:
            for path, count in found.counts.items():
                rows = "1 bad row" if count == 1 else f"{count} bad rows"
                click.echo(f"avakit: {path}: {rows} left out; see {found.file_for(path)}", err=True)


def _rejects_folder(ctx: click.Context) -> Path:
    """Return where rejects go: for files of one's own here, where no root need be; `check` leaves out more."""
    if ctx.params.get("paths"):
        return Path.cwd()
    folder: Path = (
        ctx.params["root"].absolute() / REJECTS / ("own" if ctx.params["manifest"] else ctx.params["dataset"])
    )
    return folder / "check" if ctx.info_name == "check" else folder


skip_bad_rows = option(
    "--skip-bad-rows", is_flag=True, callback=_leave_out,
    help="Leave bad rows of annotation files out, and write them to .avakit/rejects.",
)  # fmt: skip

root = option(
    "--root", type=click.Path(file_okay=False, path_type=Path), default=Path(DEFAULT_ROOT), show_default=True,
    is_eager=True, help="The folder that holds everything.",
)  # fmt: skip
as_json = option("--json", "as_json", is_flag=True, help="Print one JSON object per line, for machines.")

dataset = together(
    option("--dataset", default=DEFAULT_DATASET, show_default=True, shell_complete=complete_dataset, is_eager=True,
           help="A dataset of the catalogue; `avakit datasets` lists them."),
    option("--manifest", type=click.Path(exists=True, dir_okay=False, path_type=Path), is_eager=True,
           help="A dataset manifest of your own, instead of --dataset."),
    root,
)  # fmt: skip

narrowing = together(
    dataset,
    option("--split", "splits", type=SPLITS, multiple=True, help="train, val, test  [default: all]"),
    option("--ids", type=Words(), multiple=True, help="Only these video ids."),
    option("--ids-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
           help="Only the video ids in this file, one a line."),
    option("--classes", type=Words(), multiple=True,
           help="Only what shows these classes: names or action ids, or @FILE with one a line."),
    option("--min-samples", type=click.IntRange(min=1), metavar="N",
           help="Only classes with at least N samples (person boxes, clips) in the chosen splits."),
    option("--balanced", type=click.IntRange(min=1), metavar="N",
           help="At most N samples of a class in each split, always the same ones."),
)  # fmt: skip
sample = option("--sample", type=Number(0, 1, min_open=True), metavar="FRACTION",
                help="Only this share of the videos; a larger one holds every smaller one.")  # fmt: skip
first_ones = together(
    option("--seed", type=int, default=0, show_default=True, help="Which ones --sample and --balanced take."),
    option("--limit", type=click.IntRange(min=1), help="Only the first N videos of the list."),
)  # fmt: skip

choice = together(narrowing, sample, first_ones)
shards = together(
    option("--shard", metavar="I/N|auto", help="Only part I (from 0) of N; auto reads the job array's variables."),
    option("--num-shards", type=click.IntRange(min=1), help="The number of parts, for --shard auto."),
    skip_bad_rows,
)  # fmt: skip
selection = together(choice, shards)

drop = option(
    "--drop", type=INTERMEDIATES, multiple=True,
    help="Remove videos or windows once everything made from them is there.",
)  # fmt: skip

allow_private = option("--allow-private", is_flag=True, help="Let a server redirect to addresses of a private network.")

network = together(
    option("--connections", type=click.IntRange(1, 32), default=4, show_default=True, metavar="N",
           help="Fetch one large file through N connections, where the server allows it."),
    option("--max-connections", type=click.IntRange(min=1), metavar="N",
           help="Connections to one mirror at once, over all workers of this machine  [default: no limit]"),
    option("--max-requests", type=Number(0, min_open=True), metavar="RATE",
           help="Requests a second to one mirror, over all workers of this machine  [default: no limit]"),
    option("--max-rate", type=ByteRate(), metavar="RATE",
           help="Bytes a second from one mirror, such as 20M, over all workers of this machine  [default: no limit]"),
    allow_private,
)  # fmt: skip

sources = together(
    option("--sources", type=SOURCES, multiple=True, help="Sources in the order to try  [default: the manifest's]"),
    option("--folder", type=click.Path(exists=True, file_okay=False, path_type=Path),
           help="A disk that already holds videos; asked first."),
    option("--mirror", metavar="URL", help="A mirror of your own: a URL with {id} or {file_name}, {folder}, {split}."),
    option("--span-only/--whole", default=None,
           help="Fetch of films only the annotated span, where the server can do that  [default: the manifest's]"),
    option("--recheck-after", type=Number(min=0), default=30.0, show_default=True, metavar="DAYS",
           help="Ask again for what was unavailable after this long."),
    network,
)  # fmt: skip

decode_check = option(
    "--decode-check", type=Depths(), default="demux", show_default=True,
    help="Check what was delivered by its header (off), by its packets, or by decoding all of its span (full).",
)  # fmt: skip
retry = option(
    "--retry", type=click.Choice(["transient", "unavailable", "all"]),
    help="Only what failed before: what may succeed now, what was unavailable (after --recheck-after), or all of it.",
)  # fmt: skip
no_space_check = option(
    "--no-space-check", is_flag=True, help="Begin even if the disk can't hold what is to be made."
)  # fmt: skip

frames = together(
    option("--fps", metavar="RATE", help="Frames a second, such as 30 or 30000/1001  [default: the manifest's]"),
    option("--short-side", type=click.IntRange(min=0),
           help="Scale the smaller side to this many pixels, never up; 0 keeps the size  [default: the manifest's]"),
    option("--quality", type=click.IntRange(1, 100), help="Quality of JPEG and WebP  [default: the manifest's]"),
    option("--format", type=click.Choice([each.value for each in Picture]), default="jpeg", show_default=True,
           help="Picture files; PNG is lossless, and about ten times as large."),
    option("--timing", type=click.Choice([each.value for each in Timing]), default="nearest", show_default=True,
           help="The source frame for an instant: the nearest, the one a player shows, or that of SlowFast's recipe."),
    option("--key-frames", is_flag=True, help="Only the annotated seconds or instants (AVA, AVA-Kinetics)."),
    option("--around", type=click.IntRange(min=0), metavar="N",
           help="With --key-frames: also N frames before and after each."),
    option("--keep-excluded", is_flag=True, help="With --key-frames: also those at excluded timestamps."),
)  # fmt: skip

pack = option(
    "--pack", type=click.Choice([each.value for each in Packing]),
    help="Keep the frames of an item in one tar, or in a folder; those that are there are put so, too  "
    "[default: new ones in folders]",
)  # fmt: skip

output = together(
    option("--dry-run", "-n", is_flag=True, help="Print what would be done, and do nothing."),
    as_json,
    option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the run's report here, too."),
    option("--strict", is_flag=True, help="Any gap makes the run a failure (exit 3)."),
    option("--quiet", "-q", is_flag=True, help="Only failures and the last line."),
    option("--verbose", "-v", is_flag=True, help="Also what was there already, and where things come from."),
)

run = together(
    option("--jobs", "-j", type=click.IntRange(min=1), help="Worker processes  [default: the usable cores]"),
    option(
        "--max-unavailable", type=Number(0, 100), metavar="PERCENT",
        help="Unavailable items allowed before the run counts as a failure  [default: the manifest's]",
    ),
    output,
)  # fmt: skip
