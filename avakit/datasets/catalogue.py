"""Which datasets exist: reads `manifests/<dataset>.yaml` and names everything that is wrong in one, at once."""

from collections.abc import Hashable, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from avakit.datasets import parts
from avakit.datasets.schema import AnnotationFile, Dataset, Form, Role, SourceFacts
from avakit.errors import ConfigInvalid, nearest

__all__ = [
    "AnnotationFile",
    "Dataset",
    "Form",
    "Role",
    "SourceFacts",
    "load",
    "load_file",
    "load_yaml",
    "names",
    "source_text",
]

_FOLDER = resources.files("avakit") / "manifests"
#: Which model reads what stands under a key; a key nobody knows is compared with that model's keys.
_PARTS: dict[str, type[BaseModel]] = {
    "files": parts.AnnotationFile,
    "known": parts.Known,
    "splits": parts.SplitFacts,
    "span": parts.SpanFacts,
    "key_seconds": parts.KeySeconds,
    "frames": parts.FrameFacts,
    "clips": parts.ClipFacts,
    "layout": parts.Folders,
    "clip_layout": parts.Folders,
    "figures": parts.Figure,
    "archives": parts.Archives,
    "expect": parts.Expect,
    "mirror": parts.MirrorSource,
    "youtube": parts.YoutubeSource,
    "archive": parts.ArchiveSource,
    "folder": parts.FolderSource,
}


def names() -> list[str]:
    """Return the names of the datasets that come with avakit, sorted."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _FOLDER.iterdir() if entry.name.endswith(".yaml"))


@cache
def load(name: str) -> Dataset:
    """Return a dataset that comes with avakit.

    Raises
    ------
    ConfigInvalid
        If there is none of that name (the message has the nearest), or its manifest is wrong.
    """
    return _parse(source_text(name), f"{name}.yaml")


def source_text(name: str) -> str:
    """Return the YAML text of a dataset that comes with avakit; raises as `load` does."""
    if name not in names():
        known = ", ".join(names())
        raise ConfigInvalid(f"unknown dataset {name!r}{nearest(name, names()) or ';'} Known: {known}")
    return (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


def load_file(path: Path) -> Dataset:
    """Return the dataset that a user's own manifest describes.

    Raises
    ------
    ConfigInvalid
        With every problem of the file, each as `FILE: key.0.key: message`.
    """
    return _parse(_read(path), str(path))


def load_yaml(path: Path) -> object:
    """Return what a YAML file says (None if it is empty); keys given twice are refused.

    Raises
    ------
    ConfigInvalid
        If it can't be read, is not YAML, or holds a key twice.
    """
    data, problems = _read_yaml(_read(path), str(path))
    if problems:
        raise ConfigInvalid(*problems)
    return data


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigInvalid(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise ConfigInvalid(f"{path}: can't be read: {error.strerror}") from error


class _Loader(yaml.SafeLoader):
    """A safe loader that notes keys given twice (YAML itself lets the last one win in silence)."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.duplicates: list[str] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping, as SafeLoader does."""
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.value in lines:
                first = lines[key.value]
                self.duplicates.append(f"line {line}: key {key.value!r} stands here and in line {first}")
            elif isinstance(key, yaml.ScalarNode):
                lines[key.value] = line
        return super().construct_mapping(node, deep)


def _parse(text: str, name: str) -> Dataset:
    data, problems = _read_yaml(text, name)
    if not isinstance(data, dict):
        raise ConfigInvalid(f"{name}: must be a mapping of keys such as 'name:' and 'files:'")
    try:
        dataset = Dataset.model_validate(data)
    except ValidationError as error:
        problems += [f"{name}: {line}" for details in error.errors() for line in _describe(details, data)]
    if problems:
        raise ConfigInvalid(*problems)
    return dataset


def _read_yaml(text: str, name: str) -> tuple[object, list[str]]:
    try:
        loader = _Loader(text)
        try:
            data = loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigInvalid(f"{name}{where}: is not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ConfigInvalid(f"{name}: is not YAML: {' '.join(str(error).split())}") from error
    return data, [f"{name}, {duplicate}" for duplicate in loader.duplicates]


def _describe(details: Mapping[str, Any], data: object) -> list[str]:
    """Return the lines for one of pydantic's errors: where, as the user wrote it, and what."""
    where = ".".join(_path(details["loc"], data))
    prefix = f"{where}: " if where else ""
    kind = details["type"]
    if kind == "too_short" and details["input"]:
        return []  # its entries are wrong, and said so; pydantic counts only those that are right
    if kind == "union_tag_invalid":
        return [f"{where}.type: {details['ctx']['tag']!r} is none of {details['ctx']['expected_tags']}"]
    if kind == "extra_forbidden":
        key = str(details["loc"][-1])
        parent = where.rpartition(".")[0]
        suggestion = nearest(key, _keys_beside(details["loc"])).removeprefix(": ")
        hint = f" ({suggestion})" if suggestion else ""
        return [f"{parent}{': ' if parent else ''}unknown key {key!r}{hint}"]
    if kind in ("missing", "union_tag_not_found"):
        return [f"{prefix}this key is missing" if kind == "missing" else f"{where}.type: this key is missing"]
    message = details["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        return [prefix + line for line in message.splitlines()]
    return [f"{prefix}{details['input']!r}: {message}"]


def _path(location: Sequence[str | int], data: object) -> list[str]:
    """Return pydantic's location without the names of union members, which stand in no file."""
    path = []
    for part in location:
        try:
            data = data[part]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            if part != location[-1] or not isinstance(data, dict):
                continue
        path.append(str(part))
    return path


def _keys_beside(location: Sequence[str | int]) -> list[str]:
    model: type[BaseModel] = Dataset
    for part in location[:-1]:
        model = _PARTS.get(str(part), model)
    return [field.alias or name for name, field in model.model_fields.items()]
