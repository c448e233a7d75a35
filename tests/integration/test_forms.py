"""Every verb that reads annotations on AVA-Kinetics, Speech, ActiveSpeaker and JSON, from files in a folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avakit import cli
from tests import forms

FILES: dict[str, Callable[[Path], Path]] = {
    "ava-kinetics-v1.0": forms.ava_kinetics, "ava-activespeaker-v1.0": forms.activespeaker,
    "ava-speech-v1.0": forms.speech,
}  # fmt: skip
SPLITS = ("--split", "train,test")
LONG_TAIL = {"long_tail.png", "long_tail.svg"}
BOXES = {"box_sizes.png", "box_sizes.svg"}
LENGTHS = {"durations.png", "durations.svg"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fetch(here: Path) -> Callable[..., None]:
    """Fetch hand-made annotation files of a dataset from a folder."""

    def fetched(name: str, *words: str) -> None:
        folder = here / "given" / name
        folder.mkdir(parents=True)
        FILES[name](folder)
        assert cli.run(["fetch", "--dataset", name, "--from", str(folder), *words]) == 0

    return fetched


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[dict[str, Any]]]:
    """Run a verb with --json, and return its lines."""

    def said(*words: str, expect: int = 0) -> list[dict[str, Any]]:
        capsys.readouterr()
        assert cli.run([*words, "--json"]) == expect, capsys.readouterr().err
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return said


Say = Callable[..., list[dict[str, Any]]]


def of(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["type"] == kind]


def planned(say: Say, name: str, *words: str) -> dict[str, int]:
    return {line["stage"]: line["count"] for line in of(say("plan", "--dataset", name, *words), "stage")}


def test_speech(here: Path, fetch: Callable[..., None], say: Say) -> None:
    fetch("ava-speech-v1.0")
    assert planned(say, "ava-speech-v1.0") == {"video": 2, "window": 2}
    say("subset", "small", "--dataset", "ava-speech-v1.0", "--classes", "SPEECH_WITH_MUSIC")
    lines = say("stats", "--dataset", "small", "--plots", "figures")
    assert [(row["segments"], row["labels"], row["videos"]) for row in of(lines, "splits")] == [(1, 1, 1)]
    assert [row["class"] for row in of(lines, "classes")] == ["SPEECH_WITH_MUSIC"]
    assert {path.name for path in (here / "figures").iterdir()} == LONG_TAIL | LENGTHS
    say("check", "--dataset", "small")
    assert planned(say, "small") == {"video": 1, "window": 1}
    assert planned(say, "ava-speech-v1.0", "--classes", "no_speech", "--balanced", "1") == {"video": 1, "window": 1}
    say("subset", "smaller", "--dataset", "small", "--sample", "1")
    say("verify")


def test_active_speakers(here: Path, fetch: Callable[..., None], say: Say) -> None:
    fetch("ava-activespeaker-v1.0")
    lines = say("stats", "--dataset", "ava-activespeaker-v1.0", "--plots", "figures", "--csv", "tables")
    assert [(row["split"], row["faces"]) for row in of(lines, "splits")] == [("train", 6), ("val", 6), ("all", 12)]
    assert {path.name for path in (here / "figures").iterdir()} == LONG_TAIL | BOXES
    assert (here / "tables" / "boxes.csv").read_text().startswith("split,measure,faces,mean")
    say("subset", "small", "--dataset", "ava-activespeaker-v1.0", "--classes", "Speaking audible", "--balanced", "1")
    assert [row["faces"] for row in of(say("stats", "--dataset", "small"), "splits")] == [1, 1, 2]
    say("check", "--dataset", "small")
    assert planned(say, "small") == {"video": 2, "window": 2}
    name = here / "data" / "annotations" / "small" / "ava_activespeaker_val_v1.0.tar.bz2"
    before = name.read_bytes()
    name.unlink()
    say("fetch", "--dataset", "small")
    assert name.read_bytes() == before
    say("verify")


@pytest.mark.parametrize(
    ("words", "expected", "left"),
    [
        (("--classes", "17", "--renumber"), {"video": 1, "window": 0, "clip": 2}, {1: 2}),
        (("--min-samples", "3"), {"video": 4, "window": 2, "clip": 3}, {80: 4}),
        (("--classes", "12,80", "--min-samples", "3"), {"video": 4, "window": 2, "clip": 3}, {80: 4}),
        (("--balanced", "2", "--classes", "stand,17"), {"video": 3, "window": 1, "clip": 3}, {12: 2, 17: 2}),
    ],
)
def test_subsets_of_ava_kinetics(
    here: Path, fetch: Callable[..., None], say: Say, words: tuple[str, ...], expected: dict[str, int],
    left: dict[int, int],
) -> None:  # fmt: skip
    fetch("ava-kinetics-v1.0", *SPLITS)
    say("subset", "small", "--dataset", "ava-kinetics-v1.0", *SPLITS, *words)
    assert planned(say, "small") == expected
    lines = say("stats", "--dataset", "small", "--plots", "figures")
    assert {row["class_id"]: row["labels"] for row in of(lines, "classes") if row["labels"]} == left
    [row] = of(lines, "splits")
    assert row["videos"] == expected["video"]
    assert {path.name for path in (here / "figures").iterdir()} >= LONG_TAIL | BOXES
    say("check", "--dataset", "small")
    say("verify")
    if "--renumber" in words:
        table = here / "data" / "annotations" / "small" / "renumbered_ids.csv"
        assert table.read_text() == "old_id,new_id,name\n17,1,carry/hold (an object)\n"


def test_every_filter_narrows_the_counts(here: Path, fetch: Callable[..., None], say: Say) -> None:
    """As it narrows every verb: the videos are those that `plan` would have."""
    fetch("ava-kinetics-v1.0", *SPLITS)
    for words in (("--min-samples", "4"), ("--balanced", "1"), ("--sample", "0.4"), ("--limit", "2"), ("--seed", "3")):
        chosen = planned(say, "ava-kinetics-v1.0", *SPLITS, *words)["video"]
        rows = of(say("stats", "--dataset", "ava-kinetics-v1.0", *SPLITS, *words), "splits")
        # Without a filter, the video whose key frame no clip holds is counted, too.
        assert rows[-1]["videos"] == chosen + (words[0] == "--seed"), words
    assert not (here / "data" / "ava").exists()


def test_what_speech_shares_with_films_of_others(fetch: Callable[..., None], say: Say) -> None:
    for name in FILES:
        fetch(name, *(SPLITS if "kinetics" in name else ()))
    others = "ava-activespeaker-v1.0,ava-kinetics-v1.0"
    lines = of(say("stats", "--dataset", "ava-speech-v1.0", "--against", others), "overlap")
    assert [(row["other_dataset"], row["other_split"], row["what"], row["shared"]) for row in lines] == [
        ("ava-activespeaker-v1.0", "train", "videos", 1), ("ava-activespeaker-v1.0", "val", "videos", 1),
        ("ava-kinetics-v1.0", "train", "videos", 0), ("ava-kinetics-v1.0", "test", "videos", 0),
    ]  # fmt: skip


def test_json(here: Path, say: Say) -> None:
    (here / "tinyjson.yaml").write_text(forms.JSON_MANIFEST)
    folder = here / "given"
    folder.mkdir()
    forms.kinetics_json(folder)
    assert cli.run(["fetch", "--manifest", "tinyjson.yaml", "--from", str(folder)]) == 0
    lines = say("stats", "--dataset", "tinyjson", "--plots", "figures")
    assert [row["clips"] for row in of(lines, "splits")] == [3, 1, 4]
    assert {path.name for path in (here / "figures").iterdir()} == LONG_TAIL | LENGTHS
    say("subset", "small", "--dataset", "tinyjson", "--classes", "yoga", "--balanced", "1")
    assert planned(say, "small") == {"video": 1, "clip": 1}
    say("check", "--dataset", "small")
    assert [row["clips"] for row in of(say("stats", "--dataset", "small"), "splits")] == [1]
    say("verify")
