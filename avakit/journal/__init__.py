"""What was done: one file a process, one JSON object a line, append only.

The state of a root is the union of its journals, read anew by every run. There is no shared writer, no database
on a network file system and no merge step that could be forgotten; a dead node leaves only work to be redone.

For each key (a path without its extension) the newest line that says whether something *is there* counts: a
`done` or `short` with a path puts it there, `removed` takes it away. The newest gap after that says why it can't
be had. The same path recorded with two digests, and no removal between, is a conflict.
A torn last line, as a kill leaves it, is skipped and counted.
"""

from avakit.journal.record import (
    DROPPED,
    NOT_NEEDED,
    QUARANTINED,
    REMOVED,
    REPLACED,
    SCHEMA,
    VANISHED,
    Record,
)
from avakit.journal.state import State, merge
from avakit.journal.store import append, now, read, removal

__all__ = [
    "DROPPED",
    "NOT_NEEDED",
    "QUARANTINED",
    "REMOVED",
    "REPLACED",
    "SCHEMA",
    "VANISHED",
    "Record",
    "State",
    "append",
    "merge",
    "now",
    "read",
    "removal",
]
