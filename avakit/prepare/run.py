"""A plan carried out: one outcome per target as it is settled, until all are or the run has to stop."""

from collections.abc import Generator
from functools import partial
from pathlib import PurePosixPath

from avakit import execute
from avakit.errors import Status
from avakit.layout import frame_list
from avakit.outcome import Outcome
from avakit.prepare.job import Job
from avakit.prepare.plan import Plan, Work
from avakit.prepare.work import died, do
from avakit.tools import files

#: So many videos in a row that fail for the same transient reason are a block or a dead network, not bad luck.
SAME_FAILURES = 20


def run(job: Job, plan: Plan, *, jobs: int) -> Generator[Outcome, None, None]:
    """Yield the outcomes of a plan: first what is settled, then each target as it is made.

    Parameters
    ----------
    job
        What to make, and with what.
    plan
        What is left, from `make_plan`.
    jobs
        Worker processes.

    Notes
    -----
    Stops early, with targets left over, when an outcome is fatal (disk full, tool missing) or when
    `SAME_FAILURES` videos in a row fail alike: going on would only burn through the list.
    """
    _sweep(job, plan)
    yield from plan.settled
    if not plan.works:
        return
    same = 0
    last: tuple[Status, str] | None = None
    results = execute.run(
        partial(do, job=job), plan.works, jobs=min(jobs, len(plan.works)), on_crash=partial(_died, job)
    )
    try:
        for outcomes in results:
            yield from outcomes
            first = next((outcome for outcome in outcomes if not outcome.is_present), None)
            verdict = (first.status, first.reason) if first else None
            is_block = verdict is not None and verdict[0] is Status.TRANSIENT and verdict[1] != "not_downloaded"
            same = same + 1 if is_block and verdict == last else int(is_block)
            last = verdict
            if same >= SAME_FAILURES or any(outcome.is_fatal for outcome in outcomes):
                return
    finally:
        results.close()
        _sweep(job, plan)


def _sweep(job: Job, plan: Plan) -> None:
    """Remove what killed processes left half-done in every folder of the plan; resumable downloads stay."""
    keys = {target.key for work in plan.works for target in work.targets}
    keys |= {outcome.path for outcome in plan.settled if outcome.path}
    folders = {str(PurePosixPath(key).parent) for key in keys}
    if job.span_only:
        folders.add(job.layout.windows)  # made where videos were asked for
    lists = {str(PurePosixPath(frame_list(f"{folder}/x")).parent) for folder in folders}
    for folder in folders | lists:
        files.sweep(job.layout.absolute(folder))


def _died(job: Job, work: Work, detail: str) -> tuple[Outcome, ...]:
    return died(work, detail, job)
