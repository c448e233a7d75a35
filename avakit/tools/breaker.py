"""A circuit breaker for sources: who only refuses us is not asked again in this run.

The bot check, 429 and 403 meet a machine, not a video. After so many of them in a row from one source, with no other
answer in between, asking on would burn through the list and make the block last longer.

The workers of a run share the count through small files, one a source, one line a block: appending needs no lock.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from avakit.errors import Status, TransferFailed

#: Reasons that say something about us and nothing about the video.
BLOCKS = frozenset({"bot_check", "rate_limit", "forbidden"})
#: The reason of what was left because a source was not asked any more: not a failure, but work not begun.
NOT_ASKED = "not_asked"


@dataclass(frozen=True)
class Breaker:
    """The breaker of one run; can be pickled.

    Attributes
    ----------
    folder
        Where the counts lie; empty for a breaker that never trips.
    limit
        So many blocks in a row trip it.
    """

    folder: str = ""
    limit: int = 0

    @contextmanager
    def watch(self, source: str) -> Iterator[None]:
        """Count what asking `source` comes to, in the block.

        Raises
        ------
        TransferFailed
            `transient`, `not_asked`: the source is not to be asked any more. Else what the block raises.
        """
        reason = self.tripped(source)
        if reason:
            detail = f"not asked any more, after {self.limit} refusals in a row ({reason})"
            raise TransferFailed(Status.TRANSIENT, NOT_ASKED, detail)
        try:
            yield
        except TransferFailed as error:
            if error.reason in BLOCKS:
                self._count(source, error.reason)
            elif error.status is not Status.TRANSIENT:
                self._forget(source)  # it has told us something about the video, so it talks to us
            raise
        self._forget(source)

    def tripped(self, source: str) -> str:
        """Return the reason of the last block if the source is not to be asked any more; else nothing."""
        path = self._path(source)
        lines: list[str] = []
        if path is not None:
            with suppress(FileNotFoundError):  # nothing was counted, or another worker has just had an answer
                lines = path.read_text().splitlines()
        return lines[-1] if len(lines) >= max(1, self.limit) else ""

    def _count(self, source: str, reason: str) -> None:
        path = self._path(source)
        if path is not None:
            with path.open("a") as file:
                file.write(f"{reason}\n")

    def _forget(self, source: str) -> None:
        path = self._path(source)
        if path is not None:
            path.unlink(missing_ok=True)

    def _path(self, source: str) -> Path | None:
        return Path(self.folder, hashlib.sha256(source.encode()).hexdigest()[:16]) if self.folder else None


@contextmanager
def armed(limit: int) -> Iterator[Breaker]:
    """Yield a breaker that counts until the block ends."""
    with tempfile.TemporaryDirectory(prefix="avakit-") as folder:
        yield Breaker(folder, limit)
