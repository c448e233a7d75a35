"""The course of every case of a network fault: a good root, the fault, the invariants, and again without the fault."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from avakit.tools import http
from tests import faultysources, invariants
from tests.faults import FaultyServer
from tests.faultyrows import MENDED, Row
from tests.faultysources import name_of, path_of
from tests.invariants import Trial

FAST = http.Options(
    timeout_seconds=0.5, tries=3, backoff_seconds=0.0, deadline_seconds=200.0, max_bytes=1 << 20, sleep=lambda _: None
)
HASTY = {"timeout_seconds": 0.8, "deadline_seconds": 25.0, "retries": 0, "max_bytes": 1 << 20}


@dataclass(frozen=True)
class Stage:
    """A server with everything on it, and for each source a root that holds a part, and the digest of a whole one."""

    server: FaultyServer
    trials: Mapping[str, tuple[Trial, str]]


def build(server: FaultyServer, folder: Path, film: bytes, sources: tuple[str, ...]) -> Stage:
    """Build the stage for these sources."""
    faultysources.serve(server, film)
    trials = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVAKIT_SHARED_DIR", str(folder / "shared"))
        invariants.hasten(patch, FAST, HASTY | {"timeout_seconds": 20.0})
        for source in sources:
            begun = faultysources.trial(folder / source, server, source)
            whole = begun.at(folder / f"{source}-whole")
            assert whole.run().code == 0
            trials[source] = begun, invariants.digest(whole.root)
    return Stage(server, trials)


def play(stage: Stage, source: str, case: Row, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Try one fault on one source."""
    seconds = {"deadline_seconds": 3.0} if case.row == "N20" else {}
    invariants.hasten(patch, FAST, HASTY | seconds)
    begun, whole = stage.trials[source]
    trial = begun.at(folder / "trial")
    invariants.settle(patch, trial.folder)
    port, path = stage.server.url.rpartition(":")[2], path_of(source)
    stage.server.requests.clear()
    stage.server.inject(path, replace(case.injection, location=case.injection.location.format(port=port)))
    try:
        ran = trial.run("--no-space-check")  # else the look at the film's length would meet the fault
    finally:
        stage.server.heal(path)
    asked = [request.path.partition("?")[0] for request in stage.server.requests]
    assert "/other.mp4" not in asked
    assert len(asked) > 1 or case.expected[source] != MENDED, "the fault was met"
    end = case.expected[source]
    invariants.assert_invariants(trial, ran, {name_of(source, end[0]): end})
    invariants.hasten(patch, FAST, HASTY | {"timeout_seconds": 20.0})
    invariants.assert_converges(trial, whole)
