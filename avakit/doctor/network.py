"""Who answers: the mirrors, the homes of the annotation files, YouTube; and whether our clock is theirs."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from avakit import sources
from avakit.datasets import splits
from avakit.datasets.catalogue import Dataset
from avakit.doctor.check import Check, Verdict
from avakit.errors import DataInvalid, TransferFailed
from avakit.model import Span, Video
from avakit.sources import Mirror, Youtube
from avakit.tools.http_look import Look, look
from avakit.tools.http_policy import public_url

#: Certificates and the order of journal lines bear this much.
_CLOCK_SECONDS = 60.0
#: YouTube's own test of whether it can be reached: an answer without content.
_YOUTUBE = "https://www.youtube.com/generate_204"


@dataclass(frozen=True)
class Place:
    """An address to look at; `is_file` says that a file is known to be there."""

    name: str
    url: str
    is_file: bool


def places(dataset: Dataset, annotations: Path) -> list[Place]:
    """Return what a dataset needs of the network: one address per server and purpose."""
    found = [Place("annotations", url.partition("#")[0], True) for file in dataset.files for url in file.urls[:1]]
    found += [Place("archive", str(archive.list or archive.url), True) for archive in dataset.archives]
    for source in sources.build(dataset.sources):
        if isinstance(source, Mirror):
            known = _known_film(dataset, annotations, source)
            found.append(Place("mirror", known or _folder_of(source.templates[0]), bool(known)))
        elif isinstance(source, Youtube):
            is_youtube = (urlsplit(source.template).hostname or "").endswith("youtube.com")
            found.append(Place("youtube", _YOUTUBE if is_youtube else _folder_of(source.template), False))
    servers = {f"{place.name} {urlsplit(place.url).netloc.rpartition('@')[2]}": place for place in reversed(found)}
    return [Place(name, place.url, place.is_file) for name, place in reversed(servers.items())]


def _known_film(dataset: Dataset, annotations: Path, mirror: Mirror) -> str:
    """Return the address of a film that is on the mirror's list, if the list is here."""
    for split in dataset.splits:
        try:
            names = splits.file_names(dataset, annotations, (split,))
        except DataInvalid:
            continue
        for video_id, name in names.items():
            film = Video(video_id, (split,), Span(Fraction(0), Fraction(1)), name)
            return next(iter(mirror.addresses(film)), "")
    return ""


def _folder_of(template: str) -> str:
    return template.partition("{")[0].rpartition("/")[0] + "/"


def examine(asked: Sequence[Place], timeout_seconds: float = 5.0) -> list[Check]:
    """Look at each place, all at once; return a check for each, and one of the clock."""
    with ThreadPoolExecutor(max_workers=max(1, len(asked))) as pool:
        seen = list(pool.map(lambda place: _look(place, timeout_seconds), asked))
    return [*(_answer(place, each) for place, each in zip(asked, seen, strict=True)), _clock(seen)]


def _look(place: Place, timeout_seconds: float) -> Look | TransferFailed:
    try:
        return look(place.url, timeout_seconds)
    except TransferFailed as error:
        return error


def _answer(place: Place, seen: Look | TransferFailed) -> Check:
    if isinstance(seen, TransferFailed):
        remedy = "check network and proxy (HTTPS_PROXY); a --folder of your own, and --offline here, need neither"
        return Check(place.name, Verdict.WARN, seen.detail, remedy)
    if seen.has_file or (not place.is_file and seen.code < 500):  # noqa: PLR2004
        return Check(place.name, Verdict.OK, f"answers (HTTP {seen.code})")
    detail = f"answers HTTP {seen.code} for {public_url(place.url)}"
    return Check(place.name, Verdict.WARN, detail, "try again later, or name another source: --mirror, --sources")


def _clock(seen: Iterable[Look | TransferFailed]) -> Check:
    told = [each.clock_ahead_seconds for each in seen if isinstance(each, Look)]
    ahead = [seconds for seconds in told if seconds is not None]
    if not ahead:
        return Check("clock", Verdict.WARN, "no server told its time", "compare it with another clock")
    seconds = median(ahead)
    detail = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} that of the servers"
    if abs(seconds) < _CLOCK_SECONDS:
        return Check("clock", Verdict.OK, detail)
    remedy = "set it (NTP): certificates fail, and of two journal lines the newer one counts"
    return Check("clock", Verdict.WARN, detail, remedy)
