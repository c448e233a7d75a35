"""Integrity manifests: views of the journal, in forms that others check without avakit."""

from pathlib import Path

from avakit import checksums, packing
from avakit.errors import DataInvalid
from avakit.journal import State
from avakit.layout import SHA256SUMS
from avakit.model import Stage
from avakit.tools import files


def sha256sums(state: State) -> str:
    """Return the lines `sha256sum -c` reads from within the root.

    A frame folder appears as its list of frames, whose own lines `sha256sum -c` reads the same way: two levels, so
    that AVA's 11.6 million frames are 430 lines here. A tar of frames appears itself, with its list and its index.
    """
    return checksums.text(
        line
        for record in state.present.values()
        for line in (
            packing.checked(record).items() if record.stage is Stage.FRAMES else [(record.path, record.sha256)]
        )
    )


def write(root: Path, state: State) -> Path:
    """Write `SHA256SUMS` and return its path.

    Raises
    ------
    DataInvalid
        If nothing is recorded: an empty manifest would pass every check.
    """
    if not state.present:
        raise DataInvalid(f"{root}: nothing is recorded here yet; run `avakit prepare` first, or check --root")
    path = root / SHA256SUMS
    files.write_atomically(path, sha256sums(state).encode())
    return path
