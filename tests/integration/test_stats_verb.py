"""`avakit stats` from outside."""

import csv
import os
import shutil
from pathlib import Path

import pytest

from avakit import cli
from avakit.stats import figures
from tests.integration.world import World

DATA = Path(__file__).parents[1] / "data" / "annotations"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("AVAKIT"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def labelled(home: Path) -> Path:
    """Return a folder with labels and label map, as a person has them who has nothing else."""
    folder = home / "labels"
    folder.mkdir()
    shutil.copy(DATA / "ava_action_list_v2.2.pbtxt", folder / "ava_action_list_v1.0.pbtxt")
    shutil.copy(DATA / "ava_test_v1.0_head.csv", folder / "ava_test_v1.0.csv")
    return folder


V10 = ["stats", "--dataset", "ava-v1.0", "--split", "test", "--annotations", "labels"]


@pytest.mark.usefixtures("labelled")
def test_figures_and_tables_from_a_labelled_file_in_one_command(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*V10, "--plots", "figures", "--csv", "tables"]) == 0
    out, err = capsys.readouterr()
    assert "of 80 classes occur" in out
    assert err.count("wrote figures/") == 8
    names = {path.name for path in (home / "figures").iterdir()}
    stems = ("long_tail", "cooccurrence", "labels_per_person", "box_sizes")
    assert names == {f"{stem}.{suffix}" for stem in stems for suffix in ("png", "svg")}
    for path in (home / "figures").iterdir():
        start = path.read_bytes()[:200]
        assert start.startswith(b"\x89PNG") if path.suffix == ".png" else b"<?xml" in start
    with (home / "tables" / "splits.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["split"], row["labels"]) == ("test", "60")
    assert not (home / "data").exists()


@pytest.mark.usefixtures("labelled")
def test_equal_counts_give_equal_figures(home: Path) -> None:
    for folder in ("one", "two"):
        assert cli.run([*V10, "--plots", folder]) == 0
    for path in (home / "one").iterdir():
        assert path.read_bytes() == (home / "two" / path.name).read_bytes()


@pytest.mark.usefixtures("labelled")
def test_without_matplotlib_the_extra_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(figures, "find_spec", lambda name: None)  # noqa: ARG005 - the module's own signature
    assert cli.run([*V10, "--plots", "figures"]) == 69
    assert "pip install 'avakit[plots]'" in capsys.readouterr().err
    assert not (home / "figures").exists()
    assert cli.run(V10) == 0


def test_what_is_not_here_yet_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["stats", "--dataset", "ava-v1.0", "--split", "test"]) == 65
    err = capsys.readouterr().err
    assert "ava_test_v1.0.csv, ava_action_list_v1.0.pbtxt not here yet" in err
    assert "avakit fetch --dataset ava-v1.0" in err


@pytest.mark.usefixtures("labelled")
def test_so_is_what_it_should_be_compared_with(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*V10, "--against", "ava-v2.2"]) == 65
    assert "avakit fetch --dataset ava-v2.2" in capsys.readouterr().err


def test_what_missing_films_cost(world: World) -> None:
    """One of three films is gone; with it goes a third of all labels but those of the excluded second."""
    world.server.state.folder.joinpath("youtube", "reelvarie-3.mp4").unlink()
    world.run("prepare", "--manifest", "tiny.yaml", "--max-unavailable", "50")
    found = world.json("stats", "--dataset", "tiny")
    by_type = {line["type"]: line for line in found}
    videos = next(line for line in found if line["type"] == "coverage" and line["what"] == "videos")
    assert (videos["total"], videos["there"], videos["unavailable"]) == (3, 2, 1)
    assert by_type["splits"]["labels"] == 24
    assert by_type["coverage_classes"]["lost_share"] == pytest.approx(1 / 3, abs=1e-5)
    assert "33.3 %" in world.run("stats", "--dataset", "tiny", "--plots", "figures").stdout
    assert (world.folder / "figures" / "coverage.png").is_file()


def test_films_chosen_by_class_are_said_to_be_whole(world: World) -> None:
    world.run("fetch", "--manifest", "tiny.yaml")
    whole, *_ = world.json("stats", "--dataset", "tiny")
    for chosen in (("--min-samples", "1"), ("--balanced", "1")):
        note = "films were chosen by class and are counted with all their labels"
        assert f"note: {note}" in world.run("stats", "--dataset", "tiny", *chosen).stdout
        assert world.json("stats", "--dataset", "tiny", *chosen)[-1]["text"].startswith(note)
    assert "note" not in world.run("stats", "--dataset", "tiny", "--limit", "1").stdout
    assert whole["labels"]
    assert "all their labels" in " ".join(world.run("stats", "--help").stdout.split())


def test_clips_and_a_class_of_them(clip_world: World) -> None:
    clip_world.run("fetch", "--manifest", "tinetics.yaml")
    found = clip_world.json("stats", "--dataset", "tinetics", "--classes", "abseiling")
    assert [(line["split"], line["clips"]) for line in found if line["type"] == "splits"] == [("train", 2)]
    assert [line["class"] for line in found if line["type"] == "classes"] == ["abseiling"]
    assert not [line for line in found if line["type"] == "note"]
    out = clip_world.run("stats", "--dataset", "tinetics", "--plots", "figures").stdout
    assert "3 of 3 classes occur" in out
    assert {path.name for path in (clip_world.folder / "figures").iterdir()} == {
        "long_tail.png", "long_tail.svg", "durations.png", "durations.svg",
    }  # fmt: skip
