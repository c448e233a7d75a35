"""The whole job for one video, and the plan of what is left to do.

`plan` decides and touches nothing; `work` does, in a worker process; `run` joins the two. The verbs `download`,
`cut`, `extract-frames` and `prepare` are this module with different stages.
"""

from avakit.prepare.job import Job
from avakit.prepare.plan import Plan, Target, Work, make_plan
from avakit.prepare.retry import RETRIED, only_failed
from avakit.prepare.run import get_ready, run
from avakit.prepare.work import drop

__all__ = ["RETRIED", "Job", "Plan", "Target", "Work", "drop", "get_ready", "make_plan", "only_failed", "run"]
