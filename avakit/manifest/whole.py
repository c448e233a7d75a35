"""The three that belong together: `manifest.jsonl`, `SHA256SUMS`, and the `ROOT` over it."""

from dataclasses import dataclass
from pathlib import Path

from avakit import checksums
from avakit.errors import DataInvalid
from avakit.journal import State
from avakit.layout import MANIFEST, ROOT, SHA256SUMS
from avakit.manifest import items
from avakit.manifest.sums import sha256sums
from avakit.tools import files, plainfile


@dataclass(frozen=True)
class Seal:
    """What a root holds, in one line.

    Attributes
    ----------
    sha256
        The digest over all paths and their digests, in hexadecimal: that of `SHA256SUMS`.
    entries
        How many lines that has.
    """

    sha256: str
    entries: int


def seal(state: State) -> Seal | None:
    """Return the seal of a root; None if nothing is recorded there."""
    return _seal(sha256sums(state)) if state.present else None


def write(root: Path, state: State) -> Seal:
    """Write `manifest.jsonl`, `SHA256SUMS` and `ROOT`, in this order, and return the seal.

    Killed in between, `ROOT` is that of the former `SHA256SUMS`, and `sha256sum -c` says so.

    Raises
    ------
    DataInvalid
        If nothing is recorded: an empty manifest would pass every check.
    """
    if not state.present:
        raise DataInvalid(f"{root}: nothing is recorded here yet; run `avakit prepare` first, or check --root")
    text = sha256sums(state)
    found = _seal(text)
    with files.partial(root / MANIFEST) as path:
        with plainfile.create(path) as stream:
            stream.writelines(line.encode() for line in items.lines(root, state, found.sha256))
        files.publish(path, root / MANIFEST)
    files.write_atomically(root / SHA256SUMS, text.encode())
    files.write_atomically(root / ROOT, root_line(found.sha256).encode())
    return found


def root_line(digest: str) -> str:
    """Return what stands in `ROOT`: a line that `sha256sum -c` reads from within the root."""
    return checksums.line(SHA256SUMS, digest)


def _seal(text: str) -> Seal:
    return Seal(checksums.root_digest(text), text.count("\n"))
