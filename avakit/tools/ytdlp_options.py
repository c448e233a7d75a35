"""How yt-dlp is to ask, and what is wrong with an option before the first video is asked for."""

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from avakit.errors import ConfigInvalid

#: The browsers whose cookies yt-dlp can read.
BROWSERS = ("brave", "chrome", "chromium", "edge", "firefox", "opera", "safari", "vivaldi", "whale")
#: The JavaScript runtimes that yt-dlp can use. It uses Deno unasked, because Deno alone locks scripts in.
JS_RUNTIMES = ("deno", "node", "bun", "quickjs")
_PROXIES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
#: Only what concerns YouTube and the providers of its tokens may be passed through.
_ARGUMENTS_FOR = re.compile(r"youtube(pot-[\w-]+)?")
#: What schedulers set in their jobs: there is no browser there, and no person in front of it.
_JOB_VARIABLES = (
    "SLURM_JOB_ID",
    "PBS_JOBID",
    "LSB_JOBID",
    "SGE_TASK_ID",
    "AWS_BATCH_JOB_ID",
    "KUBERNETES_SERVICE_HOST",
)
_COOKIE_FIELDS = 7
_COOKIE_HEAD = re.compile("#( Netscape)? HTTP Cookie File")  # as http.cookiejar.MozillaCookieJar wants it
COOKIE_FORM = (
    "which begins with the line `# Netscape HTTP Cookie File` and has seven fields a line with tabs between them"
)
#: The heights that YouTube encodes.
_HEIGHTS = (144, 240, 360, 480, 720, 1080, 1440, 2160, 4320)


@dataclass(frozen=True)
class Options:
    """How to ask.

    Attributes
    ----------
    ffmpeg
        Path of the ffmpeg that joins picture and sound; empty leaves the search to yt-dlp.
    height
        The largest height wanted (for upright videos: width); the smallest one above it if there is none below.
    cookies
        A cookie file in Netscape's form; it is read, never written. None for no cookies.
    browser
        The browser whose cookies are used, `NAME` or `NAME:PROFILE`; empty for none.
    proxy
        The address of a proxy, perhaps with a password; empty for what the environment says.
    extractor_args
        `youtube:KEY=VALUE[,VALUE][;KEY=VALUE]`, as of yt-dlp's own option; may hold tokens.
    js_runtimes
        `NAME` or `NAME:PATH`, beside Deno.
    plugins
        A folder of yt-dlp plugins, whose code is run. None for no plugins.
    jobs
        How many videos are fetched at a time from one host, by all processes of this user on this machine.
    sleep
        Seconds, at least and at most, between one video and the next.
    extractor
        The only extractor of yt-dlp that may be used: `youtube`, or `generic` for a plain address.
    timeout_seconds
        Silence on the wire after which a request has failed.
    deadline_seconds
        Wall time of the whole call.
    retries
        Further attempts at a request that failed on the wire.
    max_bytes
        More than this is refused.
    allow_private
        Whether redirects may lead to private addresses.
    """

    ffmpeg: str = ""
    height: int = 1080
    cookies: Path | None = field(default=None, repr=False)
    browser: str = ""
    proxy: str = field(default="", repr=False)
    extractor_args: tuple[str, ...] = field(default=(), repr=False)
    js_runtimes: tuple[str, ...] = ()
    plugins: Path | None = None
    jobs: int = 1
    sleep: tuple[float, float] = (0.0, 0.0)
    extractor: str = "youtube"
    timeout_seconds: float = 30.0
    deadline_seconds: float = 3 * 3600.0
    retries: int = 10
    max_bytes: int = 64 << 30
    allow_private: bool = False


def height_for(short_side: int) -> int:
    """Return the height to ask for where frames of this short side are made: the next that YouTube encodes."""
    return next((height for height in _HEIGHTS if height >= short_side), _HEIGHTS[-1])


def check(options: Options, environment: Mapping[str, str]) -> None:
    """Say what is wrong with the options; never with the value of one that may hold a secret.

    Raises
    ------
    ConfigInvalid
        With one sentence for each mistake.
    """
    problems = [*_about_cookies(options, environment), *_about_proxy(options.proxy), *_about_plugins(options.plugins)]
    unknown = [text for text in options.js_runtimes if text.partition(":")[0] not in JS_RUNTIMES]
    problems += [f"--js-runtime {text}: there are {', '.join(JS_RUNTIMES)}; NAME or NAME:PATH" for text in unknown]
    try:
        arguments(options.extractor_args)
    except ConfigInvalid as error:
        problems.append(str(error))
    if problems:
        raise ConfigInvalid(*problems)


def _about_cookies(options: Options, environment: Mapping[str, str]) -> list[str]:
    if options.cookies is not None and options.browser:
        return ["--cookies and --cookies-from-browser exclude each other"]
    if options.browser:
        if options.browser.partition(":")[0] not in BROWSERS:
            return [f"--cookies-from-browser {options.browser}: there are {', '.join(BROWSERS)}; NAME or NAME:PROFILE"]
        if job := next((name for name in _JOB_VARIABLES if environment.get(name)), None):
            return [f"--cookies-from-browser: this is a cluster job ({job} is set); give it a file with --cookies"]
    if options.cookies is not None and not is_cookie_file(options.cookies):
        return [f"--cookies {options.cookies}: not a cookie file in Netscape's form, {COOKIE_FORM}"]
    return []


def _about_proxy(proxy: str) -> list[str]:
    try:
        parts = urlsplit(proxy)
        is_good = parts.scheme in _PROXIES and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_good = False
    return (
        [] if is_good or not proxy else [f"--proxy: expected SCHEME://HOST:PORT, SCHEME one of {', '.join(_PROXIES)}"]
    )


def _about_plugins(folder: Path | None) -> list[str]:
    if folder is None:
        return []
    found = [path for path in folder.iterdir() if (path / "yt_dlp_plugins").is_dir() or path.suffix in (".zip", ".whl")]
    return [] if found else [f"--yt-dlp-plugins {folder}: none of its folders holds a folder yt_dlp_plugins"]


def is_cookie_file(path: Path) -> bool:
    """Whether a file holds cookies in the form that yt-dlp reads: a first line, then seven fields a line."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        return False
    if not lines or not _COOKIE_HEAD.match(lines[0]):
        return False
    cookies = [line for line in lines if line.strip() and (not line.startswith("#") or line.startswith("#HttpOnly_"))]
    return bool(cookies) and all(len(line.split("\t")) == _COOKIE_FIELDS for line in cookies)


def is_open_to_others(path: Path) -> bool:
    """Whether somebody else than its owner may read or change a file."""
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)) and os.name == "posix"


def arguments(texts: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    r"""Read extractor arguments as yt-dlp's own command line does: a comma inside a value is written `\,`.

    Raises
    ------
    ConfigInvalid
        If one is not for YouTube, or has another form.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for text in texts:
        name, _, rest = text.partition(":")
        if not _ARGUMENTS_FOR.fullmatch(name.lower()):
            raise ConfigInvalid(f"--extractor-args {name}: only `youtube:…` and `youtubepot-NAME:…` are passed on")
        for argument in rest.split(";"):
            key, equals, values = argument.partition("=")
            if not equals or not key.strip():
                raise ConfigInvalid(f"--extractor-args {name}: expected NAME:KEY=VALUE[,VALUE][;KEY=VALUE]")
            words = [word.replace(r"\,", ",").strip() for word in re.split(r"(?<!\\),", values)]
            found.setdefault(name.lower(), {})[key.strip().lower().replace("-", "_")] = words
    return found
