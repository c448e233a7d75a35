"""One video: from the sources in their order, each the other's fallback, counted only after its checks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from avakit.errors import ItemFailed, MediaRejected, Status, TransferFailed
from avakit.layout import VIDEO_EXTENSIONS, Layout
from avakit.model import Video
from avakit.outcome import Made
from avakit.sources import Delivery, Source
from avakit.tools import files, leftovers, soundness
from avakit.tools.breaker import Breaker
from avakit.tools.soundness import DecodeCheck

if TYPE_CHECKING:
    from avakit.tools.soundness import Checked

#: Which failure speaks for an item that every source failed: what may yet succeed before what never will.
_TELLING = (
    Status.LOCAL_ERROR,
    Status.INTERRUPTED,
    Status.TRANSIENT,
    Status.CORRUPT,
    Status.UNSAFE,
    Status.INVALID,
    Status.SHORT,
    Status.UNAVAILABLE,
)


@dataclass(frozen=True)
class _Short:
    """A delivery that ends inside the span: kept aside in case no source has a longer one."""

    delivery: Delivery
    checked: "Checked"


def video(
    wanted: Video,
    layout: Layout,
    sources: Sequence[Source],
    on_bytes: Callable[[int, int | None], None],
    take: Callable[[Source], Made | None] = lambda _: None,
    breaker: Breaker = Breaker(),  # noqa: B008 - frozen
    depth: DecodeCheck = DecodeCheck.DEMUX,
) -> Made:
    """Deliver, check and publish one video.

    A delivery that ends inside the span is taken only if no other source delivers a longer one, or may do so yet.
    A source that the breaker has tripped on is not asked.

    Parameters
    ----------
    take
        Called with each source before it is asked for the whole video. What it returns is made instead of that.
    depth
        How deep a delivery is checked.

    Raises
    ------
    ItemFailed
        If no source delivers it; the detail names each source and what it said.
    """
    folder = layout.absolute(layout.videos)
    folder.mkdir(parents=True, exist_ok=True)
    failures: list[tuple[str, ItemFailed]] = []
    shorts: list[_Short] = []
    try:
        for source in sources:
            try:
                with breaker.watch(source.identity):
                    if taken := take(source):
                        return _tidy(taken, wanted, layout, failures)
                    delivery = source.deliver(wanted, folder, on_bytes)
                checked = check(wanted, delivery.path, depth, delivery.facts.get("duration_seconds"))
            except ItemFailed as error:
                failures.append((source.name, error))
                continue
            if checked.missing_seconds <= 0:
                return _publish(wanted, layout, delivery, checked, failures)
            shorts.append(_Short(delivery, checked))
        # A source that may answer tomorrow may hold the whole film: the short one would settle it for good.
        if shorts and not any(error.status is Status.TRANSIENT for _, error in failures):
            best = min(shorts, key=lambda short: short.checked.missing_seconds)
            return _publish(wanted, layout, best.delivery, best.checked, failures)
    finally:
        for short in shorts:
            files.remove(short.delivery.path)
    raise _all_failed([*failures, *((short.delivery.source, _too_short(short)) for short in shorts)])


def _too_short(short: _Short) -> MediaRejected:
    detail = f"its copy ends {float(short.checked.missing_seconds):.3f} s before the span does"
    return MediaRejected(Status.SHORT, "ends_inside_span", detail)


def check(
    wanted: Video, path: Path, depth: DecodeCheck = DecodeCheck.DEMUX, duration_seconds: object = None
) -> "Checked":
    """Check a delivered file: magic, opens, a video stream, packets counted, reaches into the span; see `DecodeCheck`.

    Parameters
    ----------
    duration_seconds
        How long its source says that it is; None if that is not known.

    Raises
    ------
    MediaRejected
        If it fails; the file is removed, so that nothing goes on from it.
    """
    try:
        checked = soundness.check(path, start=wanted.span.start, end=wanted.span.end, depth=depth)
        if isinstance(duration_seconds, float):
            soundness.check_duration(checked.probe, duration_seconds)
    except ItemFailed:
        files.remove(path)
        raise
    return checked


def adopt(wanted: Video, layout: Layout, depth: DecodeCheck = DecodeCheck.DEMUX) -> Made | None:
    """Take a video that lies there without a record: a kill came between its rename and its journal line.

    Returns
    -------
    Made or None
        None if there is no such file, or it fails the checks (it is then left for a fresh delivery to replace).
    """
    for extension in VIDEO_EXTENSIONS:
        path = layout.absolute(layout.video(wanted.id, extension))
        if not path.is_file() or path.is_symlink():
            continue
        try:
            checked = soundness.check(path, start=wanted.span.start, end=wanted.span.end, depth=depth)
        except ItemFailed:
            continue
        return _made(layout.video(wanted.id, extension), path, Delivery(path, extension, "adopted", {}), checked)
    return None


def _publish(
    wanted: Video, layout: Layout, delivery: Delivery, checked: "Checked", failures: list[tuple[str, ItemFailed]]
) -> Made:
    path = layout.video(wanted.id, delivery.extension)
    try:
        made = _made(path, delivery.path, delivery, checked)
        files.publish(delivery.path, layout.absolute(path))
    finally:
        files.remove(delivery.path)
    return _tidy(made, wanted, layout, failures)


def _tidy(made: Made, wanted: Video, layout: Layout, failures: list[tuple[str, ItemFailed]]) -> Made:
    for leftover in leftovers.idle_partials(layout.absolute(layout.videos), wanted.id):
        files.remove(leftover)  # what another source or a killed run left to be resumed is not needed any more
    if not failures:
        return made
    tried = {name: str(error) for name, error in failures}
    return replace(made, facts={**made.facts, "tried_before": tried})


def _made(path: str, where: Path, delivery: Delivery, checked: "Checked") -> Made:
    known = delivery.facts.get("sha256")
    return Made(
        path=path,
        bytes=where.stat().st_size,
        sha256=known if isinstance(known, str) else files.sha256(where),
        missing_seconds=float(checked.missing_seconds),
        source=delivery.source,
        facts={"source": {"name": delivery.source, **delivery.facts}, "probe": checked.probe.plain},
    )


def _all_failed(failures: list[tuple[str, ItemFailed]]) -> ItemFailed:
    if not failures:
        return TransferFailed(Status.UNAVAILABLE, "not_listed", "no source is configured for it")
    _, telling = min(failures, key=lambda failure: _TELLING.index(failure[1].status))
    detail = "; ".join(f"{name}: {error}" for name, error in failures)
    return TransferFailed(telling.status, telling.reason, detail)
