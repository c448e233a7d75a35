"""One archive of clips read: fetched, its wanted clips published, and dropped again.

A clip of an archive is published as it is, after the checks that ours pass, too: it decodes from end to end, and has
the length of its row. What an archive holds is noted under `.avakit/archives`, so that none is fetched for nothing.
"""

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from avakit import journal
from avakit.archives import listing
from avakit.errors import ItemFailed, Status
from avakit.journal import Record
from avakit.layout import Layout
from avakit.model import Clip, Stage
from avakit.outcome import Outcome, attempt
from avakit.sources.delivery import claim, discard, give_up
from avakit.tools import files, http, http_body, leftovers, soundness, tar
from avakit.tools import video as media
from avakit.tools.channel import Sender
from avakit.tools.http_policy import public_url
from avakit.tools.soundness import DecodeCheck

#: The recipe of a clip that somebody else cut.
AS_DELIVERED = "as delivered"
#: Far more than ten seconds of the largest pictures take.
MAX_CLIP_BYTES = 1 << 30
_CLIP_NAME = re.compile(r"[A-Za-z0-9_-]{11}_[0-9]{6}_[0-9]{6}\.mp4", re.ASCII)


@dataclass(frozen=True)
class Part:
    """One archive to read, and the clips that are wanted of it, by name."""

    url: str
    source: str
    count: int
    label: str
    clips: Mapping[str, Clip]

    @property
    def name(self) -> str:
        """Its file name, fit to be shown."""
        quoted = urlsplit(self.url).path.rpartition("/")[2]
        name = unquote(quoted)
        return name if name.isprintable() else quoted


@dataclass(frozen=True)
class Shelf:
    """Where clips go, and how they get there: what every worker is told.

    Attributes
    ----------
    facts
        What every record of theirs holds beside their own.
    recorded
        What the journal says is there of the wanted clips, by key: it has vanished, or will be replaced.
    """

    layout: Layout
    dataset: str
    options: http.Options
    channel: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    recorded: Mapping[str, Record] = field(default_factory=dict)


@dataclass
class Report:
    """What became of one archive: what was published of it, what was refused, and why it could not be read."""

    part: Part
    outcomes: list[Outcome] = field(default_factory=list)
    refused: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    failure: Outcome | None = None


def read(part: Part, shelf: Shelf) -> Report:
    """Fetch an archive, publish and record the wanted clips in it, note what it holds, and drop it."""
    report = Report(part)
    outcome = attempt(partial(_read, part, shelf, report), part.name, Stage.CLIP)
    report.failure = None if outcome.status is Status.DONE else outcome
    return report


def died(part: Part, detail: str) -> Report:
    """Return the report of an archive on which the worker process itself died."""
    failure = Outcome(part.name, Stage.CLIP, Status.LOCAL_ERROR, "crashed", detail)
    return Report(part, failure=failure)


def _read(part: Part, shelf: Shelf, report: Report) -> Outcome:
    path, reply = _fetch(part, shelf)
    names: set[str] = set()
    taken: set[str] = set()
    foreign = 0
    try:
        for member in tar.members(path):
            if not _CLIP_NAME.fullmatch(member.name):
                foreign += 1
                continue
            name = member.name.removesuffix(".mp4")
            clip = part.clips.get(name)
            if clip is not None and name not in taken:
                # Of several files of one name the first good one counts.
                taken |= {name} if _take(member, clip, shelf, reply, report) else set()
            names.add(name)
    except ItemFailed:
        discard(path)
        raise
    index = listing.Index(
        public_url(part.url), part.source, part.count, part.label, str(reply["etag"]), str(reply["sha256"]),
        int(reply["bytes"]), frozenset(names), report.refused, foreign,
    )  # fmt: skip
    listing.note(shelf.layout.root, index)
    discard(path)
    abandon(part, shelf.layout)
    return Outcome(part.name, Stage.CLIP, Status.DONE)


def _fetch(part: Part, shelf: Shelf) -> tuple[Path, Mapping[str, Any]]:
    """Return the whole archive and what the server said of it: fetched now, or whole since an earlier run."""
    path = claim(place(part, shelf.layout), part.url)
    side = files.side_file(path)
    with suppress(FileNotFoundError, KeyError, IndexError):
        known = http_body.read_side(side)[-1]
        if known.get("is_whole") and files.sha256(path) == known["sha256"]:
            return path, known
    try:
        reply = http.download(part.url, path, shelf.options, Sender(shelf.channel, part.name, "download"))
    except BaseException:
        give_up(path)
        raise
    facts = asdict(reply) | {"is_whole": True}
    # In the form of `tools.http_body`: to whom it says nothing, it is one piece whose digest is known.
    http_body.write_side(side, [{"url": reply.url, "etag": reply.etag}, facts])
    return path, facts


def place(part: Part, layout: Layout) -> Path:
    """Return beside which name the archive lies while it is fetched and read."""
    return layout.absolute(layout.clips) / f"{listing.stem(public_url(part.url))}.tar"


def abandon(part: Part, layout: Layout) -> None:
    """Remove what is left of an archive that nothing is wanted of any more."""
    for path in leftovers.dead_partials(place(part, layout)):
        discard(path)


def _take(member: tar.Member, clip: Clip, shelf: Shelf, reply: Mapping[str, Any], report: Report) -> bool:
    """Publish and record one clip, or note why it was refused; return whether it was published."""
    started = time.monotonic()
    path = shelf.layout.clip(clip)
    final = shelf.layout.absolute(path)
    with files.partial(final) as unpublished:
        if member.stream is None or member.size > MAX_CLIP_BYTES:
            what = f"is no plain file inside the archive, or takes more than {MAX_CLIP_BYTES >> 20} MiB"
            report.refused[clip.name] = (Status.UNSAFE.value, "archive_member", f"{member.path!r} {what}")
            return False
        tar.save(member, unpublished)
        try:
            checked = soundness.check_clip(unpublished, clip.span.duration, DecodeCheck.FULL)
        except ItemFailed as error:
            report.refused[clip.name] = (error.status.value, error.reason, error.detail)
            return False
        digest, size = files.sha256(unpublished), unpublished.stat().st_size
        if recorded := shelf.recorded.get(shelf.layout.clip_key(clip)):
            reason = journal.REPLACED if final.exists() else journal.VANISHED
            journal.append(shelf.layout.root, replace(journal.removal(recorded, reason), dataset=shelf.dataset))
        files.publish(unpublished, final)
    is_short = checked.missing_seconds > 0
    status, reason = (Status.SHORT, "ends_inside_span") if is_short else (Status.DONE, "")
    detail = f"the clip ends {float(checked.missing_seconds):.3f} s before its row does" if is_short else ""
    source = {
        "name": "archive", "url": reply["url"], "etag": reply["etag"], "last_modified": reply["last_modified"],
        "sha256": reply["sha256"], "member": member.path,
    }  # fmt: skip
    facts = {
        "source": source, "recipe": AS_DELIVERED, "start": str(checked.probe.start_seconds), "tools": media.versions(),
        "checks": {"decode": DecodeCheck.FULL.value}, **shelf.facts,
    }  # fmt: skip
    layout = shelf.layout
    # The clip needs no video, which therefore counts as dropped. That line first: killed in between, the clip is
    # missed, and so is the video for its sake.
    video = Record(f"{layout.videos}/{clip.video_id}", Stage.VIDEO, clip.video_id, shelf.dataset, journal.REMOVED)
    journal.append(layout.root, replace(video, reason=journal.DROPPED))
    seconds = round(time.monotonic() - started, 3)
    record = Record(
        layout.clip_key(clip), Stage.CLIP, clip.name, shelf.dataset, status, reason, detail,
        path=path, bytes=size, sha256=digest, seconds=seconds, facts=facts,
    )  # fmt: skip
    journal.append(layout.root, record)
    outcome = Outcome(clip.name, Stage.CLIP, status, reason, detail, path, "archive", size, seconds)
    report.outcomes.append(outcome)
    report.refused.pop(clip.name, None)
    Sender(shelf.channel, clip.name, Stage.CLIP).settled(size)
    return True
