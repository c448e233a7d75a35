"""`SHA256SUMS` and `ROOT`: the digest of each file, and the digest over all of them."""

from avakit import checksums, packing
from avakit.journal import Record, State
from avakit.model import Stage


def files_of(record: Record) -> dict[str, str]:
    """Return the digest of each file that a record vouches for, by path.

    A frame folder appears as its list of frames, whose own lines `sha256sum -c` reads the same way: two levels, so
    that AVA's 11.6 million frames are 430 lines. A tar of frames appears itself, with its list and its index.
    """
    return packing.checked(record) if record.stage is Stage.FRAMES else {record.path: record.sha256}


def sha256sums(state: State) -> str:
    """Return the lines `sha256sum -c` reads from within the root: no time and no host goes into them."""
    return checksums.text(line for record in state.present.values() for line in files_of(record).items())


def root(state: State) -> str:
    """Return the one digest over everything that is recorded as there, in hexadecimal; see `checksums.root_digest`."""
    return checksums.root_digest(sha256sums(state))
