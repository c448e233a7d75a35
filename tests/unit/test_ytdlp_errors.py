"""What yt-dlp says, and what it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avakit.errors import Status
from avakit.tools.ytdlp_errors import RULES, classify

GONE, WAIT = Status.UNAVAILABLE, Status.TRANSIENT
HINT = (
    " Use --cookies-from-browser or --cookies for the authentication. See  "
    "https://github.com/yt-dlp/yt-dlp/wiki/FAQ#how-do-i-pass-cookies-to-yt-dlp  for how to manually pass cookies"
)

#: Texts of yt-dlp 2026.10 and of public reports, each with its verdict.
TEXTS = [
    ("ERROR: [youtube] aaaaaaaaaaa: Sign in to confirm you\u2019re not a bot." + HINT, WAIT, "bot_check"),
    ("ERROR: [youtube] aaaaaaaaaaa: Sign in to confirm you're not a bot. This helps protect", WAIT, "bot_check"),
    ("ERROR: [youtube] aaaaaaaaaaa: Error. YouTube is requiring a captcha challenge", WAIT, "bot_check"),
    ("ERROR: [youtube] aaaaaaaaaaa: All player responses are invalid. Your IP is likely", WAIT, "bot_check"),
    (
        (
            "ERROR: [youtube] a: Video unavailable. This content isn't available, try again later. The current "
            "session has been rate-limited by YouTube for up to an hour."
        ),
        WAIT,
        "rate_limit",
    ),
    ("ERROR: unable to download video data: HTTP Error 429: Too Many Requests", WAIT, "rate_limit"),
    ("ERROR: [youtube] The provided YouTube account cookies are no longer valid.", WAIT, "forbidden"),
    (
        "ERROR: [youtube] aaaaaaaaaaa: Private video. Sign in if you've been granted access to this video." + HINT,
        GONE,
        "private",
    ),
    ("ERROR: [youtube] aaaaaaaaaaa: This video is private. If the owner of this video has", GONE, "private"),
    (
        (
            "ERROR: [youtube] aaaaaaaaaaa: Video unavailable. The uploader has not made this video available in your "
            "country"
        ),
        GONE,
        "geo",
    ),
    (
        (
            "ERROR: [youtube] a: Video unavailable. This video contains content from ZDFE, who has blocked it "
            "in your country on copyright grounds"
        ),
        GONE,
        "geo",
    ),
    ("ERROR: This video is not available from your location due to geo restriction", GONE, "geo"),
    ("ERROR: [youtube] aaaaaaaaaaa: Join this channel to get access to members-only content", GONE, "members"),
    ("ERROR: [youtube] aaaaaaaaaaa: This video is available to this channel's members on level", GONE, "members"),
    ("ERROR: [youtube] aaaaaaaaaaa: Sign in to confirm your age. This video may be inappropriate" + HINT, GONE, "age"),
    (
        (
            "ERROR: [youtube] aaaaaaaaaaa: Video unavailable. This video is no longer available because the YouTube "
            "account associated with this video has been terminated."
        ),
        GONE,
        "terminated",
    ),
    (
        ("ERROR: [youtube] a: Video unavailable. This video is no longer available due to a copyright claim by Warner"),
        GONE,
        "copyright",
    ),
    ("ERROR: [youtube] aaaaaaaaaaa: Video unavailable. This video has been removed by the uploader", GONE, "removed"),
    (
        "ERROR: [youtube] aaaaaaaaaaa: This video has been removed for violating YouTube's Terms of Service",
        GONE,
        "removed",
    ),
    (
        (
            "ERROR: [youtube] a: Video unavailable. This video is no longer available because the uploader has "
            "closed their YouTube account."
        ),
        GONE,
        "removed",
    ),
    ("ERROR: [youtube] aaaaaaaaaaa: This video is DRM protected", GONE, "drm"),
    ("ERROR: [generic] Unable to download webpage: HTTP Error 404: Not Found (caused by <HTTPError", GONE, "not_found"),
    ("ERROR: [generic] Unable to download webpage: HTTP Error 410: Gone", GONE, "not_found"),
    ("ERROR: unable to download video data: HTTP Error 404: Not Found", WAIT, "server_error"),
    ("ERROR: [generic] Unable to download webpage: HTTP Error 403: Forbidden", WAIT, "forbidden"),
    ("ERROR: unable to download video data: HTTP Error 403: Forbidden", WAIT, "forbidden"),
    ("ERROR: [youtube] aaaaaaaaaaa: Unable to download API page: HTTP Error 503: Service Un", WAIT, "server_error"),
    ("ERROR: unable to download video data: HTTP Error 416: Requested range not satisfiable", WAIT, "server_error"),
    ("ERROR: Unable to download webpage: The read operation timed out", WAIT, "timeout"),
    ("ERROR: [youtube] aaaaaaaaaaa: Requested format is not available. Use --list-formats", WAIT, "format"),
    ("ERROR: [youtube] aaaaaaaaaaa: Premieres in 3 hours", WAIT, "format"),
    ("ERROR: Unsupported URL: http://127.0.0.1/a.mp4", WAIT, "source_error"),
    ("ERROR: Postprocessing: Conversion failed!", WAIT, "source_error"),
    ("ERROR: ffmpeg exited with code 1", WAIT, "source_error"),
    (
        (
            "ERROR: [youtube] a: Unable to download API page: Failed to resolve 'www.youtube.com' ([Errno -3] "
            "Temporary failure in name resolution)"
        ),
        WAIT,
        "network",
    ),
    ("ERROR: Unable to download webpage: [Errno 111] Connection refused", WAIT, "network"),
    ("ERROR: \r[download] Got error: 10 bytes read, 20 more expected. Giving up after 10 retries", WAIT, "network"),
    ("ERROR: Unable to connect to proxy", WAIT, "network"),
    ("ERROR: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", WAIT, "network"),
    ("ERROR: [youtube] aaaaaaaaaaa: Video unavailable", WAIT, "unknown"),
    (
        ("ERROR: [youtube] a: Video unavailable. Playback on other websites has been disabled by the video owner"),
        WAIT,
        "unknown",
    ),
    ("ERROR: [youtube] aaaaaaaaaaa: Please sign in." + HINT, WAIT, "unknown"),
    ("ERROR: something nobody has seen before", WAIT, "unknown"),
    ("", WAIT, "unknown"),
]


@pytest.mark.parametrize(("text", "status", "reason"), TEXTS)
def test_each_text_has_its_verdict(text: str, status: Status, reason: str) -> None:
    assert classify(text)[:2] == (status, reason)


def test_every_rule_is_met_by_a_text() -> None:
    """A rule that no known text reaches is dead, or stands below one that hides it."""
    met = {classify(text)[:2] for text, _, _ in TEXTS}
    assert met == {(rule.status, rule.reason) for rule in RULES} - {(GONE, "login")} | {(WAIT, "unknown")}
    assert classify("ERROR: This video is only available for registered users")[:2] == (GONE, "login")


def test_the_sentence_is_for_a_person() -> None:
    text = (
        "\x1b[0;31mERROR:\x1b[0m [youtube] aaaaaaaaaaa: Oops\r\n at https://host/videoplayback?sig=secret&ip=1; "
        "please report this issue on  https://github.com/yt-dlp/yt-dlp/issues?q= , filling out the template"
    )
    assert classify(text)[2] == "aaaaaaaaaaa: Oops at https://host/videoplayback"


@given(st.text())
def test_no_text_breaks_the_table_or_the_terminal(text: str) -> None:
    _, _, sentence = classify(text)
    assert sentence.isprintable()
    assert len(sentence) <= 300
