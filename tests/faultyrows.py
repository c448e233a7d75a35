"""The network rows of the fault matrix, N1 to N27: what is injected, and what each source makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.faults import Fault, Injection

Expected = tuple[str, str]
MENDED: Expected = ("done", "")
CUT: Expected = ("transient", "network")
LATE: Expected = ("transient", "timeout")
PERSON: Expected = ("transient", "bot_check")
NO_MEDIA: Expected = ("corrupt", "not_media")
UNSAFE: Expected = ("unsafe", "redirect")
GONE: Expected = ("unavailable", "not_found")
BUSY: Expected = ("transient", "server_error")
RATE: Expected = ("transient", "rate_limit")
LONG: Expected = ("corrupt", "length")

MIRROR, ARCHIVE, YOUTUBE = "mirror", "archive", "youtube"
ALL = (MIRROR, ARCHIVE, YOUTUBE)
#: Those whose transfers are our own.
OURS = (MIRROR, ARCHIVE)


@dataclass(frozen=True)
class Row:
    """A fault, and what becomes of what was asked for, by source."""

    row: str
    injection: Injection
    expected: Mapping[str, Expected]

    def __str__(self) -> str:
        name = "+".join(sorted(self.injection.faults)) + (f"-{self.injection.times}" if self.injection.times else "")
        more = (self.injection.location or self.injection.retry_after).replace("{port}", "PORT")
        return f"{self.row}-{name}{more and '-'}{more}"


def row(
    name: str,
    *faults: Fault,
    ours: Expected | None = None,
    youtube: Expected | None = None,
    archive: Expected | None = None,
    times: int | None = None,
    **more: str,
) -> Row:
    """Return a row; `ours` holds for mirror and archive, unless the archive has an end of its own."""
    expected = {MIRROR: ours, ARCHIVE: archive or ours, YOUTUBE: youtube}
    injection = Injection(frozenset(faults), times, seconds=0.02 if Fault.DRIP in faults else 2.0, **more)
    return Row(name, injection, {source: end for source, end in expected.items() if end is not None})


ROWS = (
    row("N1", Fault.RESET, ours=MENDED, times=1),
    row("N1", Fault.RESET, Fault.NO_ETAG, ours=CUT, youtube=CUT),
    row("N2", Fault.SHORT, ours=MENDED, times=1),
    row("N2", Fault.SHORT, Fault.NO_ETAG, ours=CUT, youtube=CUT),
    row("N3", Fault.NO_LENGTH, Fault.SHORT, ours=NO_MEDIA, archive=("corrupt", "truncated"), youtube=NO_MEDIA),
    row("N4", Fault.SMALL_LENGTH, ours=NO_MEDIA, archive=("corrupt", "truncated"), youtube=NO_MEDIA),
    row("N5", Fault.CHUNK_NO_END, ours=CUT, youtube=CUT),
    row("N5", Fault.CHUNK_CUT, Fault.NO_ETAG, ours=CUT, youtube=CUT),
    row("N6", Fault.SHORT, Fault.WRONG_RANGE, ours=MENDED, times=2),
    row("N6", Fault.SHORT, Fault.WRONG_RANGE, youtube=CUT),
    row("N6", Fault.SHORT, Fault.NO_RANGE_HEADER, ours=MENDED, times=2),
    row("N7", Fault.SHORT, Fault.IGNORE_RANGE, ours=MENDED, times=2),
    row("N7", Fault.SHORT, Fault.IGNORE_RANGE, youtube=CUT),
    row("N8", Fault.CHANGED, ours=NO_MEDIA, youtube=NO_MEDIA),
    row("N10", Fault.SHORT, Fault.RANGE_REFUSED, ours=MENDED, times=2),
    row("N10", Fault.SHORT, Fault.RANGE_REFUSED, youtube=CUT),
    row("N11", Fault.HTML, ours=PERSON, youtube=("transient", "source_error")),
    row("N11", Fault.JSON, ours=NO_MEDIA, youtube=NO_MEDIA),
    row("N12", Fault.HTML_AS_VIDEO, ours=PERSON, youtube=PERSON),
    row("N13", Fault.EMPTY, ours=("corrupt", "empty"), youtube=("transient", "source_error")),
    row("N13", Fault.EMPTY, ours=MENDED, times=1),
    row("N14", Fault.RATE_LIMIT, ours=RATE, youtube=RATE, retry_after="7"),
    row("N14", Fault.RATE_LIMIT, ours=RATE, youtube=RATE, retry_after="1000000000"),
    row("N14", Fault.RATE_LIMIT, ours=MENDED, times=1, retry_after="Fri, 31 Dec 2100 23:59:59 GMT"),
    row("N15", Fault.BUSY, ours=MENDED, times=1),
    row("N15", Fault.BUSY, ours=BUSY, youtube=BUSY),
    row("N16", Fault.LOOP, ours=("unavailable", "redirect"), youtube=("transient", "source_error")),
    row("N17", Fault.TO_FILE, ours=UNSAFE, youtube=UNSAFE),
    row("N17", Fault.REDIRECT, ours=UNSAFE, youtube=UNSAFE, location="ftp://127.0.0.1/a.mp4"),
    row("N17", Fault.REDIRECT, ours=UNSAFE, youtube=UNSAFE, location="data:video/mp4;base64,AAAA"),
    row("N18", Fault.REDIRECT, ours=UNSAFE, youtube=UNSAFE, location="http://127.0.0.2:{port}/other.mp4"),
    row("N18", Fault.REDIRECT, ours=UNSAFE, youtube=UNSAFE, location="http://localhost:{port}/other.mp4"),
    row("N18", Fault.REDIRECT, ours=UNSAFE, youtube=UNSAFE, location="http://[::1]:{port}/other.mp4"),
    row("N18", Fault.REDIRECT, ours=UNSAFE, youtube=UNSAFE, location="http://[::ffff:127.0.0.1]:{port}/other.mp4"),
    row("N18", Fault.REDIRECT, ours=UNSAFE, youtube=UNSAFE, location="http://169.254.169.254:9/latest/meta-data"),
    row("N18", Fault.REDIRECT, ours=UNSAFE, youtube=UNSAFE, location="http://10.0.0.1:9/other.mp4"),
    row("N19", Fault.STALL, ours=MENDED, times=1),
    row("N19", Fault.STALL, Fault.NO_ETAG, ours=LATE, youtube=LATE),
    row("N20", Fault.DRIP, ours=LATE, youtube=LATE),
    row("N22", Fault.GZIP, ours=NO_MEDIA, youtube=NO_MEDIA),
    row("N23", Fault.ENDLESS, ours=LONG, youtube=LONG),
    row("N27", Fault.NOT_FOUND, ours=GONE, youtube=GONE),
    row("N27", Fault.GONE, ours=GONE, youtube=GONE),
)
#: Rows of which a source can know nothing, and why.
NOT_APPLICABLE = {
    ("N9", YOUTUBE): "each call of yt-dlp has a private folder of its own, so there is no part to go on from",
    ("N25", MIRROR): "a mirror's file has no fragments",
    ("N25", ARCHIVE): "an archive has no fragments",
}
CASES = [(source, case) for case in ROWS for source in case.expected]
