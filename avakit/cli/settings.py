"""Settings: the dataset's manifest, then `avakit.yaml`, then `AVAKIT_*`, then the command line; the last wins.

Click knows the last two; `avakit.yaml` becomes the defaults of its options here, so that a value is checked the
same way wherever it comes from. The manifest's values stand in where an option is left at None.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from avakit.errors import ConfigInvalid, nearest

FILE_NAME = "avakit.yaml"
DEFAULT_ROOT = "data"
#: What `avakit.yaml` may set: every shared option that describes the data, none that describes one run.
KEYS = frozenset({
    "dataset", "manifest", "root", "classes", "min_samples", "balanced", "sample", "seed", "jobs", "sources",
    "folder", "mirror", "fps", "short_side", "quality", "pack", "drop", "recheck_after", "max_unavailable", "strict",
    "quiet", "verbose", "connections", "max_connections", "max_requests", "max_rate", "allow_private", "span_only",
    "cookies", "cookies_from_browser", "proxy", "sleep", "youtube_jobs", "max_height", "extractor_args",
    "stop_after_blocks", "decode_check", "audio", "audio_rate",
})  # fmt: skip


#: Options that choose the work of one run: kept in a file they would silently narrow every later one.
_OF_ONE_RUN = frozenset({
    "split", "ids", "ids_file", "limit", "shard", "num_shards", "retry", "unpack", "no_space_check", "dry_run", "json",
    "report", "parquet", "croissant", "bagit", "copy", "schema", "check",
    # These make something beside the dataset's own, in a folder of its own.
    "mode", "crf", "preset", "gop", "sound",
    # These run programs: a file that came with somebody's data must not choose them.
    "js_runtime", "yt_dlp_plugins",
})  # fmt: skip


class Verb(click.Command):
    """A verb whose options take their defaults from `avakit.yaml`."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the settings files before the options are."""
        own = {parameter.name: parameter.multiple for parameter in self.params if isinstance(parameter, click.Option)}
        is_help = extra.get("resilient_parsing") or {"-h", "--help"} & set(args)
        values = {} if is_help else read(early_root(args))
        for name, value in values.items():
            if isinstance(value, Mapping) or (isinstance(value, list) and not own.get(name, True)):
                raise click.UsageError(f"{FILE_NAME}: {name}: expected one value, not {value!r}")
        extra["default_map"] = {
            # An option that can be repeated takes a list; one word of it may be written without brackets.
            name: [value] if own[name] and not isinstance(value, list) else value
            for name, value in values.items()
            if name in own and value is not None
        }
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.BadParameter as error:
            name = (error.param.name if error.param else None) or ""
            source = error.ctx.get_parameter_source(name) if error.ctx else None
            if source is not click.core.ParameterSource.DEFAULT_MAP:
                raise
            raise click.UsageError(f"{FILE_NAME}: {name}: {error.message}") from error


def early_root(args: Sequence[str]) -> str | None:
    """Return the root named on the command line or in the environment: its own settings count too."""
    for i, argument in enumerate(args):
        if argument == "--root" and i + 1 < len(args):
            return args[i + 1]
        if argument.startswith("--root="):
            return argument.removeprefix("--root=")
    return os.environ.get("AVAKIT_ROOT") or None


def read(root: str | None) -> dict[str, Any]:
    """Read `avakit.yaml` of the working folder, then that of the root, which wins.

    Raises
    ------
    ConfigInvalid
        If a file is not a mapping, or has a key nobody knows.
    """
    values = _read_file(Path(FILE_NAME))
    there = Path(root or values.get("root") or DEFAULT_ROOT) / FILE_NAME
    if there.resolve() != Path(FILE_NAME).resolve():
        values |= _read_file(there)
    return values


def _read_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    from avakit.datasets.catalogue import load_yaml

    content = load_yaml(path) or {}
    if not isinstance(content, Mapping):
        raise ConfigInvalid(f"{path}: expected 'key: value' lines, such as 'dataset: ava-v2.2'")
    values = {str(key).replace("-", "_"): value for key, value in content.items()}
    unknown = [f"{path}: {_why_not(key)}" for key in values.keys() - KEYS]
    if unknown:
        raise ConfigInvalid(*unknown)
    return values


def _why_not(key: str) -> str:
    if key in _OF_ONE_RUN:
        return f"{key!r} belongs to one run; say --{key.replace('_', '-')} on the command line"
    return f"unknown key {key!r}{nearest(key, KEYS)}"
