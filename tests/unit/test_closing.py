"""What a run says at its end, and what it keeps to itself."""

import pytest

from avakit import doctor
from avakit.cli import closing
from avakit.errors import ExitCode, Status
from avakit.model import Stage
from avakit.outcome import Outcome


def test_a_report_shows_no_secrets_of_the_command_line() -> None:
    given = [
        "download", "--proxy", "socks5h://me:planted@host:1080", "--proxy=http://me:planted@host", "--extractor-args",
        "youtube:po_token=web.gvs+planted", "--extractor-args=youtubepot-x:key=planted",
        "--mirror", "https://me:planted@host/{id}.mp4?token=planted", "--ids", "-abc_efgh-1",
    ]  # fmt: skip
    assert closing._without_secrets(given) == [
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
    closing._show_next([outcome], ExitCode.TRANSIENT, made=True)
    assert ("pip install -U 'avakit[youtube]'" in capsys.readouterr().out) is is_told
