"""Which archives there are, which class each holds, and what was found in those that were read."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from avakit.errors import MediaRejected, Status
from avakit.layout import ARCHIVES
from avakit.tools import files, http
from avakit.tools.http_policy import is_http, public_url

_MAX_LIST_BYTES = 16 << 20
_IN_QUERIES = "/%?:@!$&'()*+,;="


@dataclass(frozen=True)
class Index:
    """What was found in one archive.

    Attributes
    ----------
    url, source
        Its address, and that of the list that names it; without what may be secret in them.
    count
        How many archives that list names.
    label
        The class it holds; empty if they are mixed.
    etag, sha256, bytes
        Of the archive.
    clips
        The names of all clips in it.
    refused
        Why a wanted one of them was not taken, as status, reason and detail.
    foreign
        How many other files it holds.
    """

    url: str
    source: str
    count: int
    label: str
    etag: str
    sha256: str
    bytes: int
    clips: frozenset[str]
    refused: Mapping[str, tuple[str, str, str]]
    foreign: int = 0

    def offers(self, names: Iterable[str]) -> bool:
        """Whether it holds one of these clips, not known to be bad."""
        return any(name in self.clips and name not in self.refused for name in names)


def addresses(url: str, root: Path, options: http.Options) -> list[str]:
    """Fetch a list of archives and return the addresses in it, fit to be asked for.

    Raises
    ------
    ItemFailed
        If it can't be had, or is no list of addresses.
    """
    with files.partial(root / ARCHIVES / "list.txt") as path:
        http.download(url, path, replace(options, max_bytes=_MAX_LIST_BYTES, is_media=False))
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    found = [line.strip() for line in text.splitlines() if line.strip()]
    odd = next((line for line in found if not is_http(line)), None)
    if odd is not None or not found:
        what = f"{odd[:80]!r} is no address" if odd else "it is empty"
        raise MediaRejected(Status.CORRUPT, "not_media", f"{public_url(url)} is no list of archives: {what}")
    return list(dict.fromkeys(quoted(line) for line in found))


def quoted(url: str) -> str:
    """Return an address whose path may hold blanks and brackets as servers want it.

    What is quoted already stays, and so does the query of a signed address.
    """
    scheme, rest = url.split("://", 1)
    host, slash, path = rest.partition("/")
    path, mark, query = path.partition("?")
    return f"{scheme}://{host}{slash}{quote(path, safe='/%')}{mark}{quote(query, safe=_IN_QUERIES)}"


def class_of(url: str) -> str:
    """Return the class that an archive's name says, fit to be compared with `folded` labels."""
    name = unquote(urlsplit(url).path).rpartition("/")[2]
    return folded(re.sub(r"\.(tar\.gz|tgz|tar)$", "", name))


def folded(label: str) -> str:
    """Return a class name as lists and files of different hands agree on it."""
    return label.replace("_", " ").strip().casefold()


def indexes(root: Path) -> dict[str, Index]:
    """Return what is known of the archives that were read into this root, by address."""
    found = {}
    for path in sorted((root / ARCHIVES).glob("*.json")):
        with suppress(ValueError, TypeError, KeyError):  # what can't be read is as good as none: it is made again
            content = json.loads(path.read_text(encoding="utf-8"))
            refused = {name: tuple(why) for name, why in content["refused"].items()}
            index = Index(**content | {"clips": frozenset(content["clips"]), "refused": refused})
            found[index.url] = index
    return found


def stem(url: str) -> str:
    """Return a short name for an address, fit for a file."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def note(root: Path, index: Index) -> None:
    """Keep what was found in an archive."""
    content = asdict(index) | {"clips": sorted(index.clips)}
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    files.write_atomically(root / ARCHIVES / f"{stem(index.url)}.json", text.encode())
