"""What `avakit verify` tells: a line for each finding, counts, what to do next, a report, and a page."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from avakit.cli.closing import Run
from avakit.cli.display import print_json, printable, readable_bytes, readable_count
from avakit.errors import ExitCode, Interrupted
from avakit.layout import SHA256SUMS
from avakit.model import Finding, FindingKind
from avakit.outcome import decisive

if TYPE_CHECKING:
    from avakit.verify import Depth

_CODES = {FindingKind.MATCH: ExitCode.OK, FindingKind.UNREADABLE: ExitCode.STORAGE}
_MANIFESTS = SHA256SUMS.rpartition("/")[0]
#: Of a path its first so many parts make a row of the page: `ava/rawframes`.
_FOLDER_PARTS = 2


@dataclass
class Tally:
    """What was found, counted: of what is as it should be nothing more is kept.

    Attributes
    ----------
    recorded, looked_at
        How many things the journal or the list has, and how many of them were to be checked.
    depth
        How deep.
    part
        Words for the part that was looked at; empty for the whole root.
    root_digest
        That of the journal, or of the list.
    retold
        How many findings are those of a killed run.
    """

    recorded: int
    looked_at: int
    depth: "Depth"
    part: str = ""
    root_digest: str = ""
    retold: int = 0
    by_kind: Counter[FindingKind] = field(default_factory=Counter)
    folders: dict[str, Counter[FindingKind]] = field(default_factory=dict)
    folder_bytes: Counter[str] = field(default_factory=Counter)
    wrong: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def count(self, finding: Finding) -> None:
        """Take a finding in."""
        self.by_kind[finding.kind] += 1
        folder = "/".join(finding.path.split("/")[:-1][:_FOLDER_PARTS]) or "."
        self.folders.setdefault(folder, Counter())[finding.kind] += 1
        if finding.kind is FindingKind.MATCH:
            self.folder_bytes[folder] += finding.bytes
        else:
            self.wrong.append(finding)

    @property
    def code(self) -> ExitCode:
        """The exit code that the gravest finding asks for."""
        return decisive(_CODES.get(kind, ExitCode.INTEGRITY) for kind in self.by_kind)

    @property
    def words(self) -> str:
        """The counts, and of what part they are."""
        counts = [f"{readable_count(self.by_kind[kind])} {kind}" for kind in FindingKind if self.by_kind[kind]]
        words = ", ".join(counts) or "nothing"
        if self.part:
            of = f"{readable_count(self.looked_at)} of {readable_count(self.recorded)} recorded"
            words += f"; only {of} ({self.part}), not what nobody recorded"
        return words


def line_of(finding: Finding) -> str:
    """Return the line of a finding. Names and details come from disks: none of their characters steers a terminal."""
    detail = f"  ({finding.kind}{': ' + finding.detail if finding.detail else ''})"
    return printable(f"{finding.kind.sigil} {finding.path}{detail}")


def close(given: dict[str, Any], tally: Tally) -> ExitCode:
    """Write the report and the page, show the last line, and return the exit code."""
    code = tally.code
    _write(given, tally, code)
    if given["as_json"]:
        print_json("summary", _facts(tally, code))
        return code
    if tally.root_digest and not given["quiet"]:
        click.echo(f"root sha256:{tally.root_digest}", err=True)
    if code is not ExitCode.OK and not given["repair"]:
        _show_next(given, tally.wrong)
    click.echo(f"avakit verify: {tally.words} -> exit {int(code)}")
    return code


def stopped(given: dict[str, Any], tally: Tally, error: Interrupted, *, is_kept: bool) -> ExitCode:
    """Tell how far a check got that a signal stopped."""
    code = decisive([error.exit_code])
    name = str(error).partition(";")[0]
    _write(given, tally, code)
    if given["as_json"]:
        print_json("summary", {**_facts(tally, code), "why": name, "is_resumable": is_kept})
        return code
    on = "the same command with --resume goes on from here" if is_kept else "progress could not be kept"
    click.echo(f"avakit: {name}; {on}", err=True)
    click.echo(f"avakit verify: {tally.words}, {name} -> exit {int(code)}")
    return code


def _facts(tally: Tally, code: ExitCode) -> dict[str, Any]:
    return {
        "verb": "verify", "depth": tally.depth, "recorded": tally.recorded, "looked_at": tally.looked_at,
        "part": tally.part, "root_sha256": tally.root_digest, "findings": dict(tally.by_kind),
        "notes": tally.notes, "exit_code": int(code),
    }  # fmt: skip


def _write(given: dict[str, Any], tally: Tally, code: ExitCode) -> None:
    Run("verify", "", given["root"], report=given["report"], started=tally.started).write_report(_facts(tally, code))
    if given["html"]:
        from avakit.tools import files
        from avakit.verify import page

        facts = page.Facts(
            root=str(given["root"]), started=tally.started, ended=datetime.now(UTC), exit_code=int(code),
            depth=tally.depth, part=tally.part, recorded=tally.recorded, looked_at=tally.looked_at,
            root_digest=tally.root_digest, by_kind=tally.by_kind, folders=tally.folders,
            folder_bytes=tally.folder_bytes, notes=tally.notes,
        )  # fmt: skip
        text = page.render(facts, tally.wrong, readable_bytes, readable_count)
        files.write_atomically(given["html"].absolute(), text.encode())


def _show_next(given: dict[str, Any], wrong: Sequence[Finding]) -> None:
    kinds = {finding.kind for finding in wrong}
    if any(not each.key and each.path.startswith(_MANIFESTS) for each in wrong):
        click.echo("next: see why the manifests are not the journal's; `avakit manifest` writes them anew", err=True)
    if any(each.kind is FindingKind.UNEXPECTED and not each.key for each in wrong):
        click.echo(
            "next: nobody recorded what is marked `+` outside frame folders; move it away, or delete it", err=True
        )
    if FindingKind.UNSTABLE in kinds:
        click.echo(
            "next: check again what is marked `~`, when nothing writes there; then look at the machine", err=True
        )
    if any(finding.key and finding.kind is not FindingKind.UNSTABLE for finding in wrong) and not given["against"]:
        click.echo("next: `avakit verify --repair` puts back what moved, and makes again what is damaged", err=True)
