"""The original, through yt-dlp."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, urlsplit

from avakit.errors import Status, TransferFailed
from avakit.layout import VIDEO_EXTENSIONS
from avakit.model import Video
from avakit.sources.delivery import Delivery, OnBytes
from avakit.tools import files, slots, ytdlp
from avakit.tools.http_policy import public_url

_HOSTS = ("youtube.com", "youtube-nocookie.com", "youtu.be")
#: What yt-dlp calls a file of which the server did not say what it is. The checks look at its bytes.
_UNKNOWN = "unknown_video"


@dataclass(frozen=True)
class Youtube:
    """The original.

    Attributes
    ----------
    template
        The page's address, with `{id}`. On another host than YouTube's own, yt-dlp's generic extractor is used.
    options
        How to ask.
    """

    template: str = "https://www.youtube.com/watch?v={id}"
    options: ytdlp.Options = field(default_factory=ytdlp.Options)

    name: ClassVar[str] = "youtube"

    @property
    def identity(self) -> str:
        """What tells this source from another of its name."""
        return f"{self.name} {public_url(self.template)}"

    def deliver(self, video: Video, target_folder: Path, on_bytes: OnBytes) -> Delivery:
        """Deliver in a private folder, from which only the finished file comes out; see `Source`."""
        url = self.template.format_map({"id": quote(video.id, safe="")})
        options = replace(self.options, extractor="youtube" if _is_youtube(url) else "generic")
        place = "youtube.com" if options.extractor == "youtube" else urlsplit(url).netloc
        with (
            slots.slot(f"{self.name} {place}", options.jobs, options.sleep),
            files.partial(target_folder / video.id) as folder,
        ):
            folder.mkdir()
            fetched = ytdlp.download(url, folder, video.id, options, on_bytes)
            extension = "mp4" if fetched.extension == _UNKNOWN else fetched.extension.lower()
            if extension not in VIDEO_EXTENSIONS:
                raise TransferFailed(Status.CORRUPT, "not_media", f"yt-dlp delivered a .{extension} file")
            path = files.partial_path(target_folder / f"{video.id}.{extension}")
            files.rename(fetched.path, path)
        facts = {
            "url": url if options.extractor == "youtube" else public_url(url),
            "format_id": fetched.format_id,
            "height": fetched.height,
            "vcodec": fetched.vcodec,
            "extractor": fetched.extractor,
            "yt_dlp": fetched.version,
            "duration_seconds": fetched.duration_seconds,
        }
        return Delivery(path, extension, self.name, facts)


def _is_youtube(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return any(host == known or host.endswith(f".{known}") for known in _HOSTS)
