"""A mirror: one plain HTTP file per video."""

import string
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import ClassVar
from urllib.parse import quote, unquote, urlsplit

from avakit.errors import NoRanges, Status, TransferFailed
from avakit.layout import VIDEO_EXTENSIONS
from avakit.model import Split, Video
from avakit.sources.delivery import Delivery, OnBytes, claim, discard, give_up
from avakit.tools import http, ranged
from avakit.tools.http_policy import public_url

#: What a template may hold.
PLACEHOLDERS = ("id", "file_name", "folder", "split")

_EXTENSION_OF_TYPE = {"video/mp4": "mp4", "video/x-matroska": "mkv", "video/webm": "webm", "video/quicktime": "mov"}


@dataclass(frozen=True)
class Mirror:
    """A plain HTTP copy.

    Attributes
    ----------
    templates
        Addresses with `{id}`, `{file_name}`, `{folder}` or `{split}`, in the order to try.
    folders
        What `{folder}` stands for, by split.
    options
        How patient to be.
    """

    templates: tuple[str, ...]
    folders: Mapping[Split, str] = field(default_factory=dict)
    options: http.Options = field(default_factory=http.Options)

    name: ClassVar[str] = "mirror"

    @property
    def identity(self) -> str:
        """What tells this source from another of its name."""
        return " ".join((self.name, *(public_url(template) for template in self.templates)))

    def deliver(self, video: Video, target_folder: Path, on_bytes: OnBytes) -> Delivery:
        """Deliver from the first address that has the video; see `Source`."""
        failures: list[TransferFailed] = []
        left: list[Path] = []
        for url in self.addresses(video):
            path = claim(target_folder / f"{video.id}.{_extension(url) or 'mp4'}", url)
            try:
                reply = http.download(url, path, self.options, on_bytes)
            except TransferFailed as error:
                give_up(path)
                failures.append(error)
                left.append(path)
                continue
            except BaseException:
                give_up(path)
                raise
            for other in left:
                discard(other)
            return self._delivery(url, path, reply)
        raise _all_failed(video, failures)

    @contextmanager
    def open_range(self, video: Video, store: Path, on_bytes: OnBytes) -> "Iterator[ranged.RangedFile]":
        """Open a video at the first address that has it; see `InParts`."""
        failures: list[TransferFailed] = []
        with ExitStack() as stack:
            for url in self.addresses(video):
                try:
                    film = stack.enter_context(ranged.opened(url, store, self.options, on_bytes))
                except NoRanges:
                    raise
                except TransferFailed as error:
                    failures.append(error)
                    continue
                yield film
                return
        raise _all_failed(video, failures)

    def addresses(self, video: Video) -> list[str]:
        """Return where to ask for a video, each address once."""
        return list(dict.fromkeys(self._addresses(video)))

    def _addresses(self, video: Video) -> Iterator[str]:
        for template in self.templates:
            needed = placeholders(template)
            if "file_name" in needed and not video.file_name:
                continue
            for split in video.splits:
                if "folder" in needed and split not in self.folders:
                    continue
                yield template.format_map(
                    {
                        "id": quote(video.id, safe=""),
                        "file_name": quote(video.file_name, safe=""),
                        "folder": quote(self.folders.get(split, "")),
                        "split": quote(split.value),
                    }
                )

    def _delivery(self, url: str, path: Path, reply: http.Reply) -> Delivery:
        facts = {
            "url": reply.url,
            "etag": reply.etag,
            "last_modified": reply.last_modified,
            "content_type": reply.content_type,
            "bytes": reply.bytes,
            "sha256": reply.sha256,
        }
        extension = _extension(url)
        media_type = reply.content_type.partition(";")[0].strip().lower()
        return Delivery(path, extension or _EXTENSION_OF_TYPE.get(media_type, "mp4"), self.name, facts)


def _all_failed(video: Video, failures: Sequence[TransferFailed]) -> TransferFailed:
    if not failures:
        detail = f"the mirror's file list does not name {video.id}"
        return TransferFailed(Status.UNAVAILABLE, "not_listed", detail)
    # An address that may yet answer speaks for all: only if none has the file is the video not there.
    return next((failure for failure in failures if failure.status != Status.UNAVAILABLE), failures[-1])


def placeholders(template: str) -> set[str]:
    """Return the names in braces of a template."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def _extension(url: str) -> str:
    """Return the address's extension if it is one of a video; else nothing."""
    suffix = PurePosixPath(unquote(urlsplit(url).path)).suffix[1:].lower()
    return suffix if suffix in VIDEO_EXTENSIONS else ""
