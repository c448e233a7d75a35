"""`avakit verify`: the root against its journal; `--repair` mends it."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avakit.cli import making, options, repairing, setup, timing, youtube
from avakit.cli.closing import Run
from avakit.cli.display import Display, print_json, readable_count
from avakit.cli.settings import Verb
from avakit.errors import ConfigInvalid, ExitCode
from avakit.model import Finding, FindingKind
from avakit.outcome import decisive

if TYPE_CHECKING:
    from avakit.journal import Record, State
    from avakit.verify import Depth

_CODES = {FindingKind.MATCH: ExitCode.OK, FindingKind.UNREADABLE: ExitCode.STORAGE}
#: Options that narrow the check to a part of the root.
_NARROWING = (
    "dataset", "manifest", "splits", "ids", "ids_file", "classes", "min_samples", "balanced", "sample", "limit",
    "shard",
)  # fmt: skip


@click.command("verify", cls=Verb)
@options.selection
@options.sources
@youtube.options
@options.decode_check
@options.option("--quick", is_flag=True, help="Only names, sizes and sets; no byte is read.")
@options.option("--timing", is_flag=True, help="Also check from their sources what instants frames show.")
@options.option("--repair", is_flag=True, help="Move what is damaged to quarantine, and make it again.")
@options.run
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Check the root against its journal, in both directions; name every finding.

    Without further options the whole root is checked, every byte. Lines begin with `*` differs, `-` missing,
    `+` unexpected, `!` unreadable or unsafe.
    """
    from avakit import execute, journal
    from avakit.verify import Depth

    root = given["root"].absolute()
    depth = Depth.QUICK if given["quick"] else Depth.FULL
    given["jobs"] = given["jobs"] or execute.usable_cores()
    by_hand = {name for name in _NARROWING if ctx.get_parameter_source(name) in _given_by_hand()}
    with making.interruptible():
        state = journal.read(root)
        if by_hand and not by_hand & {"dataset", "manifest"}:
            given["dataset"] = _only_dataset(state)
        records = _narrow(given, state) if by_hand else list(state.present.values())
        findings = _check(given, state, records, depth, whole_root=not by_hand)
        if given["timing"]:
            wrong = {finding.key for finding in findings if finding.kind is not FindingKind.MATCH}
            right = [record for record in records if record.key not in wrong]
            findings += timing.check(given, state, right, _show)
        code = _close(given, findings)
        if given["repair"] and not given["dry_run"]:
            setup.sweep(root)
        if given["repair"] and not given["dry_run"] and code is not ExitCode.OK:
            code = _repair(given, root, state, findings, depth)
    return code


def _given_by_hand() -> tuple[click.core.ParameterSource, ...]:
    return (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT)


def _only_dataset(state: "State") -> str:
    """Return the dataset that a selection without --dataset means: the one that the root holds."""
    names = sorted({record.dataset for record in state.present.values()})
    if len(names) != 1:
        raise ConfigInvalid(f"this root holds {', '.join(names) or 'no dataset'}; say which with --dataset")
    return names[0]


def _narrow(given: dict[str, Any], state: "State") -> "list[Record]":
    """Return the records of the chosen videos, whatever was made of them, and of the dataset's annotation files."""
    chosen = setup.choose(given)
    ids = {video.id for video in chosen.videos()}
    layout = chosen.layout
    places = (layout, layout.for_clips or layout)
    media = tuple(f for at in places for f in (at.videos, at.windows, at.clips, at.audio, at.frames, at.key_frames))
    known = [*state.present.values(), *state.lost.values()]
    return [
        record
        for record in known
        if record.path.startswith(f"{layout.annotations}/")
        or (record.item[:11] in ids and record.path.startswith(media))
    ]


def _check(
    given: dict[str, Any], state: "State", records: "list[Record]", depth: "Depth", *, whole_root: bool
) -> list[Finding]:
    from avakit.verify import verify

    root = given["root"].absolute()
    sizes = {record.key: record.bytes for record in records}
    findings = []
    with Display("verify", len(records), **{name: given[name] for name in ("as_json", "quiet", "verbose")}) as display:
        for finding in verify(root, state, records, depth=depth, jobs=given["jobs"], whole_root=whole_root):
            findings.append(finding)
            if finding.key in sizes:
                display.settle(finding.key, "", sizes.pop(finding.key))
            _show(given, finding, display)
    return findings


def _show(given: dict[str, Any], finding: Finding, display: Display) -> None:
    if given["as_json"]:
        print_json("finding", asdict(finding))
    elif finding.kind is not FindingKind.MATCH or given["verbose"]:
        detail = f"  ({finding.kind}{': ' + finding.detail if finding.detail else ''})"
        display.result(f"{finding.kind.sigil} {finding.path}{detail}")


def _close(given: dict[str, Any], findings: list[Finding]) -> ExitCode:
    by_kind = Counter(finding.kind for finding in findings)
    code = decisive(_CODES.get(kind, ExitCode.INTEGRITY) for kind in by_kind)
    words = ", ".join(f"{readable_count(by_kind[kind])} {kind}" for kind in FindingKind if by_kind[kind])
    run = Run("verify", "", given["root"].absolute(), report=given["report"])
    run.write_report({"findings": dict(by_kind), "exit_code": int(code)})
    if given["as_json"]:
        print_json("summary", {"verb": "verify", "findings": dict(by_kind), "exit_code": int(code)})
    else:
        click.echo(f"avakit verify: {words} -> exit {int(code)}")
        if code is not ExitCode.OK and not given["repair"]:
            _show_next(findings)
    return code


def _show_next(findings: list[Finding]) -> None:
    bad = [finding for finding in findings if finding.kind is not FindingKind.MATCH]
    if any(not finding.key for finding in bad):
        click.echo(
            "next: nobody recorded what is marked `+` outside frame folders; move it away, or delete it", err=True
        )
    if any(finding.key for finding in bad):
        click.echo("next: `avakit verify --repair` moves what is damaged to quarantine and makes it again", err=True)


def _repair(given: dict[str, Any], root: Path, state: "State", findings: list[Finding], depth: "Depth") -> ExitCode:
    from avakit import journal
    from avakit.prepare.repair import quarantine

    lost = quarantine(root, state, findings)
    codes = [
        repairing.remake(given, name, [r for r in lost if r.dataset == name])
        for name in sorted({r.dataset for r in lost})
    ]
    touched = {finding.key for finding in findings if finding.kind is not FindingKind.MATCH}
    state = journal.read(root)
    again = [record for key, record in {**state.lost, **state.present}.items() if key in touched]
    left = [finding for finding in findings if not finding.key and finding.kind is not FindingKind.MATCH]
    after = [*(_check(given, state, again, depth, whole_root=False) if again else []), *left]
    return decisive([*codes, _close({**given, "repair": True}, after)])
