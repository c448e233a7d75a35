"""What a run says at its end, and what it keeps to itself."""

import sys
from pathlib import Path

import pytest

from avakit import doctor
from avakit.cli import closing, commands, status
from avakit.errors import ExitCode, Status
from avakit.model import Stage
from avakit.outcome import Outcome
from avakit.status import Coverage


def test_a_report_shows_no_secrets_of_the_command_line() -> None:
    given = [
        "download", "--proxy", "socks5h://me:planted@host:1080", "--proxy=http://me:planted@host", "--extractor-args",
        "youtube:po_token=web.gvs+planted", "--extractor-args=youtubepot-x:key=planted",
        "--mirror", "https://me:planted@host/{id}.mp4?token=planted", "--ids", "-abc_efgh-1",
    ]  # fmt: skip
    assert commands.without_secrets(given) == [
        "download", "--proxy", "socks5h://host:1080", "--proxy=http://host", "--extractor-args", "youtube:…",
        "--extractor-args=youtubepot-x:…", "--mirror", "https://host/{id}.mp4", "--ids", "-abc_efgh-1",
    ]  # fmt: skip


@pytest.mark.parametrize(("days", "detail", "is_told"), [
    (-1, "youtube: bot_check: Sign in", True), (-1, "mirror: forbidden: no", False),
    (9999, "youtube: bot_check: Sign in", False),
])  # fmt: skip
def test_a_run_that_youtube_refused_names_the_age_of_an_old_yt_dlp(
    days: int, detail: str, is_told: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "YTDLP_OLD_DAYS", days)
    outcome = Outcome("a" * 11, Stage.VIDEO, Status.TRANSIENT, "bot_check", detail)
    closing._show_next([outcome])
    assert ("pip install -U 'avakit[youtube]'" in capsys.readouterr().out) is is_told


def test_a_finished_download_leads_to_the_next_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for verb, told in (("download", "avakit prepare --dataset demo"), ("cut", "avakit verify"), ("fetch", "")):
        run = closing.Run(verb, "demo", tmp_path, outcomes=[Outcome("x", Stage.VIDEO, Status.DONE, path="x")])
        assert run.close() is ExitCode.OK
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("next: ")]
        assert (told in lines[0]) if told else (lines == [])


def test_words_of_the_table_stay_whole_on_a_narrow_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    failed = Outcome("x", Stage.VIDEO, Status.UNAVAILABLE, "ends_inside_span_of_it")
    assert closing.Run("cut", "demo", tmp_path, outcomes=[failed]).close() is ExitCode.GAPS
    assert "unavailable  ends_inside_span_of_it" in capsys.readouterr().out


@pytest.mark.parametrize("reason", ["empty", "redirect", "unknown"])
def test_reasons_with_a_remedy_name_it(reason: str) -> None:
    assert closing.ADVICE[reason]


def test_on_a_narrow_terminal_a_count_stays_with_its_reason(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = (("transient", "bot_check", 246_000), ("unavailable", "ends_inside_span", 3), ("todo", "", 5))
    row = Coverage("train", "frames", wanted=246_534, present=1, short=3, reasons=reasons)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    status._show([row])
    assert [line[43:].strip() for line in capsys.readouterr().out.splitlines()[1:]] == [
        "246 000 transient (bot_check),", "3 unavailable (ends_inside_span),", "5 todo",
    ]  # fmt: skip
