"""What a person sees while a run goes on: a progress display on a terminal, plain log lines anywhere else."""

import json
import sys
import textwrap
import threading
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from avakit.errors import Status
from avakit.outcome import Outcome
from avakit.tools.channel import Progress, Receiver

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import TaskID
    from rich.table import Table

_POLL_SECONDS = 0.2
_LONGEST_DETAIL = 300
#: A worker that has said nothing for this many polls has finished its item.
_SILENT_POLLS = 25


class Display(AbstractContextManager["Display"]):
    """Shows outcomes as they come, and what the workers are at.

    Parameters
    ----------
    verb
        The running verb.
    total
        How many things are to be made.
    as_json, quiet, verbose
        The options of the same names.
    """

    def __init__(self, verb: str, total: int, *, as_json: bool, quiet: bool, verbose: bool) -> None:
        self.verb = verb
        self.as_json, self.quiet, self.verbose = as_json, quiet, verbose
        self._total = total
        self._stack = ExitStack()
        self._bars: _Bars | None = None
        self._stop = threading.Event()
        self._receiver: Receiver | None = None

    @property
    def channel(self) -> str:
        """The address workers report to; empty where nobody looks."""
        return self._receiver.address if self._receiver else ""

    def __enter__(self) -> Self:
        if self._total and not (self.as_json or self.quiet) and sys.stderr.isatty():
            self._receiver = self._stack.enter_context(Receiver())
            self._bars = self._stack.enter_context(_Bars(self.verb, self._total))
            poller = threading.Thread(target=self._poll, daemon=True)
            poller.start()
            self._stack.callback(poller.join)
            self._stack.callback(self._stop.set)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def outcome(self, outcome: Outcome) -> None:
        """Show what became of one item."""
        if self.as_json:
            print_json("outcome", {k: v for k, v in asdict(outcome).items() if k != "exit_code"})
            return
        is_news = outcome.attempts > 0
        if is_news:
            self.settle(outcome.item, outcome.stage, outcome.bytes)
        has_failed = not outcome.is_present or outcome.status is Status.SHORT
        if (has_failed and is_news) or self.verbose or (is_news and not self.quiet and not self._bars):
            self.say(line_of(outcome), is_failure=has_failed)

    def settle(self, item: str, stage: str, size: int) -> None:
        """Count one thing in the progress display."""
        if self._bars:
            self._bars.settle(item, stage, size)

    def say(self, line: str, *, is_failure: bool = False) -> None:
        """Print one line for a person."""
        if self.as_json or (self.quiet and not is_failure):
            return
        if self._bars:
            self._bars.say(line)
        else:
            click.echo(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}", err=True)

    def result(self, line: str) -> None:
        """Print one line of the verb's result on standard output, clear of the progress display."""
        if self._bars and sys.stdout.isatty():
            self._bars.say(line)
        else:
            click.echo(line)

    def _poll(self) -> None:
        while not self._stop.wait(_POLL_SECONDS):
            if self._receiver and self._bars:
                self._bars.update(list(self._receiver.messages()))


class _Bars(AbstractContextManager["_Bars"]):
    """The progress display: one line for the run, one for each worker."""

    def __init__(self, verb: str, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._bars = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[count]}"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            expand=True,
        )
        self._bytes = 0
        self._done, self._total = 0, total
        self._run = self._bars.add_task(f"avakit {verb}", total=total, count=f"0/{total} items", speed="")
        self._workers: dict[int, TaskID] = {}
        self._silent: dict[int, int] = {}
        self._ahead: set[tuple[str, str]] = set()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def say(self, line: str) -> None:
        from rich.markup import escape

        self._bars.console.print(escape(line), highlight=False, soft_wrap=True)

    def settle(self, item: str, stage: str, size: int) -> None:
        """Count one thing; a worker tells it at once, its outcome follows with those of the whole video."""
        if (item, stage) in self._ahead:
            self._ahead.discard((item, stage))
            return
        self._ahead.add((item, stage))
        self._done += 1
        self._bytes += size
        elapsed = self._bars.tasks[0].elapsed or 1.0
        self._bars.update(
            self._run,
            advance=1,
            count=f"{self._done}/{self._total} items",
            speed=f"{readable_bytes(self._bytes)}, {readable_bytes(self._bytes / elapsed)}/s",
        )

    def update(self, messages: list[Progress]) -> None:
        for worker in list(self._workers):
            self._silent[worker] += 1
            if self._silent[worker] > _SILENT_POLLS:
                self._bars.remove_task(self._workers.pop(worker))
        for message in messages:
            if message.unit == "settled":
                self.settle(message.item, message.activity, message.done)
                continue
            task = self._workers.get(message.worker)
            if task is None:
                task = self._workers[message.worker] = self._bars.add_task("", total=None, count="", speed="")
            self._silent[message.worker] = 0
            self._bars.update(
                task,
                description=f"  {message.activity} {message.item}",
                completed=message.done,
                total=message.total or None,
                count=_amount(message),
                speed="",
            )


def _amount(message: Progress) -> str:
    show: Callable[[float], str] = readable_bytes if message.unit == "bytes" else readable_count
    if not message.done and not message.total:
        return ""
    return f"{show(message.done)}/{show(message.total)}" if message.total else show(message.done)


def line_of(outcome: Outcome) -> str:
    """Return one log line: what, which, and what became of it."""
    words = [outcome.status, outcome.stage, outcome.item]
    if outcome.reason:
        words.append(f"[{outcome.reason}]")
    if outcome.path:
        words.append(f"{outcome.path} ({readable_bytes(outcome.bytes)}")
        words[-1] += f", {outcome.seconds:.1f} s" if outcome.attempts else ""
        words[-1] += f", from {outcome.source})" if outcome.source else ")"
    if outcome.detail:
        # The whole sentence is in the journal and in the report.
        words.append(textwrap.shorten(printable(outcome.detail), _LONGEST_DETAIL, placeholder=" …"))
    return " ".join(words)


def printable(text: str) -> str:
    """Return a text without what would steer a terminal."""
    # Titles and error texts come from strangers: no escape sequence of theirs reaches the terminal.
    return "".join(character if character.isprintable() else " " for character in text)


def readable_bytes(size: float) -> str:
    """Return a size as people read it, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def readable_count(count: float) -> str:
    """Return a count with its thousands apart, as `27 030`."""
    return f"{count:,.0f}".replace(",", " ")


def print_json(kind: str, content: dict[str, Any]) -> None:
    """Print one JSON object on a line of its own on standard output."""
    click.echo(json.dumps({"type": kind, **content}, default=str, ensure_ascii=False))


def print_table(table: "Table") -> None:
    """Print a table: folded to a terminal's width; in a file or a pipe as wide as it is."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        boundless = console.options.update(width=1 << 16)
        console = Console(width=max(console.width, console.measure(table, options=boundless).maximum))
    console.print(table)
