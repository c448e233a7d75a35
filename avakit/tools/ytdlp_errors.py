"""What yt-dlp says, and what it means: an ordered table, because one sentence can fit several lines.

A video is called unavailable only where the text gives a lasting reason. The bot check, a captcha, 403, 429, the
bare "Video unavailable" (which YouTube has also said of videos that were there) and every text not in the table
are transient.
"""

import re
from dataclasses import dataclass

from avakit.errors import Status
from avakit.tools.http_policy import public_url

#: Stands in the journal beside every reason that was found here; grows with every change of `RULES`.
TABLE_VERSION = 3

_DETAIL_LENGTH = 300


@dataclass(frozen=True)
class Rule:
    """One line of the table: the first whose pattern is found in the text, in lower case, decides."""

    status: Status
    reason: str
    pattern: str


_GONE = Status.UNAVAILABLE
_WAIT = Status.TRANSIENT

RULES = (
    # This machine's disk, whoever it was that could not write.
    Rule(Status.LOCAL_ERROR, "storage", r"no space left on device|disk quota exceeded|read-only file system"),
    # What our own guards say.
    Rule(Status.UNSAFE, "redirect", r"sends us to (an address|\S+, a machine)"),
    Rule(Status.CORRUPT, "length", r"longer than the \d+ bytes allowed"),
    # We are suspected or too fast; says nothing of the video, although the text often speaks of signing in.
    Rule(_WAIT, "bot_check", r"not a bot|captcha|unusual traffic|all player responses are invalid"),
    Rule(_WAIT, "rate_limit", r"rate.limit|http error 429|too many requests|try again later"),
    Rule(_WAIT, "forbidden", r"cookies are no longer valid"),
    # Private comes before login, geo before copyright: those texts hold the later words too.
    Rule(_GONE, "private", r"private video|video is private"),
    Rule(_GONE, "geo", r"geo.?restrict|in your country|in your (region|location)|from your location"),
    Rule(_GONE, "members", r"members.only|join this channel|channel's members|premium members"),
    Rule(_GONE, "age", r"confirm your age|age.restricted|inappropriate for some users"),
    Rule(_GONE, "terminated", r"account[^.]* (has been |was |is )?terminated|channel[^.]* terminated"),
    Rule(_GONE, "copyright", r"copyright (claim|grounds|infringement)|third.party notification"),
    Rule(_GONE, "removed", r"removed by the (uploader|user|owner)|has been (removed|deleted)"),
    Rule(
        _GONE, "removed", r"violat\w+ youtube's|does not exist|no longer available because the uploader|privacy claim"
    ),
    Rule(_GONE, "drm", r"drm.protected"),
    Rule(_GONE, "login", r"login required|only available (to|for) registered users|requires payment"),
    # A piece of the media that is missing may be there under another address; a page that is missing is not.
    Rule(_WAIT, "server_error", r"(video data|fragment|got error)[^:]*:.*http error (404|410)"),
    Rule(_GONE, "not_found", r"http error (404|410)"),
    Rule(_WAIT, "forbidden", r"http error (401|403)"),
    Rule(_WAIT, "server_error", r"http error (408|416|425|5\d\d)"),
    Rule(_WAIT, "timeout", r"timed? ?out"),
    Rule(_WAIT, "format", r"requested format is not available|no video formats|only images are available"),
    Rule(_WAIT, "live", r"premieres? (in|will begin)|live event (will|has)|live stream|not currently live"),
    Rule(_WAIT, "live", r"processing this video"),
    Rule(_WAIT, "source_error", r"unsupported url|ffmpeg exited|postprocessing:|content too short|unable to extract"),
    Rule(_WAIT, "source_error", r"any player response|downloaded file is empty|did not get any data blocks"),
    # Sites send in circles whom they suspect; it is no word about the video.
    Rule(_WAIT, "source_error", r"redirect loop|too many redirects|exceeded \d+ redirects"),
    Rule(Status.CORRUPT, "not_media", r"content-encoding"),
    Rule(_WAIT, "network", r"name resolution|resolve host|name or service not known|getaddrinfo|no address assoc"),
    Rule(_WAIT, "network", r"connection (was )?(refused|reset|aborted|broken)|unreachable|no route to host|proxy"),
    Rule(_WAIT, "network", r"ssl|certificate|unexpected_eof|eof occurred|bytes read|incompleteread|giving up after"),
)

_COMPILED = tuple((rule, re.compile(rule.pattern, re.DOTALL)) for rule in RULES)
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PREFIX = re.compile(r"^(ERROR: )?(\[[\w:+.-]+\] )?", re.IGNORECASE)
#: What follows the sentence: advice meant for yt-dlp's own users, and the Python exceptions behind it.
_REPORT = re.compile(r"(; please report this issue on | \(caused by ).*", re.DOTALL)
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE)


def classify(text: str) -> tuple[Status, str, str]:
    """Return status, reason and a sentence for what yt-dlp said."""
    clean = _clean(text)
    plain = clean.replace("\u2019", "'").lower()
    found = next((rule for rule, pattern in _COMPILED if pattern.search(plain)), None)
    if found is None:
        return Status.TRANSIENT, "unknown", _short(clean)
    return found.status, found.reason, _short(clean)


def sentence(text: str) -> str:
    """Return what yt-dlp said as one line for a person, without secrets."""
    return _short(_clean(text))


def _clean(text: str) -> str:
    """Return the text in one line, without colours, control characters, advice and secrets of addresses."""
    text = _ANSI.sub("", text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _URL.sub(lambda match: public_url(match[0]), _REPORT.sub("", text))


def _short(clean: str) -> str:
    return _PREFIX.sub("", clean)[:_DETAIL_LENGTH]
