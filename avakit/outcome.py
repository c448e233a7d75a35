"""What became of one item, and the one place where an exception turns into a value."""

import errno
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from avakit.errors import EXHAUSTED, PRECEDENCE, AvakitError, ExitCode, Interrupted, ItemFailed, Status, from_os_error
from avakit.model import Stage

#: Reasons after which no other item can succeed either: the run stops.
FATAL_REASONS = frozenset({"storage", "tool_missing"})


@dataclass(frozen=True)
class Outcome:
    """What became of one item.

    Attributes
    ----------
    item
        The video id or the clip's name.
    stage
        What was to be published.
    status, reason, detail
        The status, its reason code (docs/reasons.md) and one sentence for a person.
    path
        Where the result lies, relative to the root; empty if there is none.
    source
        Which source delivered it, for a video.
    bytes
        Bytes published.
    seconds
        Seconds it took.
    attempts
        How often it was tried in this run.
    exit_code
        What this outcome alone would make of the run.
    """

    item: str
    stage: Stage
    status: Status
    reason: str = ""
    detail: str = ""
    path: str = ""
    source: str = ""
    bytes: int = 0
    seconds: float = 0.0
    attempts: int = 1
    exit_code: ExitCode = ExitCode.OK

    @property
    def is_present(self) -> bool:
        """Whether the item's file is there (a `short` one may be kept and marked, or not be there at all)."""
        return self.status in (Status.DONE, Status.CACHED, Status.SHORT) and bool(self.path)

    @property
    def is_fatal(self) -> bool:
        """Whether the run should stop here, because no other item can succeed: also where a setting is wrong."""
        return self.reason in FATAL_REASONS or self.exit_code is ExitCode.USAGE


@dataclass(frozen=True)
class Made:
    """What a step published: the facts that its journal line and its outcome are made of.

    Attributes
    ----------
    path
        Relative to the root.
    bytes, sha256
        Of the file; of a frame folder, the bytes of its frames and the digest of its frame list.
    frames
        How many frames a frame folder holds.
    missing_seconds
        How much of the span the source does not hold; more than 0 makes the item `short`.
    source
        Which source delivered it, for a video.
    facts
        Provenance, in values that JSON holds.
    stage
        What it is, where that is another thing than was asked for: the window of a film instead of the film.
    """

    path: str
    bytes: int
    sha256: str
    frames: int = 0
    missing_seconds: float = 0.0
    source: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    stage: Stage | None = None


_EXIT_OF_STATUS = {
    Status.SHORT: ExitCode.GAPS,
    Status.UNAVAILABLE: ExitCode.GAPS,
    Status.TRANSIENT: ExitCode.TRANSIENT,
    Status.CORRUPT: ExitCode.GAPS,
    Status.UNSAFE: ExitCode.GAPS,
    Status.INVALID: ExitCode.GAPS,
    Status.LOCAL_ERROR: ExitCode.TRANSIENT,
    Status.INTERRUPTED: ExitCode.TRANSIENT,
}


def attempt(function: Callable[[], Outcome], item: str, stage: Stage) -> Outcome:
    """Call `function`, and turn whatever it raises into an `Outcome`.

    This is the only broad `except` of the package. The result can always be pickled.
    """
    started = time.monotonic()
    try:
        outcome = function()
    except Interrupted:
        raise  # it is about the run, not about the item
    except ItemFailed as error:
        outcome = failed(item, stage, error)
    except AvakitError as error:
        outcome = _local(item, stage, error)
    except OSError as error:
        outcome = _from_os(item, stage, error)
    except Exception as error:  # noqa: BLE001
        outcome = _bug(item, stage, error)
    return replace(outcome, seconds=round(time.monotonic() - started, 3))


def failed(item: str, stage: Stage, error: ItemFailed) -> Outcome:
    """Return the outcome of an item that raised `error`."""
    return Outcome(item, stage, error.status, error.reason, error.detail)


def crashed(item: str, stage: Stage, detail: str) -> Outcome:
    """Return the outcome of an item whose worker died (out of memory, segmentation fault)."""
    return Outcome(item, stage, Status.LOCAL_ERROR, "crashed", detail)


def _local(item: str, stage: Stage, error: AvakitError) -> Outcome:
    reasons = {
        ExitCode.STORAGE: "storage",
        ExitCode.CANT_CREATE: "permission",
        ExitCode.TOOL_MISSING: "tool_missing",
    }
    reason = reasons.get(error.exit_code, "error")
    return Outcome(item, stage, Status.LOCAL_ERROR, reason, str(error), exit_code=error.exit_code)


def _from_os(item: str, stage: Stage, error: OSError) -> Outcome:
    ours = from_os_error(error)
    if ours is not None:
        return _local(item, stage, ours)
    if error.errno == errno.ENOENT:
        detail = f"{error.filename} went away while it was needed: another run dropped or moved it"
        return Outcome(item, stage, Status.TRANSIENT, "vanished", detail)
    if error.errno in EXHAUSTED:
        return Outcome(item, stage, Status.LOCAL_ERROR, "resources", f"{error.strerror}; use fewer --jobs")
    return _bug(item, stage, error)


def _bug(item: str, stage: Stage, error: Exception) -> Outcome:
    detail = "".join(traceback.format_exception(error)[-3:]).strip()
    return Outcome(item, stage, Status.LOCAL_ERROR, "bug", detail, exit_code=ExitCode.BUG)


def exit_code(outcomes: Iterable[Outcome], *, max_unavailable: float = 0.0, strict: bool = False) -> ExitCode:
    """Return the exit code of a run with these outcomes.

    Parameters
    ----------
    outcomes
        One outcome per item and stage.
    max_unavailable
        The share of items, 0 to 1, that may be unavailable or short without making the run a failure.
    strict
        Whether any gap at all makes it one.
    """
    outcomes = list(outcomes)
    codes = {outcome.exit_code for outcome in outcomes}
    codes |= {_EXIT_OF_STATUS.get(o.status, ExitCode.OK) for o in outcomes if not is_gap_of_policy(o)}
    gaps = sum(is_gap_of_policy(outcome) for outcome in outcomes)
    if gaps and (strict or gaps > max_unavailable * len(outcomes)):
        codes.add(ExitCode.GAPS)
    return decisive(codes)


def is_gap_of_policy(outcome: Outcome) -> bool:
    """Whether the outcome is a loss upstream that `--max-unavailable` may allow."""
    return outcome.status in (Status.UNAVAILABLE, Status.SHORT)


def decisive(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the code that decides where several apply."""
    found = set(codes)
    return next((code for code in PRECEDENCE if code in found), ExitCode.OK)


def counts(outcomes: Iterable[Outcome]) -> Counter[tuple[Stage, Status, str]]:
    """Count outcomes by stage, status and reason."""
    return Counter((outcome.stage, outcome.status, outcome.reason) for outcome in outcomes)
