"""Windows: cut from a film that lies here, or from one on a server, of which then nothing else is fetched."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from avakit import cut, download
from avakit.errors import MediaRejected, NoRanges, Status, ToolFailed
from avakit.layout import Layout
from avakit.model import Stage, Video
from avakit.outcome import Made
from avakit.prepare.job import Job
from avakit.prepare.plan import is_span_enough
from avakit.sources import InParts, Source
from avakit.tools import files, soundness
from avakit.tools.soundness import DecodeCheck

if TYPE_CHECKING:
    from pathlib import Path

    from avakit.tools.ranged import RangedFile


def make(
    film: "Path | RangedFile",
    video: Video,
    layout: Layout,
    *,
    only_whole: bool = False,
    depth: DecodeCheck = DecodeCheck.DEMUX,
) -> Made:
    """Cut, check and publish the window of a film.

    Parameters
    ----------
    only_whole
        Refuse a film that ends inside the span.
    depth
        How deep the window is checked, where nobody has checked the film.

    Raises
    ------
    MediaRejected, ToolFailed
        As `cut.window`; short `ends_inside_span`.
    """
    path = layout.window(video.id)
    final = layout.absolute(path)
    with files.partial(final) as unpublished:
        result = cut.window(film, unpublished, span=video.span)
        if only_whole and result.missing_seconds > 0:
            raise MediaRejected(Status.SHORT, "ends_inside_span", "it ends inside the span")
        if depth is DecodeCheck.FULL:
            soundness.decode(unpublished, start=video.span.start, end=video.span.end, origin=result.origin)
        digest, size = files.sha256(unpublished), unpublished.stat().st_size
        files.publish(unpublished, final)
    facts = {
        "span": video.span.plain,
        "origin": str(result.origin),
        "times": result.times and result.times.encode(),
    }
    return Made(path, size, digest, missing_seconds=float(result.missing_seconds), facts=facts)


def fetch(video: Video, job: Job, on_bytes: Callable[[int, int | None], None]) -> Made:
    """Deliver the window of a film where that is enough and a source can do it, else the film.

    Raises
    ------
    ItemFailed
        As `download.video`.
    """
    depth = job.decode_check
    if not is_span_enough(video, job):
        return download.video(video, job.layout, job.sources, on_bytes, breaker=job.breaker, depth=depth)
    take = _Take(video, job.layout, on_bytes, depth)
    made = download.video(video, job.layout, job.sources, on_bytes, take, job.breaker, depth)
    return made if made.stage else replace(made, facts={**made.facts, "whole_because": take.whole_because})


@dataclass
class _Take:
    """Takes the window of a film from a source, without the film.

    Attributes
    ----------
    whole_because
        Why the last source asked can't do that.
    """

    video: Video
    layout: Layout
    on_bytes: Callable[[int, int | None], None]
    depth: DecodeCheck
    whole_because: str = ""

    def __call__(self, source: Source) -> Made | None:
        """Return the window, published; None if the source has to be asked for the whole film.

        Raises
        ------
        TransferFailed
            If the source does not have the film, or does not answer.
        """
        if not isinstance(source, InParts):
            self.whole_because = f"{source.name} delivers nothing less"
            return None
        window = self.layout.absolute(self.layout.window(self.video.id))
        with files.partial(window.with_suffix(".part")) as store:
            try:
                with source.open_range(self.video, store, self.on_bytes) as film:
                    made = make(film, self.video, self.layout, only_whole=True, depth=self.depth)
            except (NoRanges, MediaRejected, ToolFailed) as error:
                # What is wrong with the film, if anything is, its own checks will tell.
                self.whole_because = error.detail
                return None
        said = {
            "name": source.name,
            "url": film.reply.url,
            "etag": film.etag,
            "last_modified": film.reply.last_modified,
            "content_type": film.reply.content_type,
            "bytes": film.total,
            "fetched_bytes": film.fetched,
        }
        return replace(made, source=source.name, stage=Stage.WINDOW, facts={"source": said, **made.facts})
