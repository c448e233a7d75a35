"""`manifest.jsonl`: a header, then a record for each thing that is there or could not be had, sorted by path.

Canonical: one JSON object a line, keys sorted, no blanks, UTF-8. It depends on the journal alone, so the same journal
gives the same bytes, whenever and wherever it is written. Its form is described by `schema.json` beside this module.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any

from avakit import checksums
from avakit.errors import DataInvalid
from avakit.journal import QUARANTINED, REMOVED, Record, State
from avakit.layout import COMMANDS
from avakit.manifest.sums import files_of
from avakit.model import Split, Stage

#: What the header calls the format.
FORMAT = "avakit-manifest"
#: Version of the format. Readers refuse newer ones.
SCHEMA = 1
#: Facts that have a place of their own in a record, and how Matroska rounded times, which only avakit itself can read.
_NOT_FACTS = frozenset({"command", "checks", "recipe", "source", "from", "times"})
_SPLITS = frozenset(split.value for split in Split)
_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class Header:
    """The first line of a `manifest.jsonl`.

    Attributes
    ----------
    records
        How many records follow.
    root
        The digest of the `SHA256SUMS` written with it.
    commands
        The command lines that records name: `arguments` without passwords, and the version of `avakit`.
    """

    records: int
    root: str
    commands: Mapping[str, Mapping[str, Any]]


def schema_text() -> str:
    """Return the JSON Schema (draft 2020-12) of a line."""
    return (resources.files("avakit") / "manifest" / "schema.json").read_text(encoding="utf-8")


def lines(root: Path, state: State, digest: str) -> Iterator[str]:
    """Yield the lines of `manifest.jsonl`; `digest` is that of `SHA256SUMS`."""
    found = records(state)
    named = {record["command"] for record in found if "command" in record}
    commands = {name: words for name in sorted(named) if (words := _command(root, name)) is not None}
    yield _line({
        "format": FORMAT, "schema": SCHEMA, "records": len(found), "root": digest, "commands": commands,
    })  # fmt: skip
    yield from map(_line, found)


def records(state: State) -> list[dict[str, Any]]:
    """Return the record of each item, sorted by path as bytes (C order); a gap by the path it would begin with."""
    missing = {key: _lost(record) for key, record in state.lost.items()}
    missing |= {key: _gap(record, state.met.get(key, ())) for key, record in state.gaps.items()}
    found = [_there(record) for record in state.present.values()]
    found += [record for key, record in missing.items() if key not in state.present]
    return sorted(found, key=lambda record: (str(record.get("path", record["key"])).encode(), record["key"]))


def _line(content: Mapping[str, Any]) -> str:
    return _encode(content) + "\n"


def _common(record: Record) -> dict[str, Any]:
    facts = record.facts
    content = {
        "kind": record.stage.value, "key": record.key, "item": record.item, "dataset": record.dataset,
        "id": "" if record.stage is Stage.ANNOTATION else record.item[:11],
        "split": _split(record), "status": record.status, "reason": record.reason, "detail": record.detail,
        "command": facts.get("command"),
    }  # fmt: skip
    return {name: value for name, value in content.items() if value}


def _there(record: Record) -> dict[str, Any]:
    facts = record.facts
    content = {
        "path": record.path, "bytes": record.bytes, "sha256": record.sha256, "files": files_of(record),
        "time": record.time, "took_seconds": record.seconds or None, "seconds": _seconds(record),
        "frames": record.frames or None, "source": facts.get("source"), "from": facts.get("from"),
        "recipe": facts.get("recipe"), "checks": facts.get("checks"),
        "facts": {k: v for k, v in facts.items() if k not in _NOT_FACTS} or None,
    }  # fmt: skip
    return _common(record) | {name: value for name, value in content.items() if value is not None}


def _gap(record: Record, met: tuple[str, ...]) -> dict[str, Any]:
    seen = met or (record.time,)
    facts = {k: v for k, v in record.facts.items() if k not in _NOT_FACTS}
    times = {"first_seen": seen[0], "last_seen": seen[-1], "attempts": len(seen)}
    return _common(record) | times | ({"facts": facts} if facts else {})


def _lost(record: Record) -> dict[str, Any]:
    """Return the record of what was moved to quarantine and not made again."""
    content = _common(record) | {"status": REMOVED, "reason": QUARANTINED}
    return {name: value for name, value in content.items() if name != "detail"}


def _split(record: Record) -> str:
    """Return the split of a clip, its sound or its frames' folder, as its path names it; films are in no folder."""
    if record.stage not in (Stage.CLIP, Stage.AUDIO):
        return ""
    folders = record.key.split("/")[:-1]
    return next((name for name in reversed(folders[-2:]) if name in _SPLITS), "")


def _seconds(record: Record) -> float | None:
    """Return how long a thing is: of a video what its header claims, else the span it is made for."""
    span, probe = record.facts.get("span"), record.facts.get("probe", {})
    if span:
        return float(Fraction(span[1]) - Fraction(span[0]))
    if record.stage is Stage.VIDEO:
        return float(Fraction(probe.get("duration_seconds", 0))) or None
    if record.stage is Stage.ANNOTATION:
        return None
    begin, end = record.item[12:18], record.item[19:25]  # the name of record of a clip: <id>_000010_000020
    return float(int(end) - int(begin)) if begin.isdecimal() and end.isdecimal() else None


def _command(root: Path, name: str) -> dict[str, Any] | None:
    try:
        words: dict[str, Any] = json.loads((root / COMMANDS / f"{name}.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return words


def read(path: Path) -> tuple[Header, list[dict[str, Any]]]:
    """Read a `manifest.jsonl` and check that it is whole: its count, and the digest over all digests.

    Raises
    ------
    DataInvalid
        If it is none, is not whole, or was written by a newer avakit.
    """
    return _read(path, path.read_bytes())


def _read(path: Path, data: bytes) -> tuple[Header, list[dict[str, Any]]]:
    rows = data.split(b"\n")
    header = _header(path, _parse(path, 1, rows[0]))
    if rows.pop() != b"":
        raise DataInvalid(f"{path}, line {len(rows) + 1}: its end is missing; {_AGAIN}")
    found = [_parse(path, number, row) for number, row in enumerate(rows[1:], 2)]
    if len(found) != header.records:
        raise DataInvalid(f"{path}: has {len(found)} records, its first line says {header.records}; {_AGAIN}")
    try:
        digest = checksums.root_digest(checksums.text(_digests(found)))
    except (KeyError, TypeError, AttributeError) as error:
        raise DataInvalid(f"{path}: a record lacks what its form asks for ({error}); {_AGAIN}") from error
    if digest != header.root:
        raise DataInvalid(f"{path}: its records give root {digest}, its first line says {header.root}; {_AGAIN}")
    return header, found


def sums_of(path: Path, data: bytes) -> bytes:
    """Return the lines of `SHA256SUMS` that a `manifest.jsonl` was written with; any other file as it is.

    Raises
    ------
    DataInvalid
        As `read`.
    """
    return checksums.text(_digests(_read(path, data)[1])).encode() if data.startswith(b"{") else data


_AGAIN = "`avakit manifest` writes it again"


def _digests(found: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for record in found:
        yield from record.get("files", {}).items()


def _parse(path: Path, number: int, row: bytes) -> dict[str, Any]:
    try:
        content = json.loads(row)
    except ValueError as error:
        raise DataInvalid(f"{path}, line {number}: is not JSON ({error}); {_AGAIN}") from error
    if not isinstance(content, dict):
        raise DataInvalid(f"{path}, line {number}: is no JSON object; {_AGAIN}")
    return content


def _header(path: Path, content: Mapping[str, Any]) -> Header:
    schema = content.get("schema")
    if content.get("format") != FORMAT or not isinstance(schema, int):
        raise DataInvalid(f"{path}, line 1: is not the first line of a manifest of avakit")
    if schema > SCHEMA:
        raise DataInvalid(f"{path}, line 1: written by a newer avakit (manifest schema {schema}); update avakit")
    try:
        return Header(int(content["records"]), str(content["root"]), dict(content["commands"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DataInvalid(f"{path}, line 1: lacks {error}; {_AGAIN}") from error
