"""`manifest.parquet`: the records of `manifest.jsonl` as typed columns, for pandas, pyarrow and their kin."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.errors import ToolMissing
from avakit.layout import PARQUET
from avakit.manifest.items import SCHEMA
from avakit.tools import files, plainfile

if TYPE_CHECKING:
    import pyarrow as pa

#: Each column, its type, and what Croissant calls that.
COLUMNS: Mapping[str, tuple[str, str]] = {
    "path": ("string", "sc:Text"), "key": ("string", "sc:Text"), "kind": ("string", "sc:Text"),
    "dataset": ("string", "sc:Text"), "split": ("string", "sc:Text"), "id": ("string", "sc:Text"),
    "item": ("string", "sc:Text"), "status": ("string", "sc:Text"), "reason": ("string", "sc:Text"),
    "detail": ("string", "sc:Text"), "bytes": ("int64", "sc:Integer"), "sha256": ("string", "sc:Text"),
    "frames": ("int64", "sc:Integer"), "seconds": ("float64", "sc:Float"), "time": ("time", "sc:DateTime"),
    "source": ("string", "sc:Text"), "url": ("string", "sc:Text"), "etag": ("string", "sc:Text"),
    "from_path": ("string", "sc:Text"), "from_sha256": ("string", "sc:Text"), "recipe": ("string", "sc:Text"),
    "decode_check": ("string", "sc:Text"), "codec": ("string", "sc:Text"), "width": ("int64", "sc:Integer"),
    "height": ("int64", "sc:Integer"), "frame_rate": ("string", "sc:Text"), "first_seen": ("time", "sc:DateTime"),
    "last_seen": ("time", "sc:DateTime"), "attempts": ("int64", "sc:Integer"), "command": ("string", "sc:Text"),
}  # fmt: skip
#: Rows held in memory at once.
_GROUP = 1 << 16


def write(root: Path, records: Sequence[Mapping[str, Any]]) -> Path:
    """Write `manifest.parquet` and return its path; the same records and the same pyarrow give the same bytes.

    Raises
    ------
    ToolMissing
        If pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        what = "Parquet is written by it: `pip install 'avakit[parquet]'`"
        raise ToolMissing("pyarrow is not installed", what) from error
    schema = _schema()
    target = root / PARQUET
    with files.partial(target) as path:
        with plainfile.create(path) as stream, pq.ParquetWriter(stream, schema, compression="zstd") as writer:
            rows = map(row, records)
            while group := list(islice(rows, _GROUP)):
                writer.write_table(pa.Table.from_pylist(group, schema=schema))
        files.publish(path, target)
    return target


def _schema() -> "pa.Schema":
    import pyarrow as pa

    times = pa.timestamp("us", tz="UTC")
    columns = [(name, times if kind == "time" else getattr(pa, kind)()) for name, (kind, _) in COLUMNS.items()]
    return pa.schema(columns, metadata={"avakit.manifest.schema": str(SCHEMA)})


def row(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of one record; what it does not have is None."""
    source, origin = record.get("source", {}), record.get("from", {})
    probe, recipe = record.get("facts", {}).get("probe", {}), record.get("recipe")
    derived = {
        "source": source.get("name"), "url": source.get("url"), "etag": source.get("etag"),
        "from_path": origin.get("path"), "from_sha256": origin.get("sha256"),
        "recipe": None if recipe is None else json.dumps(recipe, sort_keys=True, ensure_ascii=False),
        "decode_check": record.get("checks", {}).get("decode"),
        "codec": probe.get("codec"), "width": probe.get("width"), "height": probe.get("height"),
        "frame_rate": probe.get("average_rate"),
    }  # fmt: skip
    return {name: _typed(value, name) for name, value in _columns(record, derived)}


def _columns(record: Mapping[str, Any], derived: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in COLUMNS:
        yield name, derived[name] if name in derived else record.get(name)


def _typed(value: Any, name: str) -> Any:  # noqa: ANN401 - of any column
    return datetime.fromisoformat(value) if value and COLUMNS[name][0] == "time" else value
