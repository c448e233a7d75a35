"""How a run ends: a table by status and reason, what to do next, a report, and one line with the exit code."""

import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avakit import __version__
from avakit.cli.commands import without_secrets
from avakit.cli.display import print_json, print_table, readable_bytes, readable_count
from avakit.errors import AvakitError, ExitCode, RunStopped, Status
from avakit.layout import REPORTS
from avakit.model import Finding, Stage
from avakit.outcome import Outcome, counts, decisive, exit_code
from avakit.tools import files

if TYPE_CHECKING:
    from avakit.manifest import Seal

#: What to do about a reason; a reason without an entry speaks for itself in its detail.
ADVICE = {
    "network": "the network or the server did not answer; run the same command again",
    "timeout": "the network or the server did not answer in time; run the same command again",
    "server_error": "the server had trouble; run the same command again later",
    "rate_limit": "the server asks for fewer requests; run the same command again in an hour, for YouTube with "
    "--sleep 10,20 and --youtube-jobs 1",
    "forbidden": "the server refused; run the same command again in an hour; for YouTube see docs/youtube.md",
    "bot_check": "YouTube wants to see a person; wait some hours, then go on with --sleep 10,20 and --youtube-jobs 1; "
    "--cookies or another --proxy may help (docs/youtube.md)",
    "format": "YouTube offers no format now; a JavaScript runtime may be missing: `avakit doctor`, `--js-runtime`",
    "live": "a premiere or live stream; run the same command again once it is over",
    "not_downloaded": "run `avakit download` (or `avakit prepare`) for these first",
    "other_shard": "run the same command again when the other shards have read their archives",
    "not_listed": "they are on no list of the mirror; `--sources` and `--folder` name other places",
    "not_found": "gone from this address; `--folder DIR` takes copies that you hold",
    "ends_inside_span": "kept and marked; another copy of the film may be longer",
    "unknown": "nobody has met this message yet; run the same command again, and report it if it stays",
    "vanished": "run the same command again, one at a time for one root if you use --drop",
    "resources": "use fewer --jobs, or raise the machine's limits (`ulimit -n`)",
    "damaged": "`avakit verify --repair` makes them again",
    "decode": "another source may hold a sound copy: `--sources`, `--folder`, `--mirror`",
    "truncated": "another source may hold a whole copy: `--sources`, `--folder`, `--mirror`",
    "packets": "another source may hold a sound copy: `--sources`, `--folder`, `--mirror`",
    "timestamps": "another source may hold a sound copy: `--sources`, `--folder`, `--mirror`",
    "not_media": "another source may hold the film itself: `--sources`, `--folder`, `--mirror`",
    "html": "the address gives a web page; look at it in a browser, or name another with `--mirror`",
    "empty": "nothing came; run the same command again, or name another source: `--sources`, `--folder`, `--mirror`",
    "redirect": "the server sends us elsewhere; for a private network of your own --allow-private, else another "
    "`--mirror` (docs/mirrors.md)",
    "storage": "free some space, then run the same command again; what was finished is kept",
    "permission": "make the folder writable, or choose another --root",
    "crashed": "the item broke its worker twice; try it alone with --jobs 1, and look at the memory",
    "bug": "please report it, with the line above",
}
#: What a newer yt-dlp may cure.
_OF_YTDLP = frozenset({"bot_check", "forbidden", "format", "rate_limit", "source_error", "unknown"})
#: So many failures are named in a report; the rest is counted.
SHOWN_FAILURES = 1000
_SCHEMA = 1


@dataclass
class Run:
    """The record of one run: begun with the command, closed with its exit code.

    `seal` is the digest over all that is there in the end, which tells a later reader whether it still is.
    """

    verb: str
    dataset: str
    root: Path
    as_json: bool = False
    quiet: bool = False
    strict: bool = False
    max_unavailable: float = 0.0
    report: Path | None = None
    left: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seal: "Seal | None" = None
    #: What a verb has to tell beyond its outcomes: in the report, and in the last object of --json.
    more: dict[str, Any] = field(default_factory=dict)
    conflicts: list[Finding] = field(default_factory=list)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def close(self, error: AvakitError | None = None) -> ExitCode:
        """Show the table and the last line, write the report, and return the exit code."""
        code = exit_code(self.outcomes, max_unavailable=self.max_unavailable, strict=self.strict)
        self._show_conflicts()
        if self.conflicts:
            code = decisive([code, ExitCode.INTEGRITY])
        if self.left and not isinstance(error, RunStopped):  # which knows whether going on can help
            code = decisive([code, ExitCode.TRANSIENT])
        if error is not None:
            code = decisive([code, error.exit_code])
        self.write_report(self._facts(code, error) | self._failures())
        if error is not None:
            click.echo(f"avakit: {error}", err=True)
        if self.as_json:
            print_json("summary", self._facts(code, error))
        else:
            if not self.quiet and self.outcomes:
                _show_table(self.outcomes)
                _show_next(self.outcomes)
                if code is ExitCode.OK and any(each.attempts and each.is_present for each in self.outcomes):
                    self._show_next_verb()
            if self.seal is not None and not self.quiet:
                click.echo(f"root sha256:{self.seal.sha256} ({readable_count(self.seal.entries)} entries)")
            click.echo(self.last_line(code, error))
        return code

    def _show_conflicts(self) -> None:
        """Name what journals contradict each other about; they may tell of another run on the same root."""
        for finding in self.conflicts:
            click.echo(f"{finding.kind.sigil} {finding.path}  ({finding.kind}: {finding.detail})", err=True)
        if self.conflicts:
            click.echo("next: `avakit verify --repair` keeps what is right on the disk, or makes it again", err=True)

    def _show_next_verb(self) -> None:
        if self.verb == "download":
            click.echo(f"next: `avakit prepare --dataset {self.dataset}` makes what the dataset wants of these videos")
        elif self.verb not in ("fetch", "verify --repair"):
            click.echo("next: `avakit verify` checks every byte of it; `avakit manifest` writes checksums for others")

    def last_line(self, code: ExitCode, error: AvakitError | None = None) -> str:
        """Return the line that names the counts and the reason for the exit code."""
        by_status = Counter(outcome.status for outcome in self.outcomes)
        parts = [f"{readable_count(by_status[status])} {status}" for status in Status if by_status[status]]
        if self.left:
            parts.append(f"{readable_count(self.left)} not tried")
        if self.outcomes and not self.left and not any(outcome.attempts for outcome in self.outcomes):
            parts.append("nothing to do")
        nothing = "nothing could begin" if error else "nothing wanted"
        return f"avakit {self.verb}: {', '.join(parts) or nothing} -> exit {int(code)}{self._why(code, error)}"

    def _facts(self, code: ExitCode, error: AvakitError | None) -> dict[str, Any]:
        table = [
            {"stage": stage, "status": status, "reason": reason, "count": count}
            for (stage, status, reason), count in sorted(counts(self.outcomes).items())
        ]
        return {
            "verb": self.verb, "dataset": self.dataset, "counts": table,
            "not_tried": self.left, "bytes": sum(outcome.bytes for outcome in self.outcomes if outcome.attempts),
            "exit_code": int(code), "why": str(error) if error else self._why(code)[2:-1],
            "notes": self.notes, "conflicts": [finding.path for finding in self.conflicts], **self.more,
            **({"root_sha256": self.seal.sha256, "entries": self.seal.entries} if self.seal else {}),
        }  # fmt: skip

    def _why(self, code: ExitCode, error: AvakitError | None = None) -> str:
        if error is not None:
            return ""
        if code is ExitCode.TRANSIENT and self.left and self.notes:  # who refused us, or what failed alike
            return f" ({', '.join(note.partition('; ')[0] for note in self.notes)})"
        if code is ExitCode.INTEGRITY and self.conflicts:
            others = f" and {len(self.conflicts) - 1} more" if self.conflicts[1:] else ""
            return f" (conflict: {self.conflicts[0].path}{others})"
        return _why(code, self.outcomes)

    def _failures(self) -> dict[str, Any]:
        failures = [o for o in self.outcomes if not o.is_present or o.status is Status.SHORT]
        return {
            "failures": [{k: str(v) for k, v in asdict(o).items()} for o in failures[:SHOWN_FAILURES]],
            "failures_left_out": max(0, len(failures) - SHOWN_FAILURES),
        }

    def write_report(self, facts: dict[str, Any]) -> None:
        """Write the run's report under the root, and where `--report` says."""
        slurm = {name: os.environ[name] for name in sorted(os.environ) if name.startswith("SLURM_") and "JOB" in name}
        content = facts | {
            "schema": _SCHEMA, "avakit": __version__, "arguments": without_secrets(sys.argv[1:]),
            "root": str(self.root), "host": files.host(), "slurm": slurm,
            "started": self.started.isoformat(timespec="seconds"),
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        }  # fmt: skip
        text = json.dumps(content, indent=1, ensure_ascii=False, default=str) + "\n"
        name = f"{self.started:%Y%m%dT%H%M%S}-{self.verb.replace(' ', '')}-{files.host()}-{os.getpid()}.json"
        for path in [self.root / REPORTS / name, *([self.report] if self.report else [])]:
            try:
                files.write_atomically(path, text.encode(errors="backslashreplace"))  # names of files may be any bytes
            except (OSError, AvakitError) as problem:
                # The run's own verdict matters more than its report; say so and go on to it.
                click.echo(f"avakit: the report could not be written to {path}: {problem}", err=True)


def _why(code: ExitCode, outcomes: Sequence[Outcome]) -> str:
    if code is ExitCode.OK:
        return ""
    # What no policy allows decides before what only exceeds one.
    own = (o for o in outcomes if exit_code([o], max_unavailable=1.0) == code)
    allowed = (o for o in outcomes if exit_code([o], strict=True) == code)
    first = next(own, None) or next(allowed, None)
    return f" ({first.stage} {first.item}: {first.status} {first.reason})" if first else ""


def _show_table(outcomes: Sequence[Outcome]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("stage", "status", "reason"):
        table.add_column(column, no_wrap=True)
    table.add_column("count", justify="right", no_wrap=True)
    table.add_column("bytes", justify="right", no_wrap=True)
    sizes: Counter[tuple[str, str, str]] = Counter()
    for outcome in outcomes:
        sizes[outcome.stage, outcome.status, outcome.reason] += outcome.bytes
    for key, count in sorted(counts(outcomes).items()):
        size = readable_bytes(sizes[key]) if sizes[key] else ""
        table.add_row(*key, readable_count(count), size, style=_style(key[1]))
    print_table(table)


def _style(status: Status) -> str:
    if status in (Status.DONE, Status.CACHED):
        return "green"
    return "yellow" if status in (Status.SHORT, Status.UNAVAILABLE, Status.TRANSIENT) else "red"


def _show_next(outcomes: Sequence[Outcome]) -> None:
    if any(outcome.stage is Stage.ANNOTATION and not outcome.is_present for outcome in outcomes):
        click.echo("next: `avakit fetch --from PATH` takes annotation files that you have, from a folder or an archive")
    media = (outcome.reason for outcome in outcomes if outcome.stage is not Stage.ANNOTATION)
    for reason in dict.fromkeys(reason for reason in media if reason in ADVICE):
        click.echo(f"next: {reason}: {ADVICE[reason]}")
    if any(outcome.reason in _OF_YTDLP and "youtube: " in outcome.detail for outcome in outcomes):
        _show_age_of_ytdlp()


def _show_age_of_ytdlp() -> None:
    from avakit.doctor import YTDLP_OLD_DAYS
    from avakit.tools import ytdlp_about

    days = ytdlp_about.age_days()
    if days is not None and days > YTDLP_OLD_DAYS:
        click.echo(f"next: yt-dlp is {days} days old, YouTube changes faster: `pip install -U 'avakit[youtube]'`")
