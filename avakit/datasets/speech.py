"""Readers of AVA's annotations of voices: who speaks (ActiveSpeaker), and when somebody does (Speech)."""

from pathlib import Path
from typing import TYPE_CHECKING

from avakit.datasets import headers, members, rejects, textfile
from avakit.datasets.ava import BOX, boxes
from avakit.errors import DataInvalid, ItemFailed
from avakit.model import Span

if TYPE_CHECKING:
    import pandas as pd

#: The labels of the two datasets.
SPEAKING = ("NOT_SPEAKING", "SPEAKING_AUDIBLE", "SPEAKING_NOT_AUDIBLE")
SPEECH = ("CLEAN_SPEECH", "NO_SPEECH", "SPEECH_WITH_MUSIC", "SPEECH_WITH_NOISE")
#: What an archive of ActiveSpeaker's files is called, and what those end in.
ARCHIVES = (".tar.bz2", ".tar.gz", ".tgz", ".tar")
MEMBER = "-activespeaker.csv"
_FACE_COLUMNS = ("video_id", "timestamp", *BOX, "label", "entity_id")


def read_speech(path: Path, *, span: Span | None = None, strict: bool = False) -> "pd.DataFrame":
    """Read AVA Speech: rows `video_id,start,end,label` without a header.

    Returns
    -------
    pandas.DataFrame
        `video_id` str, `start` and `end` float (seconds of the original video), `label` str.

    Raises
    ------
    DataInvalid
        With file, line, column and value of every problem (the first twenty).
    """
    import pandas as pd

    table = headers.open_table(path, textfile.read_data(path), ["video_id", "start", "end", "label"])
    table.check_ids()
    start, end = table.numbers("start"), table.numbers("end")
    table.check(start >= 0, "start", "is not a number of seconds from 0")
    table.check((end > start) | ~(start >= 0), "end", "is not after the start")
    if span is not None:
        where = f"is outside the annotated seconds {span.start} to {span.end}"
        table.check((start >= float(span.start)) | ~(start >= 0), "start", where)
        table.check((end <= float(span.end)) | ~(end > start), "end", where)
    table.check(table.where("label", SPEECH.__contains__), "label", f"is none of {', '.join(SPEECH)}")
    if strict:
        table.check_first([table.codes("video_id"), start], "start", "is where an earlier segment begins, in line")
    keep = table.finish()
    frame = pd.DataFrame(
        {"video_id": table.texts("video_id"), "start": start, "end": end, "label": table.texts("label")}
    )
    return frame if keep is None else frame[keep].reset_index(drop=True)


def read_activespeaker(path: Path, *, span: Span | None = None, strict: bool = False) -> "pd.DataFrame":
    """Read AVA ActiveSpeaker: one row per face and frame, without a header; a csv, or the archive of all of them.

    Returns
    -------
    pandas.DataFrame
        `video_id` str, `timestamp` float (seconds of the original video), `x1 y1 x2 y2` float (0 to 1), `label` and
        `entity_id` (a face's track) str.

    Raises
    ------
    DataInvalid
        With file, line, column and value of every problem (the first twenty).
    """
    import pandas as pd

    if not path.name.endswith(ARCHIVES):
        return _faces(path, textfile.read_data(path), span, strict=strict)
    if not path.is_file():
        raise DataInvalid(f"{path}: is missing")
    frames: list[pd.DataFrame] = []
    problems: list[str] = []
    try:
        for name, data in members.read_all(path, MEMBER):
            member = path.with_name(f"{path.name}#{name}")
            try:
                frames.append(_faces(member, textfile.check_data(member, data), span, strict=strict))
            except DataInvalid as error:
                problems += error.args
    except ItemFailed as error:
        raise DataInvalid(f"{path}: {error.detail}") from error
    if problems:
        more = len(problems) - rejects.NAMED_PROBLEMS
        raise DataInvalid(*problems[: rejects.NAMED_PROBLEMS], *([f"{path}: and {more} more"] if more > 0 else []))
    if not frames:
        raise DataInvalid(f"{path}: holds no '<video id>{MEMBER}'")
    return pd.concat(frames, ignore_index=True)


def _faces(path: Path, data: bytes, span: Span | None, *, strict: bool) -> "pd.DataFrame":
    import pandas as pd

    table = headers.open_table(path, data, _FACE_COLUMNS)
    table.check_ids()
    seconds = table.numbers("timestamp")
    table.check(seconds >= 0, "timestamp", "is not a number of seconds from 0")
    if span is not None:
        inside = (seconds >= float(span.start)) & (seconds < float(span.end))
        where = f"is outside the annotated seconds {span.start} to below {span.end}"
        table.check(inside | ~(seconds >= 0), "timestamp", where)
    box = boxes(table)
    table.check(table.where("label", SPEAKING.__contains__), "label", f"is none of {', '.join(SPEAKING)}")
    table.check(table.where("entity_id", lambda text: bool(text.strip())), "entity_id", "names no track")
    if strict:
        key = [table.codes("video_id"), seconds, table.codes("entity_id")]
        table.check_first(key, "entity_id", "has a row for this instant already, in line")
    keep = table.finish()
    texts = {name: table.texts(name) for name in ("label", "entity_id")}
    frame = pd.DataFrame({"video_id": table.texts("video_id"), "timestamp": seconds, **box, **texts})
    return frame if keep is None else frame[keep].reset_index(drop=True)
