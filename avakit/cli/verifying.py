"""The course of `avakit verify`: choose, check, tell, mend."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from avakit.cli import mending, narrowing, setup, telling, timing
from avakit.cli.display import Display, print_json, readable_count
from avakit.errors import ExitCode, Interrupted
from avakit.layout import ROOT
from avakit.model import Finding, FindingKind

if TYPE_CHECKING:
    from avakit.cli.telling import Tally
    from avakit.journal import Record, State
    from avakit.verify import Against, Checkpoint, Depth, Thing, Verification


def run(given: dict[str, Any], by_hand: frozenset[str]) -> ExitCode:
    """Check, tell, and with `--repair` mend; return the exit code."""
    given = {**given, "root": given["root"].absolute()}
    course, tally, state = _begin(given, by_hand)
    sums = _sums(state)
    views = _views(given, sums, tally) if sums and course.whole_root else []
    try:
        _expect_root(given, course, sums, tally)
        check(given, course, tally)
        for finding in views:
            show(given, finding, tally)
        if given["timing"] and state is not None:
            _check_timing(given, state, course, tally)
    except Interrupted as error:
        for finding in course.held:
            show(given, finding, tally)
        is_kept = course.checkpoint.is_kept
        course.checkpoint.close(is_finished=False)
        return telling.stopped(given, tally, error, is_kept=is_kept)
    course.checkpoint.close(is_finished=True)
    if given["repair"] and not given["dry_run"]:
        setup.sweep(given["root"])
    code = telling.close(given, tally)
    if given["repair"] and not given["dry_run"] and code is not ExitCode.OK and state is not None:
        code = mending.repair(given, state, tally, course.depth)
    return code


def _begin(given: dict[str, Any], by_hand: frozenset[str]) -> "tuple[Verification, Tally, State | None]":
    from avakit import execute, journal, manifest
    from avakit.verify import Depth, Verification, against, listing, part

    depth = Depth.QUICK if given["quick"] else Depth.DEEP if given["deep"] else Depth.FULL
    given["jobs"] = given["jobs"] or execute.usable_cores()
    state: State | None = None
    outside: Against | None = None
    records: list[Record | Thing]
    if given["against"]:
        path = given["against"].absolute()
        outside = against.read(given["root"], path, manifest.sums_of(path, listing.read(path)))
        records = list(outside.things)
    else:
        state = journal.read(given["root"])
        given["sample"] = None  # of what is recorded, not of the videos
        records = [*(narrowing.narrow(given, state, by_hand) if by_hand else state.present.values())]
    chosen = part.take(records, share=given["share"], subset=given["subset"], seed=given["seed"])
    recorded = len(state.present) if state else len(records)
    tally = telling.Tally(recorded, len(chosen), depth, _part_of(given, by_hand), outside.sha256 if outside else "")
    whole = not by_hand and len(chosen) == len(records) and not (given["share"] or given["subset"])
    course = Verification(given["root"], chosen, depth, given["jobs"], state, outside, whole)
    if chosen:
        course.checkpoint = _checkpoint(given, by_hand, depth, outside)
    tally.retold = sum(course.was_checked(record) for record in chosen)
    return course, tally, state


def _part_of(given: dict[str, Any], by_hand: frozenset[str]) -> str:
    """Return the words for the part of the root that is looked at; none for all of it."""
    words = narrowing.options_of(by_hand)
    words += [f"sample {float(given['share']):.4g}"] if given["share"] else []
    words += [f"subset {given['subset']}"] if given["subset"] else []
    return ", ".join(words)


def _checkpoint(
    given: dict[str, Any], by_hand: frozenset[str], depth: "Depth", outside: "Against | None"
) -> "Checkpoint":
    from avakit.verify import checkpoint

    selection = {name: given[name] for name in by_hand} | {
        "depth": depth, "share": given["share"], "subset": given["subset"], "seed": given["seed"],
        "against": outside.sha256 if outside else "", "dataset": given["dataset"] if by_hand else "",
    }  # fmt: skip
    return checkpoint.begin(given["root"], selection, is_resumed=given["resume"])


def _sums(state: "State | None") -> str:
    """Return what `SHA256SUMS` is by the journal; nothing where a list counts instead, or nothing is recorded."""
    from avakit import manifest

    return manifest.sha256sums(state) if state is not None else ""


def _views(given: dict[str, Any], sums: str, tally: "Tally") -> list[Finding]:
    """Look at what lies in the root for others; tell at once what is worth a word, return what is wrong."""
    from avakit.verify import views

    seen = views.check(given["root"], sums)
    tally.notes += seen.notes
    return seen.findings


def _expect_root(given: dict[str, Any], course: "Verification", sums: str, tally: "Tally") -> None:
    """Compare the root digest with the one that was kept elsewhere."""
    from avakit import checksums
    from avakit.verify import views

    if sums:
        tally.root_digest = checksums.root_digest(sums)
    if given["expect_root"]:
        where = str(given["against"]) if course.against else ROOT
        wrong = views.root_mismatch(tally.root_digest, given["expect_root"], where)
        if wrong:
            show(given, wrong, tally)


def check(given: dict[str, Any], course: "Verification", tally: "Tally") -> None:
    """Check what is recorded, and show each finding as it comes."""
    left = {record.key for record in course.records}
    with Display("verify", len(left), **{name: given[name] for name in ("as_json", "quiet", "verbose")}) as display:
        if given["resume"]:
            known = readable_count(tally.retold)
            display.say(f"{known} of {readable_count(len(left))} were checked before; their findings are told again")
        for finding in course.findings():
            if finding.key in left:
                left.discard(finding.key)
                display.settle(finding.key, "", finding.bytes)
            show(given, finding, tally, display)
        for note in tally.notes:
            display.say(note)


def show(given: dict[str, Any], finding: Finding, tally: "Tally", display: Display | None = None) -> None:
    """Count a finding, and print it for whoever reads."""
    tally.count(finding)
    if given["as_json"]:
        print_json("finding", asdict(finding))
    elif finding.kind is not FindingKind.MATCH or given["verbose"]:
        line = telling.line_of(finding)
        (display.result if display else click.echo)(line)


def _check_timing(given: dict[str, Any], state: "State", course: "Verification", tally: "Tally") -> None:
    wrong = {finding.key for finding in tally.wrong}
    keys = {record.key for record in course.records}
    records = [record for record in state.present.values() if record.key in keys - wrong]

    def tell(given: dict[str, Any], finding: Finding, display: Display) -> None:
        # What matches was counted when its bytes were checked.
        if finding.kind is not FindingKind.MATCH:
            show(given, finding, tally, display)

    timing.check(given, state, records, tell)
