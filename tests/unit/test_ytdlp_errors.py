"""What yt-dlp says, and what it means."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avakit.errors import Status
from avakit.tools.breaker import BLOCKS
from avakit.tools.ytdlp_errors import _COMPILED, RULES, _clean, classify

#: What yt-dlp 2026.10 says in words of its own or of YouTube's, each with its verdict.
FIXTURES = Path(__file__).parent.parent / "data" / "ytdlp_messages.jsonl"
MESSAGES = [json.loads(line) for line in FIXTURES.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message["text"][:60])
def test_each_text_has_its_verdict(message: dict[str, str]) -> None:
    assert classify(message["text"])[:2] == (message["status"], message["reason"])


def test_a_text_without_words_is_unknown() -> None:
    assert classify("") == (Status.TRANSIENT, "unknown", "")


def test_every_rule_decides_for_some_text() -> None:
    """A rule that no known text reaches is dead, or stands below one that hides it."""
    plain = [_clean(message["text"]).replace("\u2019", "'").lower() for message in MESSAGES]
    met = [next((rule for rule, pattern in _COMPILED if pattern.search(text)), None) for text in plain]
    assert [rule for rule in RULES if rule not in met] == []


def test_a_refusal_says_nothing_of_the_video() -> None:
    """The bot check, 403, 429 and what nobody knows are never a verdict that a video is gone."""
    for reason in BLOCKS | {"unknown"}:
        found = [message for message in MESSAGES if message["reason"] == reason]
        assert found
        assert {message["status"] for message in found} == {"transient"}, reason


def test_passwords_of_proxies_are_not_repeated() -> None:
    text = "ERROR: Unable to connect to proxy socks5h://user:planted@proxy.example:1080 (caused by planted)"
    assert classify(text)[1:] == ("network", "Unable to connect to proxy socks5h://proxy.example:1080")


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
