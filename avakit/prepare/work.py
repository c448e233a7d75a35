"""What one worker does with one video: step by step, each published and recorded before the next begins."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from avakit import checksums, download, frames, journal
from avakit.errors import Status
from avakit.journal import Record
from avakit.layout import frame_times
from avakit.model import Clip, Stage, Video
from avakit.outcome import Made, Outcome, attempt, crashed
from avakit.prepare import cutting, shelving, windows, writing_off
from avakit.prepare.inputs import Input, inputs
from avakit.prepare.job import Job
from avakit.prepare.keyframes import key_targets
from avakit.prepare.plan import Target, Work, makes
from avakit.recipes import COPY
from avakit.tools import files
from avakit.tools.breaker import NOT_ASKED
from avakit.tools.channel import Sender
from avakit.tools.soundness import DecodeCheck
from avakit.tools.video import versions
from avakit.tools.ytdlp_errors import TABLE_VERSION

#: What the record of a clip that is linked takes over.
_OF_TWINS = ("span", "origin", "times", "margin_missing_seconds", "checks")


@dataclass
class _Bench:
    """One video on the bench: what is there of it and what could not be had; grows as the steps go on.

    `ahead` holds the keys of what came without having its turn: the window, where it was fetched without the video.
    """

    video: Video
    job: Job
    present: dict[str, Record]
    gaps: dict[str, Record]
    twins: Mapping[str, Record]
    recorded: Mapping[str, Record]
    newer_than: Mapping[str, str]
    ahead: set[str] = field(default_factory=set)


def do(work: Work, job: Job) -> tuple[Outcome, ...]:
    """Make every target of one video; return one outcome for each but those left because a source blocks us."""
    job = job.of(work.video)
    bench = _Bench(work.video, job, dict(work.known), dict(work.gaps), work.twins, work.recorded, work.newer_than)
    outcomes: list[Outcome] = []
    for target in work.targets:
        outcome = _settled(target, bench)
        if outcome is None:
            step = partial(shelving.change, target, job) if target.found else partial(_make, target, bench)
            outcome = attempt(step, target.name, target.stage)
            if not outcome.is_present:
                bench.gaps[target.key] = _record_gap(target, outcome, job, work.newer_than)
        outcomes.append(outcome)
        if outcome.reason == NOT_ASKED:
            continue
        Sender(job.channel, target.name, target.stage).settled(outcome.bytes)
        if outcome.is_fatal:
            break
    if all(outcome.is_present or outcome.reason == "no_audio" for outcome in outcomes):
        _drop(bench)
    return tuple(outcome for outcome in outcomes if outcome.reason != NOT_ASKED)


def died(work: Work, detail: str, job: Job) -> tuple[Outcome, ...]:
    """Return and record the outcomes of a video on which the worker process itself died."""
    outcomes = tuple(crashed(target.name, target.stage, detail) for target in work.targets)
    for target, outcome in zip(work.targets, outcomes, strict=True):
        _record_gap(target, outcome, job, work.newer_than)
    return outcomes


def _settled(target: Target, bench: _Bench) -> Outcome | None:
    """Return the outcome of a target that came with an earlier one, or whose input is not there.

    The latter shares the fate of the video.
    """
    if target.key in bench.ahead:
        record = bench.present[target.key]
        return Outcome(target.name, target.stage, Status.CACHED, path=record.path, bytes=record.bytes, attempts=0)
    if target.stage is Stage.VIDEO or target.found or _twin(target, bench) or _inputs(target, bench):
        return None
    gap = bench.gaps.get(f"{bench.job.layout.videos}/{bench.video.id}")
    if gap is None:
        detail = "its video is not here yet; run `avakit download` first"
        return Outcome(target.name, target.stage, Status.TRANSIENT, "not_downloaded", detail)
    return Outcome(target.name, target.stage, Status(gap.status), gap.reason, "its video can't be had")


def _make(target: Target, bench: _Bench) -> Outcome:
    makers = {
        Stage.VIDEO: _video, Stage.WINDOW: _window, Stage.CLIP: _clip, Stage.AUDIO: _audio, Stage.FRAMES: _frames,
    }  # fmt: skip
    started = time.monotonic()
    with writing_off.written_off(_recorded(target, bench), job=bench.job):
        made = makers[target.stage](target, bench)
    is_short = made.missing_seconds > 0
    status, reason = (Status.SHORT, "ends_inside_span") if is_short else (Status.DONE, "")
    detail = f"the film ends {made.missing_seconds:.3f} s before the span does" if is_short else ""
    key = made.path.rpartition(".")[0] if made.stage else target.key
    facts = {**_checks(made, target, bench.job), **made.facts, **bench.job.facts, "tools": versions()}
    record = Record(
        key, made.stage or target.stage, target.name, bench.job.dataset, status, reason, detail,
        path=made.path, bytes=made.bytes, sha256=made.sha256, frames=made.frames,
        seconds=round(time.monotonic() - started, 3), facts=facts, time=journal.now(bench.newer_than.get(key, "")),
    )  # fmt: skip
    journal.append(bench.job.root, record)
    if record.stage is Stage.FRAMES:
        shelving.tidy(bench.job.root, record)
    bench.present[record.key] = record
    if record.key != target.key:
        bench.ahead.add(record.key)
        _record_removed(target, bench, journal.NOT_NEEDED)
    return Outcome(
        target.name,
        target.stage,
        status,
        reason,
        detail or _story(made),
        path=made.path,
        source=made.source,
        bytes=made.bytes,
    )


def _checks(made: Made, target: Target, job: Job) -> dict[str, Any]:
    """Return how deep a thing was looked at: a delivery as it was asked for, what was decoded for it, to the full."""
    recipe = made.facts.get("recipe", {})
    if target.stage is Stage.VIDEO:
        depth = job.decode_check
    elif (target.stage is Stage.WINDOW and not recipe) or COPY in (recipe.get("mode"), recipe.get("form")):
        depth = DecodeCheck.DEMUX
    else:
        depth = DecodeCheck.FULL
    return {"checks": {"decode": depth.value}}


def _recorded(target: Target, bench: _Bench) -> list[Record]:
    """Return what the journal says is there of what is about to be made."""
    return [bench.recorded[key] for key in makes(target, bench.job) if key in bench.recorded]


def _story(made: Made) -> str:
    """Return what a person may want to know of how a thing was had."""
    parts = [f"after {name}: {why}" for name, why in made.facts.get("tried_before", {}).items()]
    if why := made.facts.get("whole_because"):
        parts.append(f"the whole film was fetched: {why}")
    if seeks := made.facts.get("timing", {}).get("seeks"):
        parts.append(
            f"{made.facts['timing']['decoded']} source frames decoded, the film between them jumped over ({seeks}x)"
        )
    if made.stage is Stage.WINDOW:
        source = made.facts["source"]
        parts.append(f"of the film only its window: {source['fetched_bytes']} of {source['bytes']} bytes")
    return "; ".join(parts + cutting.story(made.facts))


def _video(target: Target, bench: _Bench) -> Made:
    if target.key not in bench.present:
        adopted = download.adopt(bench.video, bench.job.layout, bench.job.decode_check)
        if adopted is not None:
            return adopted
    return windows.fetch(bench.video, bench.job, Sender(bench.job.channel, bench.video.id, "download"))


def _window(target: Target, bench: _Bench) -> Made:
    assert isinstance(target.item, Video)  # noqa: S101
    return cutting.window(target.item, _first(target, bench), bench.job, _cut_sender(target, bench))


def _clip(target: Target, bench: _Bench) -> Made:
    assert isinstance(target.item, Clip)  # noqa: S101
    twin = _twin(target, bench)
    if twin is not None:
        return _link(target.item, twin, bench)
    return cutting.clip(target.item, _first(target, bench), bench.job, _cut_sender(target, bench))


def _audio(target: Target, bench: _Bench) -> Made:
    Sender(bench.job.channel, target.name, "audio")(0)
    return cutting.audio(target.item, _first(target, bench), bench.job)


def _cut_sender(target: Target, bench: _Bench) -> Sender:
    sender = Sender(bench.job.channel, target.name, "cut", "frames")
    sender(0)
    return sender


def _twin(target: Target, bench: _Bench) -> Record | None:
    """Return the same clip of another dataset, if its bytes are still those that were recorded."""
    twin = bench.twins.get(target.key)
    path = bench.job.layout.absolute(twin.path) if twin is not None else None
    return twin if path is not None and path.is_file() and files.sha256(path) == (twin and twin.sha256) else None


def _link(clip: Clip, twin: Record, bench: _Bench) -> Made:
    """Publish a clip that another dataset has: a hard link where the file system allows, else a copy."""
    layout = bench.job.layout
    path = layout.cut_clip(clip)
    final = layout.absolute(path)
    with files.partial(final) as unpublished:
        files.link_or_copy(layout.absolute(twin.path), unpublished)
        files.publish(unpublished, final)
    origin = {"path": twin.path, "sha256": twin.sha256}
    kept = {name: twin.facts[name] for name in _OF_TWINS if name in twin.facts}
    facts = {"from": origin, "source": {"name": "linked"}, "recipe": bench.job.clips.plain, **kept}
    return Made(path, twin.bytes, twin.sha256, facts=facts)


def _frames(target: Target, bench: _Bench) -> Made:
    source = _first(target, bench)
    folder = bench.job.layout.frame_folder(target.item, bench.job.frames)
    span, recipe = target.item.file_span, bench.job.frames
    with shelving.place(bench.job.root, folder, bench.job.packing) as place:
        result = frames.extract(
            source.footage, place.shelf, span=span, recipe=recipe,
            wanted=key_targets(target.item, recipe) if recipe.key_frames else None,
            threads=bench.job.threads, on_progress=Sender(bench.job.channel, target.name, "frames", "frames"),
        )  # fmt: skip
        text = checksums.text((f"{folder}/{name}", digest) for name, digest in result.digests)
        if place.stands:
            # From here until the new record, list and folder may disagree: whoever looks must not trust them.
            _record_removed(target, bench, journal.REPLACED)
        shown = result.shown.encode()
        files.write_atomically(bench.job.layout.absolute(frame_times(folder)), shown)
        put = place.publish(result.bytes, place.write_list(text))
    timing = {**result.timing_facts(), "times_sha256": hashlib.sha256(shown).hexdigest()}
    facts = {"from": source.origin, "recipe": recipe.plain, "span": span.plain, "timing": timing, **put.facts}
    missing, _ = cutting.after_the_end(target.item, result.missing_seconds)
    return Made(
        put.path, put.bytes, put.sha256, frames=result.count,
        missing_seconds=missing, facts=facts,
    )  # fmt: skip


def _inputs(target: Target, bench: _Bench) -> list[Input]:
    return inputs(target, bench.job, bench.present)


def _first(target: Target, bench: _Bench) -> Input:
    return _inputs(target, bench)[0]


def _record_gap(target: Target, outcome: Outcome, job: Job, newer_than: Mapping[str, str]) -> Record:
    facts: dict[str, Any] = dict(job.facts)
    if target.stage is Stage.VIDEO:
        facts |= {"sources": [source.identity for source in job.sources], "reasons_table": TABLE_VERSION}
    record = Record(
        target.key, target.stage, target.name, job.dataset, outcome.status, outcome.reason, outcome.detail, facts=facts,
        time=journal.now(newer_than.get(target.key, "")),
    )  # fmt: skip
    if outcome.reason == NOT_ASKED:
        return record  # nothing was learnt of it, so the journal keeps what it knows
    try:
        journal.append(job.root, record)
    except OSError:
        # The disk is full: this very outcome says so, and the run ends on it.
        if not outcome.is_fatal:
            raise
    return record


def _record_removed(target: Target, bench: _Bench, reason: str) -> None:
    nothing = Record(target.key, target.stage, target.name, bench.job.dataset, journal.REMOVED)
    recorded = bench.recorded.get(target.key, nothing)
    journal.append(bench.job.root, replace(journal.removal(recorded, reason), dataset=bench.job.dataset))


def _drop(bench: _Bench) -> None:
    """Remove the intermediates that the user does not want to keep; one that was never needed counts as dropped too."""
    layout = bench.job.layout
    keys = {Stage.VIDEO: f"{layout.videos}/{bench.video.id}", Stage.WINDOW: f"{layout.windows}/{bench.video.id}"}
    for stage in bench.job.drop:
        record = bench.present.pop(keys[stage], None)
        if record is not None:
            drop(bench.job, record)
        else:
            _record_removed(Target(stage, keys[stage], bench.video), bench, journal.DROPPED)


def drop(job: Job, record: Record) -> None:
    """Remove a thing because the user does not want to keep it."""
    files.remove(job.layout.absolute(record.path))
    # The journal last: killed in between, the next run with --drop finds it gone, and says so here.
    journal.append(job.root, replace(journal.removal(record, journal.DROPPED), dataset=job.dataset))
