"""Who only refuses us is not asked again."""

import pickle

import pytest

from avakit.errors import Status, TransferFailed
from avakit.tools import breaker
from avakit.tools.breaker import Breaker


def ask(tripping: Breaker, reason: str = "", status: Status = Status.TRANSIENT, source: str = "youtube") -> str:
    """Ask a source that fails with this reason, if any; return what came of it."""
    try:
        with tripping.watch(source):
            answer(reason, status)
    except TransferFailed as error:
        return error.reason
    return "done"


def answer(reason: str, status: Status) -> None:
    if reason:
        raise TransferFailed(status, reason, "")


def test_refusals_in_a_row_trip_it_for_that_source_alone() -> None:
    with breaker.armed(3) as tripping:
        for reason in ("bot_check", "rate_limit", "forbidden"):
            assert not tripping.tripped("youtube")
            assert ask(tripping, reason) == reason
        assert tripping.tripped("youtube") == "forbidden"
        assert ask(tripping) == breaker.NOT_ASKED
        assert ask(tripping, source="mirror") == "done"


def test_workers_share_the_count() -> None:
    with breaker.armed(2) as tripping:
        others = pickle.loads(pickle.dumps(tripping))  # noqa: S301 - as it comes out of our own hands
        ask(tripping, "bot_check")
        ask(others, "bot_check")
        assert tripping.tripped("youtube") == others.tripped("youtube") == "bot_check"


@pytest.mark.parametrize(
    ("reason", "status", "begins_anew"),
    [
        ("", Status.DONE, True),
        ("private", Status.UNAVAILABLE, True),
        ("network", Status.TRANSIENT, False),
        ("unknown", Status.TRANSIENT, False),
    ],
)
def test_an_answer_sets_it_back_and_a_dead_network_does_not(reason: str, status: Status, begins_anew: bool) -> None:
    with breaker.armed(2) as tripping:
        ask(tripping, "bot_check")
        ask(tripping, reason, status)
        ask(tripping, "bot_check")
        assert bool(tripping.tripped("youtube")) is not begins_anew


def test_one_that_is_not_armed_never_trips() -> None:
    for _ in range(100):
        assert ask(Breaker(), "bot_check") == "bot_check"
