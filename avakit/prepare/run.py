"""A plan carried out: one outcome per target as it is settled, until all are or the run has to stop."""

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath

from avakit import execute
from avakit.errors import Status
from avakit.layout import frame_list
from avakit.model import Stage
from avakit.outcome import Outcome
from avakit.prepare.again import do
from avakit.prepare.job import Job
from avakit.prepare.plan import Plan, Work
from avakit.prepare.work import died
from avakit.tools import breaker as breakers
from avakit.tools import leftovers

#: So many videos in a row that fail for the same transient reason are a dead network, not bad luck.
SAME_FAILURES = 20
#: What workers import, also that which is imported only where it is used: all but what starts threads (numpy does).
_NEEDED = ("avakit.prepare.again", "avakit.tools.http_transport", "av.logging", "psutil")


def get_ready() -> None:
    """Begin with what workers need to have imported, while the plan is made."""
    execute.get_ready(_NEEDED)


def run(
    job: Job, plan: Plan, *, jobs: int, say: Callable[[str], None] = lambda _: None
) -> Generator[Outcome, None, None]:
    """Yield the outcomes of a plan: first what is settled, then each target as it is made.

    Parameters
    ----------
    job
        What to make, and with what.
    plan
        What is left, from `make_plan`.
    jobs
        Worker processes.
    say
        Told in a sentence when a source is not asked any more, and when the run stops early.

    Notes
    -----
    Stops early, with targets left over, when an outcome is fatal (disk full, tool missing), when every source
    refuses us, or when `SAME_FAILURES` videos in a row fail alike: going on would only burn through the list.
    """
    _sweep(job, plan)
    yield from plan.settled
    if not plan.works:
        return
    # What needs no source comes first: a block then costs nothing that could have been done without it.
    works = sorted(plan.works, key=lambda work: any(target.stage is Stage.VIDEO for target in work.targets))
    with breakers.armed(job.stop_after_blocks) as breaker:
        job = replace(job, breaker=breaker)
        results = execute.run(
            partial(do, job=job), works, jobs=min(jobs, len(works)), on_crash=partial(_died, job)
        )  # fmt: skip
        stop = _Stop(job, say)
        try:
            for outcomes in results:
                yield from outcomes
                if stop.after(outcomes):
                    return
        finally:
            results.close()
            _sweep(job, plan)


class _Stop:
    """Decides after each video whether it makes sense to go on."""

    def __init__(self, job: Job, say: Callable[[str], None]) -> None:
        self._job = job
        self._say = say
        self._same = 0
        self._last = ""
        self._given_up: set[str] = set()

    def after(self, outcomes: tuple[Outcome, ...]) -> bool:
        """Whether the run should stop after these outcomes of one video."""
        if any(outcome.is_fatal for outcome in outcomes):
            return True
        return self._is_refused_by_all() or self._fails_alike(outcomes)

    def _is_refused_by_all(self) -> bool:
        sources = self._job.sources
        for source in sources:
            reason = self._job.breaker.tripped(source.identity)
            if reason and source.identity not in self._given_up:
                self._given_up.add(source.identity)
                limit = self._job.stop_after_blocks
                self._say(f"{source.name} refused {limit} videos in a row ({reason}); it is not asked any more")
        if not sources or len(self._given_up) < len({source.identity for source in sources}):
            return False
        self._say("no source is left to ask; the rest was not tried")
        return True

    def _fails_alike(self, outcomes: tuple[Outcome, ...]) -> bool:
        first = next((outcome for outcome in outcomes if not outcome.is_present), None)
        reason = first.reason if first is not None and first.status is Status.TRANSIENT else ""
        if reason == "not_downloaded" or reason in breakers.BLOCKS:
            reason = ""
        self._same = self._same + 1 if reason and reason == self._last else int(bool(reason))
        self._last = reason
        if self._same < SAME_FAILURES:
            return False
        self._say(f"{SAME_FAILURES} videos in a row failed alike ({reason}); the rest was not tried")
        return True


def _sweep(job: Job, plan: Plan) -> None:
    """Remove what killed processes left half-done in every folder of the plan; resumable downloads stay."""
    keys = {target.key for work in plan.works for target in work.targets}
    keys |= {outcome.path for outcome in plan.settled if outcome.path}
    folders = {str(PurePosixPath(key).parent) for key in keys}
    if job.span_only:
        folders.add(job.layout.windows)  # made where videos were asked for
    lists = {str(PurePosixPath(frame_list(f"{folder}/x")).parent) for folder in folders}
    for folder in folders | lists:
        leftovers.sweep(job.layout.absolute(folder))


def _died(job: Job, work: Work, detail: str) -> tuple[Outcome, ...]:
    return died(work, detail, job)
