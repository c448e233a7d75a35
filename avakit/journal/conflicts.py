"""Journals that contradict each other, as findings: one path, recorded with several digests in one life."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from avakit.journal.record import Record
from avakit.journal.state import State
from avakit.journal.store import listed
from avakit.model import Finding, FindingKind


def conflicts(root: Path, state: State, keys: Collection[str] | None = None) -> Iterator[Finding]:
    """Yield a finding for each path that journals contradict each other about; it names the journals.

    Parameters
    ----------
    keys
        Of what; None for everything.
    """
    chosen = {path: its for path, its in state.conflicts.items() if keys is None or its[0].key in keys}
    origins = _origins(root, [record for its in chosen.values() for record in its])
    for path, its in chosen.items():
        told = (f"sha256 {each.sha256[:12]}… at {each.time}{origins.get(_mark(each), '')}" for each in its)
        detail = f"recorded as {', and as '.join(told)}, and not removed between"
        yield Finding(path, FindingKind.CONFLICT, detail, its[0].key)


def _mark(record: Record) -> tuple[bytes, bytes]:
    return record.time.encode(), record.sha256.encode()


def _origins(root: Path, records: list[Record]) -> dict[tuple[bytes, bytes], str]:
    """Return in which journal each record stands; where that was compacted, the old one is not known any more."""
    digests: dict[bytes, list[bytes]] = {}
    for record in records:
        digests.setdefault(record.time.encode(), []).append(record.sha256.encode())
    found: dict[tuple[bytes, bytes], str] = {}
    for path in listed(root) if digests else ():
        with suppress(FileNotFoundError), path.open("rb") as stream:
            for line in stream:
                time = line[line.rfind(b'"time":"') + 8 :].partition(b'"')[0]
                for digest in digests.get(time, ()):
                    if digest in line:
                        found[time, digest] = f" in {path.parent.name}/{path.name}"
    return found
