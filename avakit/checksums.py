"""The line format of `sha256sum`: what coreutils checks, and what avakit reads back."""

import hashlib
import re
from collections.abc import Iterable, Iterator

_LINE = re.compile(r"([0-9a-fA-F]{64})  ([^\\\r\n]+)")


def line(path: str, digest: str) -> str:
    """Return the line `sha256sum -c` reads for `path` (relative, with `/`)."""
    return f"{digest}  {path}\n"


def text(digests: Iterable[tuple[str, str]]) -> str:
    """Return the lines of (path, digest) pairs, sorted by path as bytes (C order)."""
    return "".join(line(path, digest) for path, digest in sorted(digests, key=lambda pair: pair[0].encode()))


def root_digest(content: str) -> str:
    """Return the one digest over all paths and their digests: the sha256 of the file that lists them.

    So `sha256sum SHA256SUMS` tells it, too, and no time and no host goes into it: two copies that were made the same
    way agree.
    """
    return hashlib.sha256(content.encode()).hexdigest()


def parse(content: str) -> Iterator[tuple[str, str]]:
    """Yield the (path, digest) pairs of a checksum file.

    Raises
    ------
    ValueError
        With the line number, if a line has another form or names a path outside its folder.
    """
    # Not splitlines: it also splits at characters, such as U+2028, that a name may hold.
    *rows, rest = content.split("\n")
    for number, row in enumerate([*rows, rest] if rest else rows, 1):
        match = _LINE.fullmatch(row.removesuffix("\r"))
        if match is None:
            raise ValueError(f"line {number} is not '<sha256>  <path>'")
        digest, path = match.groups()
        if path.startswith("/") or ".." in path.split("/"):
            raise ValueError(f"line {number} names {path!r}, which lies outside the root")
        yield path, digest.lower()
