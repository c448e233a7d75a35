"""The part of a plan that was tried before and failed."""

from collections.abc import Mapping
from dataclasses import replace

from avakit.errors import Status
from avakit.journal import State
from avakit.prepare.plan import Plan, Work

#: Which failures `--retry` asks about again: what time heals, what a source called lasting, or both and the damaged.
RETRIED: Mapping[str, frozenset[Status]] = {
    "transient": frozenset({Status.TRANSIENT, Status.LOCAL_ERROR, Status.INTERRUPTED}),
    "unavailable": frozenset({Status.UNAVAILABLE, Status.SHORT}),
    "all": frozenset(Status),
}


def only_failed(plan: Plan, state: State, kind: str) -> Plan:
    """Return the part of a plan whose videos failed before, with everything that is left to make of these.

    Parameters
    ----------
    plan
        From `make_plan`, which leaves out what is unavailable and was asked for lately.
    state
        What the journal says.
    kind
        A key of `RETRIED`.
    """
    works = tuple(work for work in plan.works if work.targets and _has_failed(work, state, RETRIED[kind]))
    return replace(plan, works=works)


def _has_failed(work: Work, state: State, statuses: frozenset[Status]) -> bool:
    own = (state.gaps[target.key] for target in work.targets if target.key in state.gaps)
    return any(gap.status in statuses for gap in (*work.gaps.values(), *own))
