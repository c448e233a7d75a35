"""A film that turns out damaged once it is decoded: asked for again, once, from the sources that were not asked yet.

What delivers a film is believed after a look at its packets, as decoding all of it costs a minute of work for a minute
of wall clock or so. Cutting and extracting decode anyway. What they find then is what `--decode-check full` would have
found, and should end alike: with the next source's copy, where that one is sound.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from avakit import journal
from avakit.errors import Status
from avakit.model import Stage
from avakit.prepare import work as working
from avakit.prepare.plan import Target, Work
from avakit.tools import files
from avakit.tools.soundness import DecodeCheck

if TYPE_CHECKING:
    from avakit.journal import Record
    from avakit.outcome import Outcome
    from avakit.prepare.job import Job
    from avakit.sources import Source

#: What a damaged film is called by those that decode it.
_DAMAGE = frozenset({"decode", "packets", "timestamps", "truncated"})


def do(work: Work, job: "Job") -> "tuple[Outcome, ...]":
    """Make every target of one video, from another source's copy where the first one's is damaged; see `work.do`."""
    outcomes = working.do(work, job)
    damaged = {(each.item, each.stage) for each in outcomes if _is_damage(each)}
    if not damaged or Stage.VIDEO not in job.stages or any(outcome.is_fatal for outcome in outcomes):
        return outcomes
    here = job.of(work.video)
    inputs = [
        Target(stage, f"{folder}/{work.video.id}", work.video)
        for stage, folder in ((Stage.VIDEO, here.layout.videos), (Stage.WINDOW, here.layout.windows))
        if stage in job.stages
    ]
    present = journal.read(job.root).present
    first = [present[target.key] for target in inputs if target.key in present]
    others = _not_asked(here.sources, first)
    if not others or not first:
        return outcomes
    keys = {target.key for target in inputs}
    left = [t for t in work.targets if t.key not in keys and (t.name, t.stage) in damaged]
    known = {key: record for key, record in work.known.items() if key not in keys}
    again = Work(work.video, (*inputs, *left), known, work.twins, recorded={record.key: record for record in first})
    # Without the channel: what is made again was counted.
    later = working.do(again, replace(job, sources=others, decode_check=DecodeCheck.FULL, channel=""))
    _settle(first, later, job)
    made = {(each.item, each.stage): each for each in later if each.is_present}
    return tuple(made.get((each.item, each.stage), each) for each in outcomes)


def _is_damage(outcome: "Outcome") -> bool:
    made_of_film = outcome.stage in (Stage.WINDOW, Stage.CLIP, Stage.AUDIO, Stage.FRAMES)
    return made_of_film and outcome.status is Status.CORRUPT and outcome.reason in _DAMAGE


def _not_asked(sources: "tuple[Source, ...]", first: "list[Record]") -> "tuple[Source, ...]":
    """Return the sources after the one that delivered."""
    names = [source.name for source in sources]
    said = next((record.facts["source"]["name"] for record in first if "source" in record.facts), "")
    return sources[names.index(said) + 1 :] if said in names else sources


def _settle(first: "list[Record]", later: "tuple[Outcome, ...]", job: "Job") -> None:
    """Have the journal tell of what is there: the new copies, or the old ones where nobody had a better one."""
    made = {outcome.stage for outcome in later if outcome.is_present}
    present = journal.read(job.root).present
    for record in first:
        path = job.layout.absolute(record.path)
        now = present.get(record.key)
        if now is None and not made and path.is_file():
            journal.append(job.root, replace(record, time=""))
        elif made and (now is None or now.path != record.path):
            files.remove(path)
