"""What is left, in bytes, files and hours: measured here where something was done already, else the catalogue's."""

from collections.abc import Sequence
from dataclasses import dataclass

from avakit.datasets.schema import Expect
from avakit.journal import Record, State
from avakit.layout import Layout
from avakit.model import Clip, Stage, Video
from avakit.prepare.job import Job
from avakit.prepare.plan import Plan, Target

#: Used until this root has figures of its own: a mirror at 100 Mbit/s, and the frames one core made of 360p video
#: (300 to 326 a second, measured with ffmpeg on two cores).
NOMINAL_BYTES_PER_SECOND = 12.5e6
NOMINAL_FRAMES_PER_SECOND = 300.0
#: x264 `medium` encoded 360p video at 2.5 times its own speed on one core.
NOMINAL_ENCODING_SPEED = 2.5
#: What YouTube grants one address in an hour, whatever the number of jobs (yt-dlp's wiki).
YOUTUBE_VIDEOS_PER_HOUR = 300.0
#: An AVA window is a quarter of an hour of a film of about two hours; its share of the film's bytes.
WINDOW_SHARE = 1 / 8


@dataclass(frozen=True)
class Line:
    """One stage of an estimate.

    Attributes
    ----------
    stage
        What is to be made.
    count
        How many.
    bytes, files
        What they will take on the disk; bytes are 0 where nobody knows.
    hours
        How long on this machine, with the jobs given.
    is_measured
        Whether bytes and hours come from what was made in this root before.
    """

    stage: Stage
    count: int
    bytes: int
    files: int
    hours: float
    is_measured: bool


def estimate(job: Job, plan: Plan, state: State, expect: Expect, *, jobs: int) -> list[Line]:
    """Estimate what a plan will take, one line per stage."""
    lines = []
    for stage in job.stages:
        targets = [target for work in plan.works for target in work.targets if target.stage is stage]
        done = _comparable(job, stage, state)
        frames = sum(_frames(target.item, job) for target in targets) if stage is Stage.FRAMES else 0
        size, hours = _measured(done, len(targets), frames) if done else _nominal(stage, targets, frames, expect)
        hours /= jobs
        if stage is Stage.VIDEO and job.sources and job.sources[0].name == "youtube":
            hours = max(hours, len(targets) / YOUTUBE_VIDEOS_PER_HOUR)
        lines.append(Line(stage, len(targets), size, len(targets) + frames, hours, bool(done)))
    return lines


def _frames(item: Video | Clip, job: Job) -> int:
    if job.frames.key_frames and isinstance(item, Video):
        return len(item.key_seconds)
    return job.frames.frame_count(item.span.duration)


def _comparable(job: Job, stage: Stage, state: State) -> list[Record]:
    """Return what was made here of the same kind, by the same recipe where that matters, and took its true time."""
    folders = tuple(f"{_folder(layout, job, stage)}/" for layout in (job.layout, job.layout.for_clips or job.layout))
    return [
        record
        for record in state.present.values()
        if record.stage is stage
        and record.seconds
        and record.path.startswith(folders)
        and record.facts.get("source", {}).get("name") not in ("folder", "adopted", "linked")
    ]


def _folder(layout: Layout, job: Job, stage: Stage) -> str:
    folders = {Stage.VIDEO: layout.videos, Stage.WINDOW: layout.windows, Stage.CLIP: layout.clips}
    return folders[stage] if stage in folders else layout.frames_of(job.frames)


def _measured(done: Sequence[Record], count: int, frames: int) -> tuple[int, float]:
    share = frames / sum(record.frames for record in done) if frames else count / len(done)
    return int(sum(record.bytes for record in done) * share), sum(record.seconds for record in done) * share / 3600


def _nominal(stage: Stage, targets: Sequence[Target], frames: int, expect: Expect) -> tuple[int, float]:
    count = len(targets)
    if stage is Stage.FRAMES:
        return frames * expect.frame_bytes, frames / NOMINAL_FRAMES_PER_SECOND / 3600
    if stage is Stage.WINDOW:
        return int(count * expect.video_bytes * WINDOW_SHARE), 0.0
    if stage is Stage.CLIP:
        seconds_of_video = float(sum(target.item.span.duration for target in targets))
        return count * expect.clip_bytes, seconds_of_video / NOMINAL_ENCODING_SPEED / 3600
    size = count * expect.video_bytes
    return size, size / NOMINAL_BYTES_PER_SECOND / 3600
