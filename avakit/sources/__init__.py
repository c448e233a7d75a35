"""Where the bytes of one video can come from."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avakit.errors import ConfigInvalid
from avakit.sources.archive import Archive, archives_of
from avakit.sources.delivery import Delivery, InParts, OnBytes, Source
from avakit.sources.folder import Folder
from avakit.sources.mirror import PLACEHOLDERS, Mirror, placeholders
from avakit.sources.youtube import Youtube
from avakit.tools import http, ytdlp
from avakit.tools.http_policy import is_http

if TYPE_CHECKING:
    from avakit.datasets.parts import Archives, MirrorSource, SourceFacts

__all__ = ["NAMES", "Archive", "Delivery", "Folder", "InParts", "Mirror", "OnBytes", "Source", "Youtube", "build"]

#: The names of all sources.
NAMES = ("archive", "mirror", "youtube", "folder")


def build(
    dataset_sources: "Iterable[SourceFacts]",
    *,
    order: Sequence[str] = (),
    folder: Path | None = None,
    mirror: str | None = None,
    youtube: ytdlp.Options | None = None,
    http_options: http.Options | None = None,
    archives: "Iterable[Archives]" = (),
) -> tuple[Source, ...]:
    """Return the sources of a dataset in the order to try.

    Parameters
    ----------
    dataset_sources
        As the manifest has them.
    order
        Names of sources: only these, in this order. Empty for the manifest's order.
    folder
        A folder of the user's own that is asked first.
    mirror
        A template of the user's own, instead of the manifest's mirrors.
    youtube
        How yt-dlp is to ask.
    http_options
        How a mirror is asked.
    archives
        As the manifest has them, for its source `archive`.

    Raises
    ------
    ConfigInvalid
        If a name in `order` is unknown or nothing is known of that source, or if the template can't be used.
    """
    facts = list(dataset_sources)
    found: list[Source] = [] if folder is None else [Folder(folder.resolve())]
    patience = http_options or http.Options()
    mirrors = [source for source in facts if source.type == "mirror"]
    if mirror is not None and not mirrors:
        found.append(_own_mirror(mirror, mirrors, patience))
    for source in facts:
        if source.type == "youtube":
            found.append(Youtube(source.url, youtube or ytdlp.Options()))
        elif source.type == "archive":
            # Whoever names a mirror of videos wants those; archives beside it must be named.
            found += archives_of(archives, patience) if mirror is None or "archive" in order else []
        elif source.type == "folder":
            found.append(Folder(Path(source.path).expanduser()))
        elif mirror is None:
            found.append(Mirror((source.url,), source.folders, patience))
        elif source is mirrors[0]:
            found.append(_own_mirror(mirror, mirrors, patience))
    return _ordered(found, order)


def _own_mirror(template: str, mirrors: "Sequence[MirrorSource]", patience: http.Options) -> Mirror:
    try:
        names = placeholders(template)
    except ValueError as error:
        raise ConfigInvalid(f"--mirror {template!r}: {error}") from error
    if unknown := sorted(names - set(PLACEHOLDERS)):
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ConfigInvalid(f"--mirror {template!r}: {{{unknown[0]}}} is unknown; there are {known}")
    if not is_http(template):
        raise ConfigInvalid(f"--mirror {template!r}: this is not an http or https address")
    if not names & {"id", "file_name"}:
        raise ConfigInvalid(f"--mirror {template!r}: without {{id}} or {{file_name}} all videos have one address")
    folders = {split: name for source in reversed(mirrors) for split, name in source.folders.items()}
    return Mirror((template,), folders, patience)


def _ordered(found: Sequence[Source], order: Sequence[str]) -> tuple[Source, ...]:
    if unknown := [name for name in order if name not in NAMES]:
        raise ConfigInvalid(f"unknown source {unknown[0]!r}; there are {', '.join(NAMES)}")
    have = {source.name for source in found}
    if absent := [name for name in order if name not in have]:
        hint = "; name it with --folder" if absent[0] == "folder" else ""
        raise ConfigInvalid(f"this dataset has no source {absent[0]!r}{hint}")
    if "archive" in order[1:] and set(order[: order.index("archive")]) - {"folder"}:
        raise ConfigInvalid("archives are read before videos are asked for: name archive before mirror and youtube")
    if not order:
        return tuple(found)
    return tuple(source for name in dict.fromkeys(order) for source in found if source.name == name)
