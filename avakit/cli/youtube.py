"""How YouTube is asked: the options, and what they come to."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avakit.cli.options import option, together
from avakit.model import Stage

if TYPE_CHECKING:
    from avakit.recipes import FrameRecipe
    from avakit.tools.ytdlp import Options


class Pause(click.ParamType[tuple[float, float]]):
    """Seconds, or the least and the most of them."""

    name = "min[,max]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        """Split the text at the comma."""
        if isinstance(value, tuple):
            return value
        words = str(value).split(",")
        try:
            low, high = float(words[0]), float(words[-1])
        except ValueError:
            self.fail(f"{value!r} is not a number of seconds, or two of them: 10,20", param, ctx)
        if len(words) > 2 or not 0 <= low <= high <= 86_400:  # noqa: PLR2004 - a pair; a day
            self.fail(f"{value!r}: expected MIN,MAX with 0 <= MIN <= MAX <= 86400 seconds", param, ctx)
        return low, high


options = together(
    option("--cookies", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
           help="Cookies for YouTube: a file in Netscape's form, readable by you alone. It is never changed."),
    option("--cookies-from-browser", metavar="NAME[:PROFILE]", help="Use the YouTube cookies of this browser."),
    option("--proxy", metavar="URL",
           help="Ask YouTube through this proxy; better in AVAKIT_PROXY, if it has a password."),
    option("--sleep", type=Pause(), default=(0.0, 0.0), metavar="MIN[,MAX]",
           help="Seconds between two videos from YouTube, such as 10,20  [default: 0]"),
    option("--youtube-jobs", type=click.IntRange(min=1), default=1, show_default=True,
           help="Videos from YouTube at a time, by all your processes on this machine."),
    option("--max-height", type=click.IntRange(min=1), metavar="PIXELS",
           help="The largest shorter side to fetch  [default: what the frames need, else 1080]"),
    option("--js-runtime", "js_runtimes", multiple=True, metavar="NAME[:PATH]",
           help="A JavaScript runtime that yt-dlp may use beside Deno: node, bun, quickjs."),
    option("--extractor-args", multiple=True, metavar="NAME:KEY=VALUE",
           help="Passed on to yt-dlp, for `youtube` and `youtubepot-…` only: tokens and their providers."),
    option("--yt-dlp-plugins", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="FOLDER",
           help="Run the yt-dlp plugins in this folder; no others are ever loaded."),
    option("--stop-after-blocks", type=click.IntRange(min=1), default=10, show_default=True, metavar="N",
           help="Ask a source no more after N refusals in a row (bot check, 429, 403)."),
)  # fmt: skip


def height_of(given: dict[str, Any], stages: Sequence[Stage], frames: "FrameRecipe") -> int:
    """Return the height to ask YouTube for: that of the option, else what is to be made of the video needs."""
    from avakit.tools import ytdlp, ytdlp_options

    if given.get("max_height"):
        return int(given["max_height"])
    # Clips keep the size of their video.
    if Stage.FRAMES in stages and Stage.CLIP not in stages and frames.short_side:
        return ytdlp_options.height_for(frames.short_side)
    return ytdlp.Options().height


def options_of(given: dict[str, Any], height: int, ffmpeg: str) -> "Options":
    """Return how yt-dlp is to ask.

    Raises
    ------
    ConfigInvalid
        If an option is wrong.
    ToolMissing
        If a JavaScript runtime that was named is missing or too old.
    """
    from avakit.tools import ytdlp, ytdlp_about, ytdlp_options

    found = ytdlp.Options(
        ffmpeg=ffmpeg,
        height=height,
        cookies=given.get("cookies"),
        browser=given.get("cookies_from_browser") or "",
        proxy=given.get("proxy") or "",
        extractor_args=tuple(given.get("extractor_args") or ()),
        js_runtimes=tuple(given.get("js_runtimes") or ()),
        plugins=given.get("yt_dlp_plugins"),
        jobs=given.get("youtube_jobs") or 1,
        sleep=given.get("sleep") or (0.0, 0.0),
        allow_private=bool(given.get("allow_private")),
    )
    ytdlp_options.check(found, os.environ)
    for name in found.js_runtimes:
        ytdlp_about.require_runtime(name)
    if found.cookies is not None and ytdlp_options.is_open_to_others(found.cookies):
        click.echo(f"avakit: others can read {found.cookies}, and use your account: chmod 600", err=True)
    return found
