"""Windows, clips and the sound beside them: cut, checked and published."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from avakit import cut
from avakit.model import Clip, Stage, Video
from avakit.outcome import Made
from avakit.prepare import windows
from avakit.prepare.inputs import Input
from avakit.prepare.job import Job
from avakit.prepare.spans import span_facts
from avakit.recipes import COPY, ClipRecipe
from avakit.tools import files, timing


def window(video: Video, source: Input, job: Job, on_progress: Callable[[int, int], None]) -> Made:
    """Cut the window of a film: the dataset's own, or one by another recipe in a folder of its own.

    Raises
    ------
    MediaRejected, ToolFailed
        As `cut.window` and `cut.clip`.
    """
    if job.layout.other_windows is None:
        made = windows.make(source.path, video, job.layout)
        return replace(made, facts={"from": source.origin, **made.facts})
    made = _cut(video, source, job.windows, job, on_progress)
    return replace(made, facts={**made.facts, "span": [str(video.span.start), str(video.span.end)]})


def clip(item: Clip, source: Input, job: Job, on_progress: Callable[[int, int], None]) -> Made:
    """Cut a clip, with what is wanted of it after a key frame; raises as `window` does."""
    return _cut(item, source, job.clips, job, on_progress)


def _cut(
    item: Video | Clip, source: Input, recipe: ClipRecipe, job: Job, on_progress: Callable[[int, int], None]
) -> Made:
    path = job.layout.cut_clip(item) if isinstance(item, Clip) else job.layout.cut_window(item.id)
    final = job.layout.absolute(path)
    with files.partial(final) as unpublished:
        result = _carry_out(source, unpublished, item, recipe, job.threads, on_progress)
        digest, size = files.sha256(unpublished), unpublished.stat().st_size
        files.publish(unpublished, final)
    facts: dict[str, Any] = {"from": source.origin, "recipe": recipe.plain, **span_facts(item)}
    if recipe.mode == COPY:
        facts |= {"origin": str(result.origin), "times": result.times and result.times.encode()}
    missing, margin = after_the_end(item, result.missing_seconds)
    if margin:
        facts["margin_missing_seconds"] = margin
    return Made(path, size, digest, missing_seconds=missing, facts=facts)


def _carry_out(
    source: Input, partial: Path, item: Video | Clip, recipe: ClipRecipe, threads: int,
    on_progress: Callable[[int, int], None],
) -> cut.Cut:  # fmt: skip
    footage = source.footage
    if recipe.mode == COPY and source.record.stage is not Stage.VIDEO:
        return cut.without_sound(footage.path, partial, origin=footage.origin or Fraction(0), times=footage.times)
    if recipe.mode == COPY:
        return cut.window(footage.path, partial, span=item.file_span, sound=recipe.sound)
    return cut.clip(
        footage, partial, span=item.file_span, recipe=recipe, threads=threads, on_progress=on_progress,
    )  # fmt: skip


def after_the_end(item: Video | Clip, missing: Fraction) -> tuple[float, float]:
    """Divide what a film lacks of an item's `file_span`: seconds of its own span, and of what is wanted after that."""
    beyond = item.file_span.end - item.span.end
    if not beyond or not missing:
        return float(missing), 0.0
    own = missing - beyond
    own = own if own >= timing.END_TOLERANCE_SECONDS else Fraction(0)
    return float(own), round(float(min(missing, beyond)), 3)


def audio(item: Video | Clip, source: Input, job: Job) -> Made:
    """Write the sound of a window or clip into a file of its own.

    Raises
    ------
    MediaRejected, ToolFailed
        As `cut.sound`.
    """
    path = job.layout.sound(item, job.audio)
    final = job.layout.absolute(path)
    with files.partial(final) as unpublished:
        result = cut.sound(source.footage, unpublished, span=item.file_span, recipe=job.audio)
        digest, size = files.sha256(unpublished), unpublished.stat().st_size
        files.publish(unpublished, final)
    facts = {
        "from": source.origin, "recipe": job.audio.plain, "origin": str(result.origin), "samples": result.samples,
        "rate": result.rate, "channels": result.channels, "codec": result.codec,
        "silent_before": round(float(result.silent_before), 3), "silent_after": round(float(result.silent_after), 3),
        **span_facts(item),
    }  # fmt: skip
    return Made(path, size, digest, facts=facts)


def story(facts: Mapping[str, Any]) -> list[str]:
    """Return what a person may want to know of a clip or of the sound beside it."""
    parts = []
    if margin := facts.get("margin_missing_seconds"):
        parts.append(f"the video ends {margin:.3f} s before the two seconds after its key frame are over")
    for where, name in (("first", "silent_before"), ("last", "silent_after")):
        if seconds := facts.get(name):
            parts.append(f"its sound track has nothing in the {where} {seconds:.3f} s")
    return parts
