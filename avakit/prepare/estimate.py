"""What is left, in bytes, files and hours: measured here where something was done already, else the catalogue's."""

from collections.abc import Iterable
from dataclasses import dataclass

from avakit.datasets.schema import Expect
from avakit.journal import Record, State
from avakit.model import Stage
from avakit.prepare.job import Job
from avakit.prepare.plan import Plan

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
        done = [record for record in state.present.values() if record.stage is stage and record.seconds]
        seconds_of_video = float(sum(target.item.span.duration for target in targets))
        frames = sum(job.frames.frame_count(target.item.span.duration) for target in targets)
        size, hours = _measured(done, len(targets)) if done else _nominal(stage, len(targets), frames, expect)
        if not done and stage is Stage.CLIP:
            hours = seconds_of_video / NOMINAL_ENCODING_SPEED / 3600
        hours /= jobs
        if stage is Stage.VIDEO and job.sources and job.sources[0].name == "youtube":
            hours = max(hours, len(targets) / YOUTUBE_VIDEOS_PER_HOUR)
        files = len(targets) + frames if stage is Stage.FRAMES else len(targets)
        lines.append(Line(stage, len(targets), size, files, hours, bool(done)))
    return lines


def _measured(done: Iterable[Record], count: int) -> tuple[int, float]:
    records = list(done)
    size = sum(record.bytes for record in records) * count // len(records)
    return size, sum(record.seconds for record in records) / len(records) * count / 3600


def _nominal(stage: Stage, count: int, frames: int, expect: Expect) -> tuple[int, float]:
    if stage is Stage.FRAMES:
        return frames * expect.frame_bytes, frames / NOMINAL_FRAMES_PER_SECOND / 3600
    if stage is Stage.WINDOW:
        return int(count * expect.video_bytes * WINDOW_SHARE), 0.0
    if stage is Stage.CLIP:
        return count * expect.clip_bytes, 0.0
    size = count * expect.video_bytes
    return size, size / NOMINAL_BYTES_PER_SECOND / 3600
