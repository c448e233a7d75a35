"""Clips out of archives, before videos are asked for one by one: the unit of work is an archive, not a video."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from avakit import execute
from avakit.archives import listing
from avakit.archives.part import Part, Report, Shelf, abandon, died, read
from avakit.errors import ExitCode, ItemFailed, RunStopped, Status
from avakit.layout import ARCHIVES
from avakit.model import Clip, Split, Stage
from avakit.outcome import Outcome, decisive
from avakit.prepare import errands
from avakit.prepare.errands import Errand
from avakit.prepare.job import Job
from avakit.prepare.plan import Plan
from avakit.shards import Shard
from avakit.sources import Archive
from avakit.tools import leftovers
from avakit.tools.http_policy import public_url

#: So many archives in a row that fail for now are a dead network, not bad luck.
SAME_FAILURES = 5


@dataclass
class Findings:
    """Why clips were not found: by name, as status, reason and detail; and what other shards may yet find."""

    failures: dict[str, tuple[Status, str, str]] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Means:
    """How archives are read.

    Attributes
    ----------
    shelf
        Where clips go.
    jobs
        How many archives at once; each lies on the disk while it is read.
    shard
        Which archives are this run's; None for all.
    classes
        All classes of each split, sorted, for lists whose order is that of the classes.
    tell
        Called with sentences for a person.
    """

    shelf: Shelf
    jobs: int
    tell: Callable[[str], None]
    shard: Shard | None = None
    classes: Mapping[Split, Sequence[str]] = field(default_factory=dict)


def run(errand: Errand, means: Means, findings: Findings) -> Generator[Outcome, None, None]:
    """Read the archives that may hold the wanted clips; yield an outcome for each clip that was published.

    What was not found is no outcome yet: the next source is asked. Why it was not stands in `findings`.

    Raises
    ------
    RunStopped
        If the list or an overlay can't be had, or one archive after the other fails: nothing is settled then, and
        asking YouTube for everything instead would not be what anybody wants.
    """
    source, left = errand.source, dict(errand.clips)
    if not left:
        return
    leftovers.sweep(means.shelf.layout.absolute(means.shelf.layout.clips))
    leftovers.sweep(means.shelf.layout.root / ARCHIVES)
    for url in source.overlays:
        overlay = _parts([listing.quoted(url)], public_url(url), left, means, {})
        for report in (yield from _read(overlay, left, means)):
            if report.failure is not None:
                raise _stopped(f"{public_url(url)}, whose clips replace others, can't be had", report.failure)
    parts = _chosen(source, left, means, findings)
    mine = [part for part in parts if means.shard is None or means.shard.takes(public_url(part.url))]
    if mine:
        means.tell(f"{len(mine)} of {parts[0].count} archives of {source.public} are read")
    reports = yield from _read(mine, left, means)
    explained = _explain(source, left, reports, means)
    findings.failures |= explained.failures
    others = [part for part in parts if part not in mine]
    findings.waiting |= {name for part in others for name in part.clips if name in left}


def _stopped(what: str, failure: Outcome | ItemFailed) -> RunStopped:
    is_hopeless = failure.status in (Status.CORRUPT, Status.UNAVAILABLE, Status.UNSAFE)
    code = ExitCode.GAPS if is_hopeless else ExitCode.TRANSIENT
    if isinstance(failure, Outcome):
        code = decisive([failure.exit_code, code])
    advice = "run the same command again, or leave archives out, such as by --sources youtube"
    return RunStopped(f"{what}: {failure.detail}; {advice}", code)


def _chosen(source: Archive, left: Mapping[str, Clip], means: Means, findings: Findings) -> list[Part]:
    """Return the archives that may hold what is left, as far as the list and earlier runs tell."""
    try:
        root = means.shelf.layout.root
        urls = (
            listing.addresses(source.address, root, source.options)
            if source.is_list
            else [listing.quoted(source.address)]
        )
    except ItemFailed as error:
        raise _stopped(f"the list of archives {source.public} can't be had", error) from error
    labels: dict[str, str] = {}
    if source.class_by == "name":
        labels = {url: listing.class_of(url) for url in urls}
    elif source.class_by == "order":
        classes = [listing.folded(label) for label in means.classes.get(source.splits[0], ())]
        if len(classes) != len(urls):
            detail = f"{source.public} names {len(urls)} archives, one per class, but there are {len(classes)} classes"
            means.tell(f"archives left out: {detail}")
            findings.failures |= dict.fromkeys(left, (Status.UNAVAILABLE, "not_listed", detail))
            return []
        labels = dict(zip(urls, classes, strict=True))
    return _parts(urls, source.public, left, means, labels)


def _parts(
    urls: Sequence[str], source: str, left: Mapping[str, Clip], means: Means, labels: Mapping[str, str]
) -> list[Part]:
    known = listing.indexes(means.shelf.layout.root)
    left = dict(left)  # as it is now: while archives are read, the caller's shrinks
    unplaced = errands.unplaced(left, [index for index in known.values() if index.source == source])
    by_class: dict[str, dict[str, Clip]] = {}
    for name, clip in unplaced.items() if labels else ():
        by_class.setdefault(listing.folded(clip.label), {})[name] = clip
    parts = []
    for url in urls:
        label = labels.get(url, "")
        index = known.get(public_url(url))
        if index is None:
            clips = by_class.get(label, {}) if labels else unplaced
        else:
            clips = {name: clip for name, clip in left.items() if index.offers((name,))}
        if clips:
            parts.append(Part(url, source, len(urls), label, clips))
    return parts


def _read(parts: Sequence[Part], left: dict[str, Clip], means: Means) -> Generator[Outcome, None, list[Report]]:
    """Read archives side by side until nothing is left to be found; return their reports."""
    reports: list[Report] = []
    if not parts:
        return reports
    same = 0
    results = execute.run(partial(read, shelf=means.shelf), parts, jobs=min(means.jobs, len(parts)), on_crash=died)
    try:
        for report in results:
            reports.append(report)
            for outcome in report.outcomes:
                left.pop(outcome.item, None)
                yield outcome
            failure = report.failure
            same = same + 1 if failure is not None and failure.status is Status.TRANSIENT else 0
            if failure is not None:
                means.tell(f"archive {report.part.name}: {failure.status} {failure.reason}: {failure.detail}")
                if failure.status is Status.LOCAL_ERROR:
                    yield failure
                if failure.is_fatal or same >= SAME_FAILURES:
                    raise _stopped(f"archive {report.part.name} can't be had", failure)
            if not left:
                break
    finally:
        results.close()
    done = {report.part.url for report in reports}
    for part in parts:
        if part.url not in done:
            abandon(part, means.shelf.layout)
    return reports


def _explain(source: Archive, left: Mapping[str, Clip], reports: Sequence[Report], means: Means) -> Findings:
    """Return why what is left was not found: refused now or before, or perhaps in an archive that can't be read."""
    findings = Findings()
    for report in reports:
        if report.failure is not None:
            why = (report.failure.status, report.failure.reason, f"{report.part.name}: {report.failure.detail}")
            findings.failures |= dict.fromkeys((name for name in report.part.clips if name in left), why)
    refused: list[Mapping[str, tuple[str, str, str]]] = [report.refused for report in reports]
    for index in listing.indexes(means.shelf.layout.root).values():
        refused += [index.refused] if index.source in (source.public, *map(public_url, source.overlays)) else []
    for each in refused:
        for name, (status, reason, detail) in each.items():
            if name in left:
                findings.failures[name] = (Status(status), reason, f"the clip in the archive: {detail}")
    return findings


def informed(job: Job, findings: Findings) -> Job:
    """Return the job with archives that can say why a clip was not found in them."""
    told = (replace(s, failures=findings.failures) if isinstance(s, Archive) else s for s in job.sources)
    return replace(job, sources=tuple(told))


def held_back(plan: Plan, findings: Findings) -> tuple[Plan, list[Outcome]]:
    """Take out of a plan what other shards may yet find; return the rest, and an outcome for each thing taken out."""
    works, outcomes = [], []
    detail = "an archive that may hold it is another shard's; run this command again when that has finished"
    for work in plan.works:
        names = {target.name for target in work.targets if target.stage is Stage.CLIP}
        if not names & findings.waiting:
            works.append(work)
            continue
        outcomes += [Outcome(t.name, t.stage, Status.TRANSIENT, "other_shard", detail) for t in work.targets]
    return Plan(plan.settled, tuple(works)), outcomes
