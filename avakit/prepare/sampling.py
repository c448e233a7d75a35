"""Before anything is estimated: how long a few of the videos are, as their mirrors tell."""

from collections.abc import Sequence

from avakit.model import Stage, Video
from avakit.prepare.errands import Errand, assume
from avakit.prepare.job import Job
from avakit.prepare.plan import Plan
from avakit.sources import Mirror
from avakit.sources.asking import Sample, first_asked, sample

#: Of so many videos a mirror is asked how long they are, unless `plan --sample-heads` says otherwise.
SAMPLE_HEADS = 10


def ask_mirrors(job: Job, plan: Plan, errands: Sequence[Errand], count: int) -> dict[str, Sample]:
    """Ask each mirror how long `count` of the videos are that it would be asked for first; return that by identity."""
    found = {}
    left = videos_left(assume(plan, errands)) if count else []
    for place, videos in first_asked(job.sources, left).items():
        source = job.sources[place]
        if place >= 0 and isinstance(source, Mirror):
            found[source.identity] = sample(source, videos, count)
    return found


def videos_left(plan: Plan) -> list[Video]:
    """Return the videos that a plan delivers."""
    return [work.video for work in plan.works if any(target.stage is Stage.VIDEO for target in work.targets)]
