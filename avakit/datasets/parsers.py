"""All readers of annotation files under one name."""

from avakit.datasets.ava import read_ava, read_excluded, read_included
from avakit.datasets.kinetics import read_kinetics
from avakit.datasets.labels import read_file_names, read_ids, read_label_map

__all__ = [
    "read_ava",
    "read_excluded",
    "read_file_names",
    "read_ids",
    "read_included",
    "read_kinetics",
    "read_label_map",
]
