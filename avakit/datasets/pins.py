"""The lock file beside a dataset's annotation files: what was fetched first is what a version means from then on."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from avakit.datasets.schema import Known
from avakit.errors import DataInvalid
from avakit.tools import files

NAME = "sources.lock.json"


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the pins of a folder by file name; none if nothing was pinned yet.

    Raises
    ------
    DataInvalid
        If the lock file can't be read.
    """
    path = folder / NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise DataInvalid(f"{path}: is not JSON ({error}); delete it to pin the files as they are") from error
    is_lock = isinstance(content, dict) and all(
        isinstance(pin, dict) and isinstance(pin.get("sha256"), str) for pin in content.values()
    )
    if not is_lock:
        raise DataInvalid(f"{path}: has another form than avakit writes; delete it to pin the files as they are")
    return dict(content)


def describe(path: Path, url: str, known: Known) -> dict[str, Any]:
    """Return the pin of a file: where from, digests, bytes, date, and whether a known copy is the same."""
    return {
        "url": url,
        "sha256": files.sha256(path),
        "git_blob": files.git_blob_sha1(path),
        "bytes": path.stat().st_size,
        "date": datetime.now(tz=UTC).isoformat(timespec="seconds"),
        "known": is_known(path, known),
    }


def is_known(path: Path, known: Known) -> bool:
    """Whether a file is the same as one of the copies that were seen elsewhere."""
    return (
        (bool(known.sha256) and files.sha256(path) in known.sha256)
        or (bool(known.git_blob) and files.git_blob_sha1(path) in known.git_blob)
        or (bool(known.md5) and _md5(path) in known.md5)
    )


def write(folder: Path, name: str, pin: dict[str, Any]) -> None:
    """Pin one file. A lost race with another writer costs its pin: the file is then adopted at the next fetch."""
    content = read(folder) | {name: pin}
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    files.write_atomically(folder / NAME, text.encode())


def keep_only(folder: Path, names: Iterable[str]) -> None:
    """Forget the pins of all files but these."""
    content = read(folder)
    left = {name: content[name] for name in names if name in content}
    if left != content:
        files.write_atomically(folder / NAME, (json.dumps(left, indent=1, sort_keys=True) + "\n").encode())


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
