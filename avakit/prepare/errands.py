"""What a run wants out of archives, and whether that is worth fetching them: decided without a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from avakit.archives import listing
from avakit.archives.listing import Index
from avakit.model import Clip, Stage
from avakit.prepare.job import Job
from avakit.prepare.plan import Plan, Work
from avakit.sources import Archive, Folder
from avakit.tools.http_policy import public_url

#: An archive is fetched unasked only if the run wants at least this share of its clips.
MIN_SHARE = 0.1


@dataclass(frozen=True)
class Errand:
    """What a run wants of one source of archives.

    Attributes
    ----------
    source
        The source.
    clips
        The wanted clips of its splits, by name.
    hoped
        Those of them that it may hold: not those of which it is known, since archives were read, that it does not.
    archives
        How many archives are to be read for them, as far as can be told without the list; None if unknown.
    """

    source: Archive
    clips: Mapping[str, Clip]
    hoped: Mapping[str, Clip]
    archives: int | None

    @property
    def expected_clips(self) -> float:
        """How many clips those archives hold, as published; 0 if unknown."""
        if self.archives is None or not self.source.count:
            return float(self.source.clips)
        return self.archives * self.source.clips / self.source.count

    @property
    def is_worth_it(self) -> bool:
        """Whether enough of what would be fetched is wanted."""
        return len(self.hoped) >= MIN_SHARE * self.expected_clips


def errands(job: Job, plan: Plan) -> list[Errand]:
    """Return what the plan wants of each source of archives."""
    if not {Stage.VIDEO, Stage.CLIP} <= set(job.stages):
        return []
    clips = wanted(job, plan)
    known = listing.indexes(job.root)
    found = []
    for source in job.sources:
        if isinstance(source, Archive):
            its = {name: clip for name, clip in clips.items() if clip.split in source.splits}
            found.append(Errand(source, its, _hoped(source, its, known), _count(source, its, known)))
    return found


def wanted(job: Job, plan: Plan) -> dict[str, Clip]:
    """Return the clips that a plan would have to fetch a video for, by name."""
    asked_first = []
    for source in job.sources:
        if isinstance(source, Archive):
            break
        asked_first.append(source)
    folders = [source for source in asked_first if isinstance(source, Folder)]
    return {
        target.item.name: target.item
        for work in plan.works
        if _lacks_video(job, work) and not any(folder.find(work.video) is not None for folder in folders)
        for target in work.targets
        if isinstance(target.item, Clip) and target.stage is Stage.CLIP and target.key not in work.twins
        # Nobody else's clip goes on after a key frame.
        if target.item.file_span == target.item.span
    }


def _lacks_video(job: Job, work: Work) -> bool:
    return f"{job.layout.of(work.video).videos}/{work.video.id}" not in work.known


def _count(source: Archive, clips: Mapping[str, Clip], known: Mapping[str, Index]) -> int | None:
    """Return about how many archives are to be read: those known to hold something wanted, and those not known."""
    read_ones = [index for index in known.values() if index.source == source.public]
    useless = [index for index in read_ones if not index.offers(clips)]
    if source.class_by:
        return len({listing.folded(clip.label) for clip in clips.values()} - {index.label for index in useless})
    useful = len(read_ones) - len(useless)
    if not unplaced(clips, read_ones):
        return useful
    count = max([source.count, *(index.count for index in read_ones)])
    return count - len(useless) if count else None


def _hoped(source: Archive, clips: Mapping[str, Clip], known: Mapping[str, Index]) -> Mapping[str, Clip]:
    """Return the clips that are known to be in an archive, or may be in one that was not read yet."""
    places = {source.public, *map(public_url, source.overlays)}
    offering = [index for index in known.values() if index.source in places]
    placed = {name for name in clips if any(index.offers((name,)) for index in offering)}
    read_ones = [index for index in offering if index.source == source.public]
    if source.class_by:
        labels = {index.label for index in read_ones}
        return {n: clip for n, clip in clips.items() if n in placed or listing.folded(clip.label) not in labels}
    count = max([source.count, *(index.count for index in read_ones)])
    is_read = bool(read_ones) and len(read_ones) >= count
    return {name: clip for name, clip in clips.items() if name in placed} if is_read else clips


def unplaced(clips: Mapping[str, Clip], read_ones: Sequence[Index]) -> Mapping[str, Clip]:
    """Return the clips that no archive read so far is known to hold."""
    placed = {name for index in read_ones for name in index.clips if name in clips and index.offers((name,))}
    return {name: clip for name, clip in clips.items() if name not in placed} if placed else clips


def assume(plan: Plan, errands: Sequence[Errand]) -> Plan:
    """Return what a plan would have left if the archives held everything that may be in them."""
    found = {name for errand in errands for name in errand.hoped}
    works = []
    for work in plan.works:
        targets = [t for t in work.targets if t.stage is not Stage.CLIP or t.name not in found]
        if not any(target.stage is Stage.CLIP for target in targets) and len(targets) < len(work.targets):
            targets = [target for target in targets if target.stage is not Stage.VIDEO]
        works.append(replace(work, targets=tuple(targets)))
    return Plan(plan.settled, tuple(work for work in works if work.targets))
