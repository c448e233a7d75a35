"""The network rows of the fault matrix, N1 to N27, against mirrors and archives: none is silent, none hangs.

The same rows go against yt-dlp in test_network_faults_ytdlp.py. What a row of the matrix needs besides a server that
answers wrongly stands here, for all three.
"""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import invariants
from tests.contract import faultycase
from tests.contract.faultycase import FAST, HASTY, Stage
from tests.faults import Fault, FaultyServer, Injection
from tests.faultyrows import ALL, ARCHIVE, CASES, CUT, MIRROR, NO_MEDIA, OURS, PERSON, UNSAFE, YOUTUBE, Expected, Row
from tests.faultysources import WANTED, name_of, path_of
from tests.integration import test_http

#: Rows that are tried elsewhere, source by source; those of `tools.http` hold for mirrors and archives alike.
ELSEWHERE = {
    ("N9", MIRROR): test_http.test_a_rotten_beginning_is_not_built_upon,
    ("N9", ARCHIVE): test_http.test_a_rotten_beginning_is_not_built_upon,
}
UNREACHABLE = ("name", "refused", "proxy")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, tiny_film: bytes) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    (folder / "served").mkdir()
    with FaultyServer(folder / "served") as server:
        (folder / "served" / "other.mp4").write_bytes(tiny_film)
        yield faultycase.build(server, folder, tiny_film, ALL)


@pytest.mark.network_fault
@pytest.mark.parametrize(("source", "case"), [pair for pair in CASES if pair[0] in OURS], ids=str)
def test_a_fault_is_neither_silent_nor_harmful(
    source: str, case: Row, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faultycase.play(stage, source, case, tmp_path, monkeypatch)


@pytest.mark.network_fault
@pytest.mark.parametrize(
    ("source", "fault", "expected"),
    [
        (MIRROR, Fault.HTML_AS_VIDEO, PERSON),
        (MIRROR, Fault.SMALL_LENGTH, NO_MEDIA),
        (ARCHIVE, Fault.GZIP, NO_MEDIA),
        (YOUTUBE, Fault.TO_FILE, UNSAFE),
    ],
)
def test_the_program_itself(
    source: str, fault: Fault, expected: Expected, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its workers and its own patience, as a process."""
    begun, whole = stage.trials[source]
    trial = begun.at(tmp_path / "trial")
    invariants.hasten(monkeypatch, FAST, HASTY)  # what looks at it afterwards
    invariants.settle(monkeypatch, trial.folder)
    stage.server.inject(path_of(source), fault)
    try:
        ran = trial.end(trial.start())
    finally:
        stage.server.heal(path_of(source))
    invariants.assert_invariants(trial, ran, {name_of(source, expected[0]): expected})
    ran = trial.end(trial.start("--recheck-after", "0"))
    assert ran.code == 0
    assert invariants.digest(trial.root) == whole
    assert not trial.leftovers()


def elsewhere(stage: Stage, source: str, url: str, tmp_path: Path, patch: pytest.MonkeyPatch) -> invariants.Trial:
    """Return a trial whose source `source` is said to be at another address."""
    trial = stage.trials[source][0].at(tmp_path / "trial")
    invariants.hasten(patch, FAST, HASTY)
    invariants.settle(patch, trial.folder)
    manifest = trial.folder / "tiny.yaml"
    path = "/archive/list.txt" if source == ARCHIVE else f"/{source}/"
    manifest.write_text(manifest.read_text().replace(stage.server.url + path, url + path))
    return trial


def assert_fails(trial: invariants.Trial, source: str, expected: Expected) -> None:
    """Assert how the trial ends; without its list of archives, nothing of an archive is tried at all."""
    ran = trial.run()
    if source == ARCHIVE:
        assert ran.code == invariants.exit_code_of([expected])
        assert "can't be had" in ran.err
        assert invariants.good(trial.root) == trial.known
        invariants.assert_no_secret(trial, ran.out + ran.err)
        assert "Traceback" not in ran.err
    else:
        invariants.assert_invariants(trial, ran, {name_of(source, expected[0]): expected})


@pytest.mark.network_fault
@pytest.mark.parametrize("source", ALL)
def test_n21_a_certificate_that_nobody_vouches_for(
    source: str, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with test_http.encrypted() as url:
        assert_fails(elsewhere(stage, source, url.removesuffix("/a"), tmp_path, monkeypatch), source, CUT)


@pytest.mark.network_fault
@pytest.mark.parametrize("how", UNREACHABLE)
@pytest.mark.parametrize("source", ALL)
def test_n24_a_server_that_can_not_be_reached(
    source: str, how: str, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        here = f"http://127.0.0.1:{unused.getsockname()[1]}"
        if how == "proxy":
            monkeypatch.setenv("http_proxy", here)
            monkeypatch.delenv("no_proxy", raising=False)
        url = {"name": "http://no-such-host.invalid", "refused": here, "proxy": "http://mirror.example"}[how]
        assert_fails(elsewhere(stage, source, url, tmp_path, monkeypatch), source, CUT)


@pytest.mark.network_fault
def test_n25_a_missing_fragment_is_no_video(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """yt-dlp leaves a hole by default."""
    folder = stage.server.state.folder / "pieces" / YOUTUBE
    folder.mkdir(parents=True)
    lines = [f"#EXTINF:1,\n{number}.ts\n" for number in range(3)]
    text = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n" + "".join(lines) + "#EXT-X-ENDLIST\n"
    (folder / f"{WANTED}.m3u8").write_text(text)
    for number in (0, 2):
        (folder / f"{number}.ts").write_bytes(b"G" + bytes(187))
    trial = elsewhere(stage, YOUTUBE, f"{stage.server.url}/pieces", tmp_path, monkeypatch)
    manifest = trial.folder / "tiny.yaml"
    manifest.write_text(manifest.read_text().replace("/pieces/youtube/{id}.mp4", "/pieces/youtube/{id}.m3u8"))
    ran = trial.run()
    assert "/pieces/youtube/1.ts" in [request.path for request in stage.server.requests]
    invariants.assert_invariants(trial, ran, {WANTED: ("transient", "server_error")})


@pytest.mark.network_fault
@pytest.mark.parametrize("source", ALL)
def test_n26_the_fallback_is_written_down(
    source: str, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = stage.trials[source][0].at(tmp_path / "trial")
    invariants.hasten(monkeypatch, FAST, HASTY | {"timeout_seconds": 20.0})
    invariants.settle(monkeypatch, trial.folder)
    second = MIRROR if source != MIRROR else YOUTUBE
    stage.server.inject(path_of(source), Injection(frozenset({Fault.NOT_FOUND})))
    try:
        ran = trial.run("--sources", f"{source},{second}")
    finally:
        stage.server.heal(path_of(source))
    invariants.assert_invariants(trial, ran, {WANTED: ("done", "")})
    journal = "".join(path.read_text() for path in trial.root.glob(".avakit/journal/*/*.jsonl"))
    assert f'"tried_before":{{"{source}":"not_found' in journal
    assert f"from {second}" in ran.err
