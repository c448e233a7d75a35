"""The course of every verb that makes something: choose, plan, run, close."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from avakit.cli import annotations, archiving, commands, setup
from avakit.cli.closing import Run
from avakit.cli.display import Display, print_json, readable_count
from avakit.errors import AvakitError, ConfigInvalid, ExitCode, Interrupted, Status
from avakit.layout import SHA256SUMS
from avakit.model import Stage

if TYPE_CHECKING:
    from avakit.datasets.catalogue import Dataset
    from avakit.journal import State
    from avakit.manifest import Seal
    from avakit.prepare import Job, Plan
    from avakit.prepare.errands import Errand

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first signal into `Interrupted`; a second one ends the process at once.

    The handlers are set even where the shell told us to ignore SIGINT (a job started with `&`).
    """

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        for name in _SIGNALS:
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        raise Interrupted(number)

    before = {name: signal.signal(getattr(signal, name), stop) for name in _SIGNALS if hasattr(signal, name)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def make(verb: str, given: dict[str, Any], stages_of: Callable[["Dataset"], tuple[Stage, ...]]) -> ExitCode:
    """Run one of the verbs that make something, and return its exit code."""
    from avakit import prepare
    from avakit.prepare.errands import assume

    chosen = setup.choose(given)
    job = setup.job_of(given, chosen, stages_of(chosen.dataset))
    if verb == "download":
        job = archiving.with_clips(job, chosen)
    if not given["dry_run"]:
        _require(chosen, job)
        prepare.get_ready()
        setup.keep_manifest(given, chosen)
    run = begin(verb, given, chosen)
    with interruptible():
        try:
            plan = _plan(given, chosen, job, run)
            job, plan, errands = archiving.choose(given, chosen, job, plan)
            if verb == "download" and not errands and not any(each.name == "archive" for each in job.sources):
                job = replace(job, stages=(Stage.VIDEO,))
                plan = _plan(given, chosen, job, run)
            if given["dry_run"]:
                archiving.show(errands, chosen.dataset.expect, as_json=given["as_json"])
                left = assume(plan, errands)
                return _show_plan(given, job, left.without(Stage.CLIP) if verb == "download" else left, errands)
            _require_room(given, chosen, job, plan, errands)
            if plan.works or errands:
                job = replace(job, command=commands.keep(chosen.root))
            job, plan = _from_archives(given, chosen, job, plan, errands, run)
            if verb == "download":
                plan = plan.without(Stage.CLIP)
            run_plan(given, job, plan, run)
        except AvakitError as error:
            if given["dry_run"]:
                raise  # not even a report is written
            return close(run, error)
    return close(run, is_wanted=verb == "prepare", writes=not given.get("shard"))


def _require(chosen: setup.Chosen, job: "Job") -> None:
    """Refuse to begin what can't succeed: no shared folder, libraries that fail, a root that can't be written to."""
    from avakit.frames import selftest
    from avakit.tools import http_limits

    if Stage.VIDEO in job.stages:
        http_limits.require_shared_folder()
    if Stage.FRAMES in job.stages:
        selftest.require()
    setup.open_root(chosen.root)


def begin(verb: str, given: dict[str, Any], chosen: setup.Chosen) -> Run:
    """Open the record of a run."""
    percent = given.get("max_unavailable")
    report = given.get("report")
    if report is not None and not report.absolute().parent.is_dir():
        raise ConfigInvalid(f"--report {report}: there is no folder {report.absolute().parent}")
    return Run(
        verb=verb, dataset=chosen.dataset.name, root=chosen.root, as_json=given["as_json"], quiet=given["quiet"],
        strict=given["strict"], report=report,
        max_unavailable=chosen.dataset.max_unavailable if percent is None else percent / 100,
    )  # fmt: skip


def _plan(given: dict[str, Any], chosen: setup.Chosen, job: "Job", run: Run) -> "Plan":
    from avakit import journal, prepare

    with Display(run.verb, 0, as_json=given["as_json"], quiet=given["quiet"], verbose=given["verbose"]) as display:
        state = journal.read(chosen.root)
        if state.torn:
            display.say(f"{state.torn} torn journal line(s), as a kill leaves them, were skipped")
        if given["dry_run"]:
            annotations.require_annotations(chosen)
        else:
            annotations.ensure_annotations(chosen, state, display.say)
        plan = prepare.make_plan(job, chosen.videos(), state)
        if given.get("retry"):
            plan = prepare.only_failed(plan, state, given["retry"])
            young = sum(outcome.status is Status.UNAVAILABLE for outcome in plan.settled)
            if young and given["retry"] != "transient":
                display.say(f"{young} are unavailable and not asked again yet; `--recheck-after 0` asks now")
    return plan


def _require_room(
    given: dict[str, Any], chosen: setup.Chosen, job: "Job", plan: "Plan", errands: "list[Errand]"
) -> None:
    from avakit import execute, journal
    from avakit.prepare.estimate import estimate
    from avakit.prepare.room import require_room
    from avakit.prepare.sampling import SAMPLE_HEADS, ask_mirrors

    if given["no_space_check"]:
        return
    jobs, state = given["jobs"] or execute.usable_cores(), journal.read(chosen.root)
    samples = ask_mirrors(job, plan, errands, SAMPLE_HEADS)
    lines, _ = estimate(job, plan, state, chosen.dataset.expect, jobs=jobs, samples=samples, errands=errands)
    require_room(job, lines)


def _from_archives(
    given: dict[str, Any], chosen: setup.Chosen, job: "Job", plan: "Plan", errands: "list[Errand]", run: Run
) -> "tuple[Job, Plan]":
    try:
        return archiving.take(given, chosen, job, plan, errands, run)
    except Interrupted:
        _count_finished(job, plan, run)
        raise


def run_plan(given: dict[str, Any], job: "Job", plan: "Plan", run: Run) -> None:
    """Carry out a plan, show it, and note every outcome in `run`."""
    from avakit import execute, prepare

    jobs = given["jobs"] or execute.usable_cores()
    busy = min(jobs, len(plan.works)) or 1
    job = replace(job, threads=max(1, execute.usable_cores() // busy))
    run.left = plan.targets
    with Display(
        run.verb, plan.targets, as_json=given["as_json"], quiet=given["quiet"], verbose=given["verbose"]
    ) as display:
        job = replace(job, channel=display.channel)

        def say(line: str) -> None:
            run.notes.append(line)
            display.say(line, is_failure=True)

        try:
            with closing(prepare.run(job, plan, jobs=jobs, say=say)) as outcomes:
                for number, outcome in enumerate(outcomes):
                    run.outcomes.append(outcome)
                    if number >= len(plan.settled):
                        run.left -= 1
                    display.outcome(outcome)
        except Interrupted:
            _count_finished(job, plan, run)
            raise


def _count_finished(job: "Job", plan: "Plan", run: Run) -> None:
    """Count what workers had published and recorded when the run was stopped, before they could tell."""
    from avakit import journal
    from avakit.outcome import Outcome

    told = {(outcome.item, outcome.stage) for outcome in run.outcomes}
    present = journal.read(job.root).present
    for target in (target for work in plan.works for target in work.targets):
        record = present.get(target.key)
        if record is not None and record != target.found and (target.name, target.stage) not in told:
            run.left -= 1
            run.outcomes.append(
                Outcome(target.name, target.stage, Status(record.status), path=record.path, bytes=record.bytes)
            )


def _show_plan(given: dict[str, Any], job: "Job", plan: "Plan", errands: "list[Errand]") -> ExitCode:
    """Tell what would be taken out of archives, and what of the plan is left then."""
    from avakit.prepare.plan import Target

    layout = job.layout.for_clips or job.layout
    clips = [clip for errand in errands for clip in errand.hoped.values()]
    taken = [Target(Stage.CLIP, layout.clip_key(clip), clip) for clip in clips]
    made = [target for work in plan.works for target in work.targets]
    for number, target in enumerate(taken + made):
        is_taken = number < len(taken)
        if given["as_json"]:
            row = {"stage": target.stage, "item": target.name, "key": target.key}
            row |= {"found": target.found.path} if target.found else {}
            print_json("target", {**row, "source": "archive"} if is_taken else row)
        elif is_taken:
            click.echo(f"would take {target.stage} {target.key} out of an archive")
        elif target.found:
            click.echo(f"would keep {target.stage} {target.key} in a {job.packing}")
        else:
            click.echo(f"would make {target.stage} {target.key}")
    if not given["as_json"]:
        there = readable_count(len(plan.settled))
        click.echo(f"{readable_count(len(taken) + len(made))} to make, {there} settled; nothing was touched")
    return ExitCode.OK


def seal(root: Path, *, is_wanted: bool = False, writes: bool = True) -> "Seal | None":
    """Return the seal of what is there now; write the manifests anew if they are wanted, or there and grown stale."""
    from avakit import journal

    return _sealed(root, journal.read(root), is_wanted=is_wanted, writes=writes)


def _sealed(root: Path, state: "State", *, is_wanted: bool, writes: bool) -> "Seal | None":
    from avakit import manifest

    if state.present and writes and (is_wanted or (root / SHA256SUMS).exists()):
        return manifest.write(root, state)
    return manifest.seal(state)


def close(run: Run, error: AvakitError | None = None, *, is_wanted: bool = False, writes: bool = True) -> ExitCode:
    """Seal what is there, find what journals contradict each other about, close the run, and return its exit code.

    After an error nothing but the report is written, and what can't be read then is not told: the error matters more.
    """
    from avakit import journal
    from avakit.journal.conflicts import conflicts

    with suppress(AvakitError, OSError) if error else nullcontext():
        state = journal.read(run.root)
        run.conflicts = list(conflicts(run.root, state))
        run.seal = _sealed(run.root, state, is_wanted=is_wanted, writes=writes and error is None)
    return run.close(error)
