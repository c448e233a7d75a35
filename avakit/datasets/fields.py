"""The kinds of text a manifest may hold: names, addresses, templates and folders, each checked where it is read."""

import re
from pathlib import PurePosixPath
from string import Formatter
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, StringConstraints

#: Archives whose members may be named after a `#` in a URL.
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2")
_PLACEHOLDERS = frozenset({"id", "file_name", "folder", "split"})
_FILE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not an http or https address")
    return url


def _annotation_url(url: str) -> str:
    address, _, member = _web_address(url).partition("#")
    if member and not address.endswith(ARCHIVE_SUFFIXES):
        raise ValueError(f"{url!r} names a member, but is no archive ({', '.join(ARCHIVE_SUFFIXES)})")
    if member and not re.fullmatch(_FILE_NAME, member):
        raise ValueError(f"{member!r} is not the plain name of a member")
    return url


def _template(url: str) -> str:
    try:
        names = {name for _, name, _, _ in Formatter().parse(url) if name is not None}
    except ValueError as error:
        raise ValueError(f"{url!r} is not a template: {error}") from error
    if unknown := names - _PLACEHOLDERS:
        allowed = ", ".join(f"{{{name}}}" for name in sorted(_PLACEHOLDERS))
        raise ValueError(f"unknown placeholder {{{min(unknown)}}}; there are {allowed}")
    if not names & {"id", "file_name"}:
        raise ValueError(f"{url!r} must name the video by {{id}} or {{file_name}}")
    return _web_address(url)


def _relative_folder(path: str) -> str:
    parts = path.split("/")
    if PurePosixPath(path).is_absolute() or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"{path!r} must be a folder inside the root, such as 'ava/videos'")
    if parts[0].startswith("."):
        raise ValueError(f"{path!r} begins with '.': hidden folders are avakit's own")
    return path


Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
FileName = Annotated[str, StringConstraints(pattern=_FILE_NAME)]
AnnotationUrl = Annotated[str, AfterValidator(_annotation_url)]
WebUrl = Annotated[str, AfterValidator(_web_address)]
Template = Annotated[str, AfterValidator(_template)]
Folder = Annotated[str, AfterValidator(_relative_folder)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Sha1 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Md5 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
