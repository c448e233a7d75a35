"""What is left to do: a function of the catalogue, the journal and the disk that reads and never writes."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeGuard

from avakit.errors import Status
from avakit.journal import Record, State
from avakit.model import Clip, Stage, Video
from avakit.outcome import Outcome
from avakit.prepare.disk import Disk
from avakit.prepare.job import Job
from avakit.prepare.spans import covers, span_facts
from avakit.recipes import COPY


@dataclass(frozen=True)
class Target:
    """One thing to publish.

    Attributes
    ----------
    stage
        What kind of thing.
    key
        Its key in the journal: its path without extension.
    item
        The video or clip it shows.
    found
        The record of frames that are there, and only to be kept in another form.
    """

    stage: Stage
    key: str
    item: Video | Clip
    found: Record | None = None

    @property
    def name(self) -> str:
        """The video id or the clip's name."""
        return self.item.name if isinstance(self.item, Clip) else self.item.id


@dataclass(frozen=True)
class Work:
    """What one worker is given: a video, what to make of it, and what is known of what it is made from.

    `twins` are clips of other datasets that are the same to the byte: one of the same video, seconds and recipe.
    `recorded` is what the journal says is there, of all that may be made: it has vanished, or will be replaced;
    `newer_than` are times that what is written of it must be newer than.
    """

    video: Video
    targets: tuple[Target, ...]
    known: Mapping[str, Record] = field(default_factory=dict)
    twins: Mapping[str, Record] = field(default_factory=dict)
    gaps: Mapping[str, Record] = field(default_factory=dict)
    recorded: Mapping[str, Record] = field(default_factory=dict)
    newer_than: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What is left, and what is settled already.

    Attributes
    ----------
    settled
        One outcome for each target that is there (`cached`, `short`) or known to be unavailable.
    works
        What is left to do.
    """

    settled: tuple[Outcome, ...]
    works: tuple[Work, ...]

    @property
    def targets(self) -> int:
        """How many things are left to make."""
        return sum(len(work.targets) for work in self.works)

    def without(self, stage: Stage) -> "Plan":
        """Return the plan without what it makes of one stage."""
        works = (replace(work, targets=tuple(t for t in work.targets if t.stage is not stage)) for work in self.works)
        return Plan(self.settled, tuple(work for work in works if work.targets))

    def only(self, keys: Collection[str]) -> "Plan":
        """Return the part of the plan that makes these things."""
        works = [replace(work, targets=tuple(t for t in work.targets if t.key in keys)) for work in self.works]
        return Plan((), tuple(work for work in works if work.targets))


def make_plan(job: Job, videos: Iterable[Video], state: State) -> Plan:
    """Decide for each target of each video whether it is there, given up, or to be made."""
    disk = Disk(job.layout)
    twins = _twins(job, state) if Stage.CLIP in job.stages else {}
    settled: list[Outcome] = []
    works: list[Work] = []
    for video in videos:
        done, work = _plan_video(job, video, state, disk, twins)
        settled += done
        if work.targets or any(record.stage in job.drop for record in work.known.values()):
            works.append(work)
    return Plan(tuple(settled), tuple(works))


def again(job: Job, plan: Plan, state: State, told: Collection[tuple[str, Stage]]) -> Plan:
    """Decide anew about what a plan had left, after something else than its works has changed the root.

    Parameters
    ----------
    told
        Things (by name and stage) whose outcome is known already, and need none among the settled ones.
    """
    new = make_plan(job, [work.video for work in plan.works], state)
    keys = {target.key for work in plan.works for target in work.targets}
    works = (replace(work, targets=tuple(t for t in work.targets if t.key in keys)) for work in new.works)
    known = {*told, *((outcome.item, outcome.stage) for outcome in plan.settled)}
    fresh = tuple(outcome for outcome in new.settled if (outcome.item, outcome.stage) not in known)
    return Plan(
        plan.settled + fresh,
        tuple(w for w in works if w.targets or any(record.stage in job.drop for record in w.known.values())),
    )


def targets_of(video: Video, job: Job) -> list[Target]:
    """Return everything the job's stages make of one video, in order."""
    job = job.of(video)
    found = []
    items: tuple[Video | Clip, ...] = video.clips or (video,)
    for stage in job.stages:
        if stage is Stage.VIDEO:
            found.append(Target(stage, f"{job.layout.videos}/{video.id}", video))
        elif stage is Stage.WINDOW and not video.clips:
            found.append(Target(stage, _key(job.layout.cut_window(video.id)), video))
        elif stage is Stage.AUDIO:
            found += [Target(stage, _key(job.layout.sound(item, job.audio)), item) for item in items]
        elif stage is Stage.CLIP:
            found += [Target(stage, _key(job.layout.cut_clip(clip)), clip) for clip in video.clips]
        elif stage is Stage.FRAMES:
            found += [Target(stage, job.layout.frame_folder(item, job.frames), item) for item in items]
    return found


def _key(path: str) -> str:
    return path.rpartition(".")[0]


def _twins(job: Job, state: State) -> dict[tuple[str, ...], Record]:
    """Return the clips that are there and were made with this recipe, by name: versions of Kinetics share many."""
    recipe = job.clips.plain
    clips = (record for record in state.present.values() if record.stage is Stage.CLIP)
    found = (each for each in clips if each.status == Status.DONE and each.facts.get("recipe") == recipe)
    return {(each.item, *each.facts.get("span", ())): each for each in found}


def _plan_video(
    job: Job, video: Video, state: State, disk: Disk, twins: Mapping[tuple[str, ...], Record]
) -> tuple[list[Outcome], Work]:
    job = job.of(video)
    targets = targets_of(video, job)
    present = {t.key: record for t in targets if (record := _present(t, job, state, disk))}
    there = present.keys()
    # What is dropped, now or before, is needed only for the sake of something that is still to be made from it.
    missing = [t for t in targets if t.key not in there]
    goals = [t for t in missing if not _is_dropped(t, job, state)]
    linked = {t.key: twin for t in goals if (twin := _twin(t, twins)) and disk.has(twin)}
    known, gaps = _relevant(job, video, state)
    usable = {*there, *linked, *(key for key, record in known.items() if disk.has(record))}
    needs_video = any(_needs_video(t, job, usable) for t in goals if t.key not in linked)
    left = [t for t in missing if t in goals or (needs_video and t.stage is Stage.VIDEO)]
    changed = [replace(t, found=present[t.key]) for t in targets if disk.is_otherwise(present.get(t.key), job.packing)]
    settled = [cached(t, present[t.key]) for t in targets if t.key in there - {each.key for each in changed}]
    given_up = _given_up(job, video, left, state)
    if given_up:
        lost = [t for t in left if t.stage is Stage.VIDEO or (t.key not in linked and _needs_video(t, job, usable))]
        settled += [_inherit(t, given_up) for t in lost]
        left = [t for t in left if t not in lost]
    silent = [t for t in left if t.stage is Stage.AUDIO and _is_silent(t, known, state)]
    settled += [_inherit(t, state.gaps[t.key]) for t in silent]
    left = [t for t in left if t not in silent]
    made = [key for t in left for key in makes(t, job)]
    recorded = {key: state.present[key] for key in made if key in state.present}
    newer_than = {key: state.ahead[key] for key in made if key in state.ahead}
    return settled, Work(video, (*left, *changed), known, linked, gaps, recorded, newer_than)


def _twin(target: Target, twins: Mapping[tuple[str, ...], Record]) -> Record | None:
    is_clip = target.stage is Stage.CLIP
    return twins.get((target.name, *span_facts(target.item).get("span", ()))) if is_clip else None


def _present(target: Target, job: Job, state: State, disk: Disk) -> Record | None:
    """Return the record of a thing that is there; of a video of which its window is enough, that of the window."""
    found = (state.present[key] for key in makes(target, job) if key in state.present)
    return next((each for each in found if disk.has(each) and covers(each, target.item)), None)


def is_span_enough(item: Video | Clip, job: Job) -> TypeGuard[Video]:
    """Whether the window of a video will do where the video is asked for."""
    return job.span_only and isinstance(item, Video) and not item.clips


def makes(target: Target, job: Job) -> list[str]:
    """Return the keys of what may be made for a target: of a video of which its window is enough, also the window."""
    keys = [target.key]
    if target.stage is Stage.VIDEO and is_span_enough(target.item, job):
        keys.append(f"{job.layout.windows}/{target.item.id}")
    return keys


def _is_dropped(target: Target, job: Job, state: State) -> bool:
    is_intermediate = target.stage is not job.stages[-1]
    return target.stage in job.drop or (is_intermediate and target.key in state.dropped)


def _needs_video(goal: Target, job: Job, there: Collection[str]) -> bool:
    """Whether a target can be made from nothing but the video itself."""
    if goal.stage is Stage.VIDEO:
        return False
    if goal.stage is Stage.CLIP and job.clips.mode == COPY:
        return True
    item = goal.item
    own = job.layout.clip_key(item) if isinstance(item, Clip) else f"{job.layout.windows}/{item.id}"
    return own == goal.key or own not in there


def _relevant(job: Job, video: Video, state: State) -> tuple[dict[str, Record], dict[str, Record]]:
    """Return the records of everything that a target of this video may be made from."""
    items: dict[str, Video | Clip] = {f"{at}/{video.id}": video for at in (job.layout.videos, job.layout.windows)}
    items |= {job.layout.clip_key(clip): clip for clip in video.clips}
    known = {k: record for k, item in items.items() if (record := state.present.get(k)) and covers(record, item)}
    return known, {key: state.gaps[key] for key in items if key in state.gaps}


def cached(target: Target, record: Record) -> Outcome:
    """Return the outcome of a thing that is there already."""
    status = Status.SHORT if record.status == Status.SHORT else Status.CACHED
    return Outcome(
        target.name, target.stage, status, record.reason, record.detail, record.path, bytes=record.bytes, attempts=0
    )


def _given_up(job: Job, video: Video, left: list[Target], state: State) -> Record | None:
    """Return the record that says the video is unavailable, if it is young enough and all sources were asked."""
    gap = state.gaps.get(f"{job.layout.videos}/{video.id}")
    if (
        gap is None
        or gap.status not in (Status.UNAVAILABLE, Status.SHORT)
        or not any(t.stage is Stage.VIDEO for t in left)
    ):
        return None
    asked = set(gap.facts.get("sources", ()))
    is_new = not {source.identity for source in job.sources} <= asked
    # A folder of one's own may have been filled since, and is quickly asked.
    if is_new or any(source.name == "folder" for source in job.sources):
        return None
    is_young = datetime.now(UTC) - datetime.fromisoformat(gap.time) < timedelta(days=job.recheck_days)
    return gap if is_young else None


def _is_silent(target: Target, known: Mapping[str, Record], state: State) -> bool:
    """Whether what the sound would be taken from was found to have none."""
    gap = state.gaps.get(target.key)
    return gap is not None and gap.reason == "no_audio" and all(each.time <= gap.time for each in known.values())


def _inherit(target: Target, gap: Record) -> Outcome:
    return Outcome(target.name, target.stage, Status(gap.status), gap.reason, gap.detail, attempts=0)
