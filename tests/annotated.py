"""Small annotation files of the published forms, for what is counted in them."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from avakit.datasets import catalogue
from avakit.model import Split

DATA = Path(__file__).parent / "data" / "annotations"
V10, V22, K400 = (catalogue.load(name) for name in ("ava-v1.0", "ava-v2.2", "kinetics-400"))
TRAIN, VAL, TEST = Split.TRAIN, Split.VAL, Split.TEST
Row = tuple[str, int, str, str, str, str, int]


def write_v10(folder: Path, rows: dict[Split, Iterable[Row]]) -> Path:
    shutil.copy(DATA / "ava_action_list_v2.2.pbtxt", folder / "ava_action_list_v1.0.pbtxt")
    for split, found in rows.items():
        text = "".join(",".join(map(str, row)) + "\n" for row in found)
        (folder / f"ava_{split}_v1.0.csv").write_text(text)
    return folder


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
