"""What one worker does with the candidates of one video: each thing is checked, published, and recorded last."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from avakit import journal
from avakit.adopt import bringing, frames, media
from avakit.adopt.job import Candidate, Job, Left, Result, Work
from avakit.adopt.media import Slot, Sound
from avakit.adopt.names import shown
from avakit.errors import ExitCode, ItemFailed, Status
from avakit.journal import Record
from avakit.layout import VIDEO_EXTENSIONS, Layout
from avakit.model import Clip, Stage, Video
from avakit.outcome import Made, Outcome, attempt, crashed
from avakit.tools import video as tools
from avakit.tools.channel import Sender


@dataclass
class _Bench:
    """One video on the bench: what is recorded of it, and what becomes of its candidates; grows as the work goes on."""

    video: Video
    job: Job
    layout: Layout
    known: dict[str, Record]
    result: Result = field(default_factory=Result)
    #: Files of which it can't be told what they are.
    odd: list[tuple[Candidate, Outcome]] = field(default_factory=list)


def do(work: Work, job: Job) -> Result:
    """Adopt what was found of one video; films and windows before clips, frames last."""
    bench = _Bench(work.video, job, job.layout.of(work.video), dict(work.known))
    slots: dict[Slot, list[Candidate]] = {}
    for candidate in work.candidates:
        if candidate.is_folder:
            slots.setdefault(_frames_slot(candidate, bench), []).append(candidate)
        elif (slot := _slot(candidate, bench)) is not None:
            slots.setdefault(slot, []).append(candidate)
    order = list(Stage)
    for slot, candidates in sorted(slots.items(), key=lambda each: order.index(each[0].stage)):
        if slot.stage is Stage.WINDOW and f"{bench.layout.videos}/{bench.video.id}" in bench.known:
            why = "its film is there, and an exact window is cut from that"
            bench.result.left += [Left(each.path, "not_needed", why) for each in candidates]
            continue
        step = _settle_frames if slot.stage is Stage.FRAMES else _settle
        outcome = attempt(partial(step, slot, candidates, bench), slot.name, slot.stage)
        bench.result.outcomes.append(_told(outcome))
        Sender(job.channel, slot.name, slot.stage).settled(outcome.bytes)
        if outcome.is_fatal:
            return bench.result
    for candidate, outcome in bench.odd:
        if any(each.is_present for each in bench.result.outcomes):
            bench.result.left.append(Left(candidate.path, outcome.reason, outcome.detail))
        else:
            bench.result.outcomes.append(_told(replace(outcome, detail=f"{shown(candidate.path)}: {outcome.detail}")))
    return bench.result


def died(work: Work, detail: str) -> Result:
    """Return the result of a video on which the worker process itself died."""
    where = ", ".join(shown(candidate.path) for candidate in work.candidates[:3])
    return Result([crashed(work.video.id, Stage.VIDEO, f"{where}: {detail}")])


def _told(outcome: Outcome) -> Outcome:
    """Return an outcome with the exit code of a tree that can't be read, as `verify` has it."""
    return replace(outcome, exit_code=ExitCode.STORAGE) if outcome.reason == "unreadable" else outcome


def _frames_slot(candidate: Candidate, bench: _Bench) -> Slot:
    item: Video | Clip = bench.video
    if candidate.named.seconds is not None:
        item = media.named_clip(candidate, bench.video)
    return Slot(Stage.FRAMES, bench.layout.frame_folder(item, bench.job.frames), item)


def _slot(candidate: Candidate, bench: _Bench) -> Slot | None:
    """Return what a file is to be adopted as; None if that can't be told."""
    found: list[Slot] = []

    def look() -> Outcome:
        with bringing.reading(Path(candidate.path)):
            bringing.identity(Path(candidate.path))
            found.append(media.slot_of(candidate, bench.video, bench.layout))
        return Outcome(bench.video.id, Stage.VIDEO, Status.DONE)

    outcome = attempt(look, bench.video.id, Stage.VIDEO)
    if found:
        return found[0]
    bench.odd.append((candidate, outcome))
    return None


def _settle(slot: Slot, candidates: list[Candidate], bench: _Bench) -> Outcome:
    """Adopt the best of some files as one thing.

    Raises
    ------
    ItemFailed
        What the first of them failed with, if none passes its checks.
    """
    if slot.key in bench.known:
        return _cached(slot, bench)
    started = time.monotonic()
    sounds, failures = _checked(slot, candidates, bench)
    if not sounds:
        raise _refused(failures, bench)
    best, *others = sorted(sounds, key=partial(_rank, slot, bench.layout))
    made = _published(slot, best, bench)
    bench.result.left += [Left(each.path, why.reason, why.detail) for each, why in failures]
    bench.result.left += [Left(each.candidate.path, "duplicate", f"{made.path} was better") for each in others]
    return _recorded(slot, made, bench, started)


def _checked(
    slot: Slot, candidates: list[Candidate], bench: _Bench
) -> tuple[list[Sound], list[tuple[Candidate, ItemFailed]]]:
    """Check some files, and whatever nobody recorded at their place in the root."""
    sounds: list[Sound] = []
    failures: list[tuple[Candidate, ItemFailed]] = []
    seen: set[tuple[int, int]] = set()
    paths = {candidate.path for candidate in candidates}
    there = (str(bench.layout.absolute(f"{slot.key}.{extension}")) for extension in VIDEO_EXTENSIONS)
    more = [replace(candidates[0], path=path) for path in there if path not in paths and Path(path).is_file()]
    for candidate in [*candidates, *more]:
        path = Path(candidate.path)
        try:
            before = bringing.identity(path)
            if (before.device, before.inode) in seen:
                bench.result.left.append(Left(candidate.path, "duplicate", "the same file under another name"))
                continue
            seen.add((before.device, before.inode))
            with bringing.reading(path):
                sounds.append(media.check(candidate, slot, bench.job))
        except ItemFailed as error:
            failures.append((candidate, error))
    return sounds, failures


def _refused(failures: list[tuple[Candidate, ItemFailed]], bench: _Bench) -> ItemFailed:
    """Return the failure that speaks for a thing of which no file passed; the others are named beside it."""
    (first, why), *others = failures
    bench.result.left += [Left(each.path, error.reason, error.detail) for each, error in others]
    return ItemFailed(why.status, why.reason, f"{shown(first.path)}: {why.detail}")


def _rank(slot: Slot, layout: Layout, sound: Sound) -> tuple[bool, float, int, str]:
    """Order sound files: what lies at its place, then the longest, the largest, the first by its path."""
    path = Path(sound.candidate.path)
    lies_there = path.with_suffix("") == layout.absolute(slot.key)
    return (not lies_there, -float(sound.seconds), -sound.identity.bytes, sound.candidate.path)


def _published(slot: Slot, sound: Sound, bench: _Bench) -> Made:
    source = Path(sound.candidate.path)
    path = f"{slot.key}.{source.suffix[1:].lower()}"
    how = bringing.bring(
        source, bench.layout.absolute(path), sound.identity, sound.sha256, may_copy=bench.job.may_copy
    )  # fmt: skip
    facts: dict[str, Any] = {
        "source": {"name": "adopted", "path": shown(str(source)), "how": how, **sound.identity.plain},
        "probe": sound.checked.probe.plain, "checks": {"decode": bench.job.depth.value}, **sound.facts,
    }  # fmt: skip
    return Made(
        path, sound.identity.bytes, sound.sha256, missing_seconds=float(sound.checked.missing_seconds), facts=facts
    )  # fmt: skip


def _settle_frames(slot: Slot, candidates: list[Candidate], bench: _Bench) -> Outcome:
    """Adopt the first whole folder of frames.

    Raises
    ------
    ItemFailed
        What the first of them failed with, if none is whole.
    """
    if slot.key in bench.known:
        return _cached(slot, bench)
    started = time.monotonic()
    own = bench.layout.absolute(slot.key)
    more = [] if any(Path(each.path) == own for each in candidates) or not own.is_dir() else [
        replace(candidates[0], path=str(own))
    ]  # fmt: skip
    failures: list[tuple[Candidate, ItemFailed]] = []
    made = None
    for candidate in [*more, *candidates]:
        if made is not None:
            bench.result.left.append(Left(candidate.path, "duplicate", f"{made.path} was taken"))
            continue
        tell = Sender(bench.job.channel, slot.name, "adopt", "frames")
        try:
            made = frames.adopt(Path(candidate.path), slot.item, bench.layout, bench.job, tell)
        except ItemFailed as error:
            failures.append((candidate, error))
    if made is None:
        raise _refused(failures, bench)
    bench.result.left += [Left(each.path, why.reason, why.detail) for each, why in failures]
    return _recorded(slot, made, bench, started)


def _recorded(slot: Slot, made: Made, bench: _Bench, started: float) -> Outcome:
    """Write the journal line of a thing that has its place, and what it makes unnecessary."""
    is_short = made.missing_seconds > 0
    status, reason = (Status.SHORT, "ends_inside_span") if is_short else (Status.DONE, "")
    detail = f"it ends {made.missing_seconds:.3f} s before the span does" if is_short else ""
    if slot.stage is Stage.CLIP:
        # The clip needs no video. That line first: killed in between, both are missed.
        _record_removed(bench, journal.DROPPED)
    seconds = round(time.monotonic() - started, 3)
    record = Record(
        slot.key, slot.stage, slot.name, bench.job.dataset, status, reason, detail,
        path=made.path, bytes=made.bytes, sha256=made.sha256, frames=made.frames, seconds=seconds,
        facts={**made.facts, "command": bench.job.command, "tools": tools.versions()},
    )  # fmt: skip
    journal.append(bench.layout.root, record)
    if slot.stage is Stage.WINDOW:
        _record_removed(bench, journal.NOT_NEEDED)
    bench.known[slot.key] = record
    story = "; ".join(part for part in (detail, _story(made.facts)) if part)
    return Outcome(slot.name, slot.stage, status, reason, story, made.path, bytes=made.bytes)


def _record_removed(bench: _Bench, reason: str) -> None:
    key = f"{bench.layout.videos}/{bench.video.id}"
    if key not in bench.known:
        gone = Record(key, Stage.VIDEO, bench.video.id, bench.job.dataset, journal.REMOVED, reason)
        journal.append(bench.layout.root, gone)


def _story(facts: Mapping[str, Any]) -> str:
    """Return what a person may want to know of how a thing was had."""
    source = facts["source"]
    parts = [source["how"] if source["how"] == "in place" else f"{source['how']} from {source['path']}"]
    if facts.get("origin_is_assumed"):
        parts.append(f"second 0 of its film is taken to lie at {facts['origin']} s of its clock")
    return "; ".join(parts)


def _cached(slot: Slot, bench: _Bench) -> Outcome:
    record = bench.known[slot.key]
    status = Status.SHORT if record.status == Status.SHORT else Status.CACHED
    return Outcome(
        slot.name, slot.stage, status, record.reason, record.detail, record.path, bytes=record.bytes, attempts=0
    )
