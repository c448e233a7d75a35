"""The course of an adoption: look through the tree, check what it holds of the dataset, and say what was left."""

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avakit.cli import annotations, commands, setup
from avakit.cli.closing import SHOWN_FAILURES, Run
from avakit.cli.display import Display, print_json, readable_count
from avakit.errors import ConfigInvalid, ExitCode, RunStopped, Status
from avakit.layout import Layout
from avakit.model import Stage
from avakit.outcome import Outcome

if TYPE_CHECKING:
    from avakit.adopt import Job, Left, Matching, Work
    from avakit.adopt.tree import Seen
    from avakit.journal import State
    from avakit.recipes import FrameRecipe

#: Named with --verbose and --json alone; of the rest a person may want to know each.
_MANY = frozenset({"not_in_dataset"})
_WORDS = {"not_in_dataset": "not in the dataset", "other": "other files", "not_needed": "not needed"}


@dataclass
class _Tally:
    """What a run has met: shown as it comes, counted, and so much of it kept as a report holds."""

    tree: Path
    run: Run
    display: Display | None = None
    counts: Counter[str] = field(default_factory=Counter)
    files: list[dict[str, str]] = field(default_factory=list)
    troubles: int = 0

    def note(self, what: "Seen | Left") -> None:
        """Take what is left where it is; or what is wrong with something that would be wanted."""
        from avakit.adopt import Left
        from avakit.adopt.names import shown

        if isinstance(what, Left):
            self._left(shown(what.path), what.reason, what.detail)
            return
        self.troubles += 1
        if self.troubles > SHOWN_FAILURES:  # a million of them would not make it clearer
            self._left(shown(what.path), what.trouble, what.detail)
            return
        is_unsafe = what.trouble == "symlink"
        status, code = (Status.UNSAFE, ExitCode.OK) if is_unsafe else (Status.LOCAL_ERROR, ExitCode.STORAGE)
        name = shown(os.path.relpath(what.path, self.tree))
        self.outcome(Outcome(name, Stage.VIDEO, status, what.trouble, what.detail, exit_code=code))

    def outcome(self, outcome: Outcome) -> None:
        """Take what became of one thing."""
        self.run.outcomes.append(outcome)
        if self.display:
            self.display.outcome(outcome)

    def _left(self, path: str, reason: str, detail: str) -> None:
        self.counts[reason] += 1
        if reason == "other":
            return
        row = {"path": path, "reason": reason, "detail": detail}
        if len(self.files) < SHOWN_FAILURES:
            self.files.append(row)
        if self.display is not None and self.display.as_json:
            print_json("left", row)
        elif self.display is not None and (reason not in _MANY or self.display.verbose):
            self.display.say(f"left {path} [{reason}] {detail}".rstrip())

    def facts(self, missing: Sequence[str]) -> dict[str, Any]:
        """Return what the report says beyond outcomes."""
        return {
            "left": dict(self.counts), "left_files": self.files,
            "missing": len(missing), "missing_items": missing[:SHOWN_FAILURES],
        }  # fmt: skip

    def words(self) -> str:
        """Return the counts of what was left, for a person."""
        parts = [f"{readable_count(count)} {_WORDS.get(why, why)}" for why, count in sorted(self.counts.items())]
        return f"left where they are: {', '.join(parts)}" if parts else "nothing was left"


def adopt(given: dict[str, Any], chosen: setup.Chosen, tree: Path, run: Run) -> RunStopped | None:
    """Do all of it; return why the run should not end well, beyond what its outcomes say.

    Raises
    ------
    ConfigInvalid
        If the tree holds no media.
    """
    from avakit import journal
    from avakit.adopt import Job, Matching, missing
    from avakit.tools.soundness import DecodeCheck

    state = _begin(given, chosen)
    videos = chosen.videos(given["annotations"])
    shown = {name: given[name] for name in ("as_json", "quiet", "verbose")}
    tally = _Tally(tree, run)
    with Display("adopt", 0, **shown) as tally.display:
        matching = _look(tree, chosen.layout, Matching({str(video.id): video for video in videos}, tally.note))
    if not matching.media and not run.outcomes:
        raise ConfigInvalid(f"{tree}: holds no video and no folder of frames; --from names the folder that does")
    recipe = chosen.dataset.frame_recipe
    works = matching.works(chosen.layout, recipe, state.present)
    if given["dry_run"]:
        _show(works, tally, as_json=given["as_json"])
        return None
    run.left = len(works)
    with Display("adopt", sum(len(work.candidates) for work in works), **shown) as tally.display:
        depth = DecodeCheck(given["decode_check"])
        command = commands.keep(chosen.root) if works else ""
        job = Job(chosen.dataset.name, chosen.layout, recipe, depth, given["copy"], tally.display.channel, command)
        _work_off(works, job, given["jobs"], tally)
    names = missing(videos, chosen.layout, recipe, journal.read(chosen.root).present)
    run.more = tally.facts(names)
    if not (given["as_json"] or given["quiet"]):
        click.echo(tally.words())
    return _verdict(chosen, tree, works, names, run)


def _begin(given: dict[str, Any], chosen: setup.Chosen) -> "State":
    """Read the journal; in earnest, also make the root ready."""
    from avakit import journal
    from avakit.tools import files

    state = journal.read(chosen.root)
    if not given["dry_run"]:
        files.check_writable(chosen.root)
        setup.keep_manifest(given, chosen)
        if given["annotations"] is None:
            annotations.record_those_here(chosen, state)
    return state


def _look(tree: Path, layout: Layout, matching: "Matching") -> "Matching":
    """Look through the tree; folders of a root may be links to other disks."""
    from avakit.adopt.tree import walk

    places = (layout, layout.for_clips or layout)
    media = [layout.absolute(folder) for at in places for folder in (at.videos, at.windows, at.clips, at.frames)]
    links = {str(path) for folder in media for path in (folder, *folder.parents) if layout.root in path.parents}
    for seen in walk(str(tree), links, {str(layout.absolute(name)) for name in ("annotations", "exports")}):
        matching.take(seen)
    return matching


def _work_off(works: "list[Work]", job: "Job", jobs: int | None, tally: _Tally) -> None:
    from avakit import execute
    from avakit.adopt import died, do

    _sweep(works, job.layout, job.frames)
    workers = min(jobs or execute.usable_cores(), len(works))
    with closing(execute.run(partial(do, job=job), works, jobs=workers, on_crash=died)) as results:
        for result in results:
            tally.run.left -= 1
            for outcome in result.outcomes:
                tally.outcome(outcome)
            for left in result.left:
                tally.note(left)
            if any(outcome.is_fatal for outcome in result.outcomes):
                return


def _sweep(works: "list[Work]", layout: Layout, recipe: "FrameRecipe") -> None:
    """Remove what killed runs left half-done in the folders that are worked in."""
    from avakit.adopt import keys_of
    from avakit.tools import leftovers

    keys = (key for work in works for key in keys_of(work.video, layout.of(work.video), recipe))
    for folder in {key.rpartition("/")[0] for key in keys}:
        leftovers.sweep(layout.absolute(folder))


def _show(works: "list[Work]", tally: _Tally, *, as_json: bool) -> None:
    """Say what would be checked."""
    from avakit.adopt.names import shown

    found = [(work.video.id, shown(candidate.path)) for work in works for candidate in work.candidates]
    for video_id, path in found:
        if as_json:
            print_json("candidate", {"item": video_id, "path": path})
        else:
            click.echo(f"would check {path}")
    if not as_json:
        what = f"{readable_count(len(found))} to check, of {readable_count(len(works))} videos"
        click.echo(f"{what}; {tally.words()}; nothing was touched")


def _verdict(chosen: setup.Chosen, tree: Path, works: "list[Work]", missing: list[str], run: Run) -> RunStopped | None:
    if not works and not run.outcomes:
        of = f"{chosen.dataset.name} ({', '.join(chosen.splits)})"
        return RunStopped(f"{tree}: nothing in it is of {of}; choose another --dataset or --split", ExitCode.USAGE)
    number = f"{readable_count(len(missing))} item{'s' * (len(missing) != 1)}"
    told = f"of {chosen.dataset.name}, {number} without a file"
    if missing and run.strict:
        return RunStopped(told, ExitCode.GAPS)
    if missing and not (run.as_json or run.quiet):
        click.echo(f"{told}: the report names them, `avakit download` asks for them")
    return None
