"""The source frames that SlowFast's published commands show, for those who must match published frames.

Which they are depends on the film's rate and container, on whether it has sound, and on the version of ffmpeg; no
formula tells. So the commands themselves are run, on a stand-in of the film: the same timestamps, the same
container, and pictures that are nothing but their number.
"""

import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from avakit.errors import MediaRejected, Status
from avakit.model import Span
from avakit.tools import standin, timing, video
from avakit.tools.footage import Footage

#: Film after the span that the commands may look at: they know frames by their beginnings.
_MARGIN_SECONDS = Fraction(2)


def aims(footage: Footage, span: Span, rate: Fraction) -> tuple[dict[int, Fraction], Fraction]:
    """Return the second of the video of the source frame that each number shows, and how much of the span is missing.

    Raises
    ------
    MediaRejected
        As `tools.video.scan`; local `tool` for a window of variable rate, of whose film the beginning is not known.
    ToolFailed
        As `tools.standin.through_slowfast`.
    """
    claimed = video.probe(footage.path)
    film = video.scan(footage.path, Fraction(0), span.end + _MARGIN_SECONDS, footage.origin)
    if film.rate is None:
        # ffmpeg goes by the mean rate, which of a film that varies only the whole of it has.
        film = video.scan(footage.path, Fraction(0), claimed.duration_seconds + _MARGIN_SECONDS, footage.origin)
    seconds = _from_beginning(footage, film)
    with tempfile.TemporaryDirectory(prefix="avakit-fair-") as name:
        path = Path(name) / f"film{_suffix(footage.path)}"
        timeline = standin.Timeline(seconds, film.end_seconds, claimed.average_rate or rate, film.time_base)
        standin.make(path, timeline, has_sound=claimed.has_audio)
        shown = standin.through_slowfast(path, span.start, span.duration, rate)
    missing = timing.missing(span.end, film.end_seconds)
    return {number: seconds[index] for number, index in enumerate(shown, 1)}, missing


def _from_beginning(footage: Footage, film: video.Scan) -> Sequence[Fraction]:
    """Return the times of all frames from the film's beginning; those before a window are counted back at its rate."""
    seconds = film.seconds()
    if footage.times is not None:
        snapper = footage.times.snapper()
        seconds = [snapper.snap(second + film.origin) - film.origin for second in seconds]
    if footage.origin is None:
        return seconds
    if film.rate is None:
        detail = "--timing fair needs the film, whose frames before the window decide with; `avakit download --whole`"
        raise MediaRejected(Status.LOCAL_ERROR, "tool", detail)
    step = (seconds[-1] - seconds[0]) / (len(seconds) - 1) if footage.times is not None else 1 / film.rate
    before = int(seconds[0] / step)
    return [seconds[0] - step * k for k in range(before, 0, -1)] + list(seconds)


def _suffix(path: Path) -> str:
    return path.suffix if path.suffix in (".mkv", ".webm") else ".mp4"
