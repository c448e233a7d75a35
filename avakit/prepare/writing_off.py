"""What the journal says is there is written off before something else takes its place.

Otherwise two lines would claim one path for different bytes, as two runs do that know nothing of each other.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from avakit import journal
from avakit.journal import Record
from avakit.model import Stage
from avakit.prepare.job import Job
from avakit.tools import files


@contextmanager
def written_off(recorded: Iterable[Record], job: Job) -> Iterator[None]:
    """Write off what is about to be made again: it has vanished, or is replaced; if nothing came of it, it is there.

    Frames that stand are not written off here: those who publish frames do so as late as they can.

    Parameters
    ----------
    recorded
        What the journal says is there.
    """
    standing = []
    for record in recorded:
        stands = job.layout.absolute(record.path).exists()
        if stands and record.stage is Stage.FRAMES:
            continue
        standing += [record] * stands
        reason = journal.REPLACED if stands else journal.VANISHED
        journal.append(job.root, replace(journal.removal(record, reason), dataset=job.dataset))
    try:
        yield
    except Exception:
        for record in standing:
            path = job.layout.absolute(record.path)
            if path.is_file() and files.sha256(path) == record.sha256:
                journal.append(job.root, replace(record, time=""))
        raise
