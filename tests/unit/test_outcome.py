"""From exceptions to outcomes, and from outcomes to the exit code."""

import errno
import os
import pickle
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avakit import errors, outcome
from avakit.errors import ExitCode, Status
from avakit.model import Stage
from avakit.outcome import Outcome

ITEM = "-5KQ66BBWC4"


def made(status: Status = Status.DONE, reason: str = "", code: ExitCode = ExitCode.OK) -> Outcome:
    return Outcome(ITEM, Stage.VIDEO, status, reason, exit_code=code)


def attempt(error: BaseException) -> Outcome:
    def function() -> Outcome:
        raise error

    return outcome.attempt(function, ITEM, Stage.VIDEO)


def test_what_a_step_returns_is_its_outcome_with_the_seconds_it_took() -> None:
    wait = threading.Event()

    def step() -> Outcome:
        wait.wait(0.02)
        return Outcome(ITEM, Stage.FRAMES, Status.SHORT, "ends_inside_span", bytes=3)

    found = outcome.attempt(step, ITEM, Stage.FRAMES)
    assert (found.status, found.reason, found.bytes) == (Status.SHORT, "ends_inside_span", 3)
    assert 0.02 <= found.seconds < 10


@pytest.mark.parametrize(
    ("error", "status", "reason", "code", "is_fatal"),
    [
        (errors.TransferFailed(Status.TRANSIENT, "timeout", "x"), Status.TRANSIENT, "timeout", 0, False),
        (errors.MediaRejected(Status.CORRUPT, "html", "x"), Status.CORRUPT, "html", 0, False),
        (errors.ToolFailed(Status.LOCAL_ERROR, "tool", "x"), Status.LOCAL_ERROR, "tool", 0, False),
        (errors.StorageFailed("/data", "disk full"), Status.LOCAL_ERROR, "storage", 74, True),
        (errors.OutputImpossible("/data", "read-only"), Status.LOCAL_ERROR, "permission", 73, False),
        (errors.ToolMissing("ffmpeg", "install it"), Status.LOCAL_ERROR, "tool_missing", 69, True),
        (errors.ConfigInvalid("wrong"), Status.LOCAL_ERROR, "error", 2, True),
        (errors.DataInvalid("wrong"), Status.LOCAL_ERROR, "error", 65, False),
        (OSError(errno.ENOSPC, "No space left on device", "/d"), Status.LOCAL_ERROR, "storage", 74, True),
        (OSError(errno.EROFS, "Read-only file system", "/d"), Status.LOCAL_ERROR, "permission", 73, False),
        (PermissionError(errno.EACCES, "Permission denied", "/d"), Status.LOCAL_ERROR, "permission", 73, False),
        (FileNotFoundError(errno.ENOENT, "No such file", "/d"), Status.TRANSIENT, "vanished", 0, False),
        (OSError(errno.EMFILE, "Too many open files", "/d"), Status.LOCAL_ERROR, "resources", 0, False),
        (ZeroDivisionError("division by zero"), Status.LOCAL_ERROR, "bug", 1, False),
        (MemoryError(), Status.LOCAL_ERROR, "bug", 1, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_each_kind_of_exception_has_its_outcome(
    error: Exception, status: Status, reason: str, code: int, is_fatal: bool
) -> None:
    found = attempt(error)
    assert (found.item, found.stage) == (ITEM, Stage.VIDEO)
    assert (found.status, found.reason, found.exit_code, found.is_fatal) == (status, reason, code, is_fatal)
    assert found.path == ""
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301


def test_a_bug_says_where_it_is() -> None:
    found = attempt(ZeroDivisionError("division by zero"))
    assert "ZeroDivisionError: division by zero" in found.detail
    assert os.path.basename(__file__) in found.detail  # noqa: PTH119


def test_an_exception_that_can_not_be_pickled_becomes_an_outcome_that_can() -> None:
    error = RuntimeError("holds a lock", threading.Lock())
    with pytest.raises(TypeError):
        pickle.dumps(error)
    found = attempt(error)
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_what_ends_the_program_is_let_through(error: BaseException) -> None:
    with pytest.raises(type(error)):
        attempt(error)


def test_an_item_whose_worker_died_is_worth_another_run() -> None:
    found = outcome.crashed(ITEM, Stage.FRAMES, "out of memory")
    assert (found.status, found.reason, found.detail) == (Status.LOCAL_ERROR, "crashed", "out of memory")
    assert outcome.exit_code([found]) == ExitCode.TRANSIENT


@pytest.mark.parametrize(
    ("outcomes", "max_unavailable", "strict", "expected"),
    [
        ([], 0.0, False, 0),
        ([], 0.0, True, 0),
        ([made(), made(Status.CACHED)], 0.0, True, 0),
        # Losses upstream: the policy decides, and --strict overrules it.
        ([made(Status.UNAVAILABLE, "removed")], 0.0, False, 3),
        ([made(Status.SHORT)] + [made()] * 9, 0.1, False, 0),
        ([made(Status.UNAVAILABLE)] + [made()] * 9, 0.1, False, 0),
        ([made(Status.UNAVAILABLE)] * 2 + [made()] * 8, 0.1, False, 3),
        ([made(Status.UNAVAILABLE), made(Status.SHORT)] + [made()] * 8, 0.1, False, 3),
        ([made(Status.UNAVAILABLE)] + [made()] * 9, 0.1, True, 3),
        ([made(Status.UNAVAILABLE)], 1.0, False, 0),
        ([made(Status.SHORT)], 1.0, True, 3),
        # Everything else is no matter of policy.
        ([made(Status.CORRUPT, "decode")], 1.0, False, 3),
        ([made(Status.UNSAFE, "redirect")], 1.0, False, 3),
        ([made(Status.INVALID, "annotation")], 1.0, False, 3),
        ([made(Status.TRANSIENT, "bot_check")], 1.0, False, 75),
        ([made(Status.LOCAL_ERROR, "crashed")], 1.0, False, 75),
        ([made(Status.INTERRUPTED)], 1.0, False, 75),
        # Where several apply, the gravest decides.
        ([made(Status.CORRUPT), made(Status.TRANSIENT)], 0.0, False, 75),
        ([made(Status.TRANSIENT), made(Status.LOCAL_ERROR, "storage", ExitCode.STORAGE)], 0.0, False, 74),
        ([made(Status.LOCAL_ERROR, "tool_missing", ExitCode.TOOL_MISSING), made(Status.CORRUPT)], 0.0, False, 69),
        ([made(Status.LOCAL_ERROR, "permission", ExitCode.CANT_CREATE)], 0.0, False, 73),
        ([made(Status.LOCAL_ERROR, "bug", ExitCode.BUG), made(code=ExitCode.STORAGE)], 0.0, False, 1),
    ],
)
def test_the_exit_code_of_a_run(outcomes: list[Outcome], max_unavailable: float, strict: bool, expected: int) -> None:
    assert outcome.exit_code(outcomes, max_unavailable=max_unavailable, strict=strict) == expected


@given(st.permutations([made(), made(Status.TRANSIENT), made(Status.CORRUPT), made(Status.UNAVAILABLE)]))
def test_the_exit_code_does_not_depend_on_the_order(outcomes: list[Outcome]) -> None:
    assert outcome.exit_code(iter(outcomes)) == ExitCode.TRANSIENT


@given(st.lists(st.sampled_from(ExitCode)))
def test_the_decisive_code_is_the_first_in_precedence(codes: list[ExitCode]) -> None:
    found = outcome.decisive(codes)
    if codes:
        assert found in codes
        assert all(errors.PRECEDENCE.index(found) <= errors.PRECEDENCE.index(code) for code in codes)
    else:
        assert found is ExitCode.OK


def test_counts() -> None:
    found = outcome.counts([made(), made(), made(Status.CORRUPT, "html")])
    assert found == {(Stage.VIDEO, Status.DONE, ""): 2, (Stage.VIDEO, Status.CORRUPT, "html"): 1}


@pytest.mark.parametrize("status", Status)
def test_a_thing_is_there_only_with_a_path(status: Status) -> None:
    """A film that ends before its span is short, and nothing is there of it."""
    assert not Outcome("x", Stage.VIDEO, status).is_present
    expected = status in (Status.DONE, Status.CACHED, Status.SHORT)
    assert Outcome("x", Stage.VIDEO, status, path="a/x.mp4").is_present == expected
