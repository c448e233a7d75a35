"""All readers of annotation files under one name."""

from avakit.datasets.ava import read_ava, read_excluded, read_included
from avakit.datasets.ava_kinetics import read_ava_kinetics
from avakit.datasets.kinetics import read_kinetics
from avakit.datasets.kinetics_json import read_kinetics_json
from avakit.datasets.labels import read_file_names, read_ids, read_label_map
from avakit.datasets.speech import read_activespeaker, read_speech

__all__ = [
    "read_activespeaker",
    "read_ava",
    "read_ava_kinetics",
    "read_excluded",
    "read_file_names",
    "read_ids",
    "read_included",
    "read_kinetics",
    "read_kinetics_json",
    "read_label_map",
    "read_speech",
]
