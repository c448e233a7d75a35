"""`croissant.json`: the root as a dataset in the form of Croissant 1.0 (MLCommons), over `manifest.parquet`.

It lies at the top of the root, as its patterns and addresses count from the folder in which it is.
"""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.layout import CROISSANT, PARQUET
from avakit.manifest.table import COLUMNS
from avakit.model import Packing, Stage
from avakit.tools import files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from avakit.datasets.schema import Dataset
    from avakit.journal import Record, State

#: Croissant's own terms, as its context maps them.
_TERMS = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty", "fileSet", "format",
    "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex",
    "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform",
)  # fmt: skip
#: The context that the specification asks for (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html).
_CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/", "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"}, **{term: f"cr:{term}" for term in _TERMS},
}  # fmt: skip
#: What files of these extensions are (IANA's names).
_FORMATS = {
    "mp4": "video/mp4", "mkv": "video/matroska", "webm": "video/webm", "mov": "video/quicktime", "wav": "audio/wav",
    "flac": "audio/flac", "mka": "audio/matroska", "tar": "application/x-tar", "csv": "text/csv", "txt": "text/plain",
    "json": "application/json", "jpg": "image/jpeg", "png": "image/png", "webp": "image/webp",
}  # fmt: skip
_VERSION = re.compile(r"v(\d+)\.(\d+)(?:\.(\d+))?$")
_RECORDS = "items"


def write(root: Path, state: "State", dataset: "Dataset") -> Path:
    """Write `croissant.json` about a root whose `manifest.parquet` was just written, and return its path."""
    content = describe(root, state, dataset)
    target = root / CROISSANT
    files.write_atomically(target, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
    return target


def describe(root: Path, state: "State", dataset: "Dataset") -> dict[str, Any]:
    """Return the description of a root in the words of its dataset's own catalogue."""
    table = root / PARQUET
    newest = max(record.time for record in state.present.values())
    version = _VERSION.search(dataset.name)
    return {
        "@context": _CONTEXT, "@type": "sc:Dataset", "name": dataset.name, "alternateName": dataset.title,
        "conformsTo": "http://mlcommons.org/croissant/1.0", "description": dataset.description,
        "license": dataset.licence, "citeAs": dataset.citation, "url": dataset.homepage,
        "datePublished": newest[:10],
        **({"version": ".".join(part or "0" for part in version.groups())} if version else {}),
        "distribution": [_table(table), *_file_sets(state.present.values())],
        "recordSet": [_record_set()],
    }  # fmt: skip


def _table(path: Path) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject", "@id": "manifest.parquet", "name": "manifest.parquet",
        "description": "A row for each thing that is there or could not be had: path, digest, source, recipe.",
        "contentUrl": PARQUET, "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": "application/x-parquet", "sha256": files.sha256(path),
    }  # fmt: skip


def _file_sets(records: "Iterable[Record]") -> list[dict[str, Any]]:
    """Return a set for each folder at the top of which things of one kind lie, by their extension."""
    sets: dict[tuple[str, str, Stage], None] = {}
    for record in sorted(records, key=lambda record: record.path.encode()):
        parts = record.path.split("/")
        folder = "/".join(parts[: max(1, min(2, len(parts) - 1))])
        is_folder = record.stage is Stage.FRAMES and record.packing is Packing.FOLDER
        extension = str(record.facts.get("recipe", {}).get("picture", "jpeg")) if is_folder else parts[-1]
        sets[folder, _extension(extension, is_folder=is_folder), record.stage] = None
    return [
        {
            "@type": "cr:FileSet", "@id": f"{folder}/*.{extension}", "name": f"{folder} {extension}",
            "description": f"{stage.value.capitalize()} files.",
            "encodingFormat": _FORMATS.get(extension, "application/octet-stream"),
            "includes": f"{folder}/*.{extension}",
        }
        for folder, extension, stage in sets
    ]  # fmt: skip


def _extension(name: str, *, is_folder: bool) -> str:
    return name.replace("jpeg", "jpg") if is_folder else name.rpartition(".")[2]


def _record_set() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet", "@id": _RECORDS, "name": _RECORDS,
        "description": "What is there and what is not, one row each: the columns of manifest.parquet.",
        "field": [
            {
                "@type": "cr:Field", "@id": f"{_RECORDS}/{name}", "name": name, "description": f"Column {name}.",
                "dataType": kind,
                "source": {"fileObject": {"@id": "manifest.parquet"}, "extract": {"column": name}},
            }
            for name, (_, kind) in COLUMNS.items()
        ],
    }  # fmt: skip
