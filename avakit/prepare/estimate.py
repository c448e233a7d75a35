"""What is left, in bytes, files and hours: measured here where something was done already, else the catalogue's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from avakit.datasets.schema import Expect
from avakit.journal import Record, State
from avakit.layout import Layout
from avakit.model import Clip, Packing, Stage, Video, VideoId
from avakit.prepare.errands import Errand, assume
from avakit.prepare.job import Job
from avakit.prepare.lines import TAR_FILES, TAR_FRAME_BYTES, Line, changes
from avakit.prepare.plan import Plan, Target, is_span_enough
from avakit.prepare.sampling import videos_left
from avakit.recipes import COPY
from avakit.sources import Folder, InParts, Source
from avakit.sources.asking import Sample, first_asked
from avakit.tools import mounts

#: Used until this root has figures of its own: the frames one core made of 360p video (300 to 326 a second, measured
#: with ffmpeg on two cores). Nobody knows the rate of a network that has not been used yet.
NOMINAL_FRAMES_PER_SECOND = 300.0
#: x264 `medium` encoded 360p video at 2.5 times its own speed on one core.
NOMINAL_ENCODING_SPEED = 2.5
#: ffmpeg wrote the sound of a film at about 100 times its own speed.
NOMINAL_SOUND_SPEED = 100.0
#: What YouTube grants one address in an hour, whatever the number of jobs (yt-dlp's wiki).
YOUTUBE_VIDEOS_PER_HOUR = 300.0
#: An AVA window is a quarter of an hour of a film of about two hours; its share of the film's bytes.
WINDOW_SHARE = 1 / 8
#: Said of bytes that a mirror told.
ASKED = "asked the mirror"


@dataclass(frozen=True)
class Portion:
    """The videos that one source is asked for first.

    Attributes
    ----------
    source, identity
        The source's name, and where it looks; both empty for what is on no list.
    count, bytes
        How many videos, and how long they are altogether; 0 where nobody knows, or where they are only linked.
    figures
        Where the bytes come from: `linked`, `on no list`, or as in `Line`.
    """

    source: str
    identity: str
    count: int
    bytes: int
    figures: str


@dataclass(frozen=True)
class _Films:
    """The videos that one source is asked for first, how long a whole one is (0 if unknown), and who says so."""

    source: Source | None
    videos: Sequence[Video]
    bytes: int
    figures: str


def estimate(
    job: Job,
    plan: Plan,
    state: State,
    expect: Expect,
    *,
    jobs: int,
    samples: Mapping[str, Sample] | None = None,
    errands: Sequence[Errand] = (),
) -> tuple[list[Line], list[Portion]]:
    """Estimate what a plan will take: one line per stage, and of the videos one portion per source.

    Clips out of archives have a line of their own, the first; frames that are only put into tars or folders the last.

    Parameters
    ----------
    job, plan, state, expect
        What is to be made, what is left of it, what was made before, and the averages of the dataset's manifest.
    jobs
        Worker processes.
    samples
        What mirrors said of a few videos, by the source's identity.
    errands
        What archives are thought to hold of it.
    """
    plan = assume(plan, errands)
    films = _films(job, plan, state, expect, samples or {})
    portions = [_portion(job, state, each) for each in films]
    lines = [_from_archives(errands, expect, jobs)] if any(errand.hoped for errand in errands) else []
    fetched = sum(_is_span_enough(video, job, each.source) for each in films for video in each.videos)
    for stage in job.stages:
        targets = [t for work in plan.works for t in work.targets if t.stage is stage and t.found is None]
        done = _comparable(job, stage, state)
        at_once = min(len(targets), jobs) if stage in job.drop else len(targets)
        if stage is Stage.VIDEO:
            if Stage.WINDOW in job.stages:  # whose line counts the room that they take
                at_once = min(at_once, len(targets) - fetched)
            lines.append(_videos(portions, done + _fetched_before(job, state), at_once, jobs))
            continue
        frames = sum(_frames(target.item, job) for target in targets) if stage is Stage.FRAMES else 0
        size, hours = _measured(done, len(targets), frames) if done else _nominal(job, stage, targets, frames, expect)
        figures = "measured here" if done else "typical"
        if stage is Stage.WINDOW and targets:
            hours *= max(0, 1 - fetched / len(targets))  # the rest came in the videos' line
            if not done:
                size, figures = _windows(job, state, films, targets, expect)
        files = len(targets) + frames
        if stage is Stage.FRAMES and job.packing is Packing.TAR:
            size, files = size + (0 if done else frames * TAR_FRAME_BYTES), len(targets) * TAR_FILES
        lines.append(Line(stage, len(targets), size, files, at_once, hours / jobs, figures))
    return [*lines, *changes(job, plan, jobs)], portions


def _from_archives(errands: Sequence[Errand], expect: Expect, jobs: int) -> Line:
    """Estimate what clips out of archives will take; of the disk, also the archives that lie there at one time."""
    count = sum(len(errand.hoped) for errand in errands)
    archive = max((each.expected_clips / each.archives for each in errands if each.archives), default=0.0)
    size = int((count + jobs * archive) * expect.clip_bytes)
    return Line(Stage.CLIP, count, size, count, count, None, "typical" if size else "unknown", "archive")


def _is_span_enough(video: Video, job: Job, source: Source | None) -> bool:
    """Whether of a film the window alone will be fetched, if its server can do that."""
    return isinstance(source, InParts) and is_span_enough(video, job)


def _fetched_before(job: Job, state: State) -> list[Record]:
    return [record for record in _comparable(job, Stage.WINDOW, state) if "source" in record.facts]


def _window(job: Job, state: State, film_bytes: int, figures: str) -> tuple[int, str]:
    """Return how long the window of such a film is, and who says so."""
    done = _fetched_before(job, state)
    if done and figures != ASKED:
        return sum(record.bytes for record in done) // len(done), "measured here"
    if done:
        told = [record.facts["source"] for record in done]
        share = sum(each["fetched_bytes"] for each in told) / sum(each["bytes"] for each in told)
        return int(film_bytes * share), f"{figures}, share measured here"
    return int(film_bytes * WINDOW_SHARE), f"{figures}, an eighth of each film" if film_bytes else "unknown"


def _films(job: Job, plan: Plan, state: State, expect: Expect, samples: Mapping[str, Sample]) -> list[_Films]:
    done = _comparable(job, Stage.VIDEO, state)
    usual = sum(record.bytes for record in done) // len(done) if done else expect.video_bytes
    origin = "measured here" if done else "typical" if usual else "unknown"
    films = []
    for place, videos in first_asked(job.sources, videos_left(plan)).items():
        source = job.sources[place] if place >= 0 else None
        size, figures = usual, origin
        if source is None or _is_linked(source, job):
            size, figures = 0, "linked" if source else "on no list"
        elif (told := samples.get(source.identity)) and told.bytes:
            # What it does not have, the next source is asked for: its bytes will come, from there.
            size, figures = told.bytes, ASKED
        films.append(_Films(source, videos, size, figures))
    return films


def _portion(job: Job, state: State, films: _Films) -> Portion:
    source, count, figures = films.source, len(films.videos), films.figures
    windows = sum(_is_span_enough(video, job, source) for video in films.videos)
    size = films.bytes * (count - windows)
    if windows:
        each, figures = _window(job, state, films.bytes, figures)
        size += each * windows
    name, identity = (source.name, source.identity) if source else ("", "")
    return Portion(name, identity, count, size, figures)


def _windows(
    job: Job, state: State, films: Sequence[_Films], targets: Sequence[Target], expect: Expect
) -> tuple[int, str]:
    """Return the bytes of windows where none has been made here yet, from those of their films, and who says so."""
    lengths = {video.id: (each.bytes, each.figures) for each in films for video in each.videos if each.bytes}
    total = 0
    told: dict[str, None] = {}
    for target in targets:
        video_id = VideoId(target.name)
        film = state.present.get(f"{job.layout.videos}/{video_id}")
        size, figures = lengths.get(video_id) or (film.bytes if film else expect.video_bytes, "typical")
        size, figures = _window(job, state, size, figures)
        total += size
        told[figures] = None
    return total, ", ".join(told)


def _is_linked(source: Source, job: Job) -> bool:
    """Whether what the source delivers takes no room: a folder on the same file system."""
    return isinstance(source, Folder) and mounts.device(source.path) == mounts.device(
        job.layout.absolute(job.layout.videos)
    )


def _videos(portions: Sequence[Portion], done: Sequence[Record], at_once: int, jobs: int) -> Line:
    count, size = sum(portion.count for portion in portions), sum(portion.bytes for portion in portions)
    seconds = sum(record.seconds for record in done)
    rate = sum(record.bytes for record in done) / seconds if seconds else 0.0
    asked = sum(portion.count for portion in portions if portion.source == "youtube")
    hours = size / rate / 3600 / jobs if rate else None if size or not count else 0.0
    if asked:
        hours = max(hours or 0.0, asked / YOUTUBE_VIDEOS_PER_HOUR)
    figures = ", ".join(dict.fromkeys(portion.figures for portion in portions))
    return Line(Stage.VIDEO, count, size, count, at_once, hours, figures)


def _frames(item: Video | Clip, job: Job) -> int:
    if job.frames.key_frames:
        return len(item.key_seconds)
    return job.frames.frame_count(item.file_span.duration)


def _comparable(job: Job, stage: Stage, state: State) -> list[Record]:
    """Return what was made here of the same kind, by the same recipe where that matters, and took its true time."""
    folders = tuple(f"{_folder(layout, job, stage)}/" for layout in (job.layout, job.layout.for_clips or job.layout))
    return [
        record
        for record in (*state.present.values(), *state.spent.values())
        if record.stage is stage
        and record.seconds
        and record.path.startswith(folders)
        and record.facts.get("source", {}).get("name") not in ("folder", "adopted", "linked", "archive")
    ]


def _folder(layout: Layout, job: Job, stage: Stage) -> str:
    return layout.folder_of(stage, job.frames, job.audio)


def _measured(done: Sequence[Record], count: int, frames: int) -> tuple[int, float]:
    share = frames / sum(record.frames for record in done) if frames else count / len(done)
    return int(sum(record.bytes for record in done) * share), sum(record.seconds for record in done) * share / 3600


def _nominal(job: Job, stage: Stage, targets: Sequence[Target], frames: int, expect: Expect) -> tuple[int, float]:
    count = len(targets)
    if stage is Stage.FRAMES:
        return frames * expect.frame_bytes, frames / NOMINAL_FRAMES_PER_SECOND / 3600
    seconds = float(sum(target.item.file_span.duration for target in targets))
    if stage is Stage.AUDIO:
        return int(seconds * job.audio.bytes_per_second), seconds / NOMINAL_SOUND_SPEED / 3600
    recipe = job.windows if stage is Stage.WINDOW else job.clips
    hours = 0.0 if recipe.mode == COPY else seconds / NOMINAL_ENCODING_SPEED / 3600
    return (0 if stage is Stage.WINDOW else count * expect.clip_bytes), hours  # for the bytes of windows see `_windows`
